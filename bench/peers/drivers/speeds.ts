/** The rows that are measured: overhead, fan-out, host cost, load and scan, a cell that does nothing. */
import { readFileSync } from "node:fs";
import { treeCpuMs, watchMemory } from "./processes.ts";
import { base, query, quoted, scene, stats, timed, width, type Peer } from "./scene.ts";

/** A peer whose runs take many seconds is measured by fewer of them. */
const longEnoughMs = 40_000;

/** A run that answers at once, turn about with the same calls made by bare fetch. */
export async function overhead(peer: Peer): Promise<unknown> {
  const context = "A line of a text that is of no interest at all.\n".repeat(460);
  await scene(peer.finish(quoted("ok")));
  const first = await timed(() => peer.run(query, context));
  const { root } = await stats();
  const measure = async (times: number, pauseMs: number): Promise<{ runMs: number; bareMs: number }> => {
    const runs: number[] = [];
    const bare: number[] = [];
    const begun = performance.now();
    for (let i = 0; i < times && (i < 2 || performance.now() - begun < longEnoughMs); i++) {
      await scene(peer.finish(quoted("ok")));
      // A person's questions do not follow each other at once: what is made ready in between counts, too.
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      runs.push((await timed(() => peer.run(query, context))).ms);
      bare.push((await timed(() => bareCalls(root))).ms);
    }
    return { runMs: median(runs), bareMs: median(bare) };
  };
  const spaced = await measure(9, 1_000);
  const dense = await measure(9, 0);
  return { firstMs: first.ms, answer: first.value, rootCalls: root, spaced, dense };
}

async function bareCalls(count: number): Promise<void> {
  const messages = [{ role: "user", content: query }];
  for (let i = 0; i < count; i++) {
    const response = await fetch(`${base}/chat/completions`, {
      method: "POST",
      body: JSON.stringify({ model: "root", messages }),
    });
    await response.json();
  }
}

export async function fanOut(peer: Peer, n: number, subDelayMs: number): Promise<unknown> {
  const { before, expression } = peer.fan(n);
  await scene(peer.finish(quoted("ok")));
  await peer.run(query, "warm");
  await scene(peer.finish(expression, before), { subDelayMs, subReply: peer.subReply });
  const cpuBefore = treeCpuMs(process.pid);
  const { ms, value } = await timed(() => peer.run(query, "A small text."));
  const cpuMs = treeCpuMs(process.pid) - cpuBefore;
  return { ms, cpuMs, answer: value, ...(await stats()), asked: n, width };
}

export async function scan(peer: Peer, way: Peer["scan"], path: string): Promise<unknown> {
  await scene(peer.finish(quoted("ok")));
  await peer.run(query, "warm");
  await scene(peer.finish(way.expression, way.before));
  const memory = watchMemory(process.pid);
  const { ms, value } = await timed(() => runOnFile(peer, path));
  return { ms, answer: value, peakMb: memory() };
}

/** What one more cell costs that does nothing, while the text is held. */
export async function noop(peer: Peer, path: string): Promise<unknown> {
  const runWith = async (cells: number): Promise<{ ms: number; value: string }> => {
    const steps = Array.from({ length: cells }, (_, index) =>
      peer.step(peer.language === "js" ? `var z${index} = 1` : `z${index} = 1`),
    );
    await scene([...steps, ...peer.finish(quoted("ok"))]);
    return timed(() => runOnFile(peer, path));
  };
  // The first makes things ready; then turn about, the best of each, for what else the machine does only adds.
  await runWith(1);
  let [one, nine, answer] = [Infinity, Infinity, ""];
  const begun = performance.now();
  for (let i = 0; i < 4 && (i < 1 || performance.now() - begun < longEnoughMs); i++) {
    one = Math.min(one, (await runWith(1)).ms);
    const last = await runWith(9);
    nine = Math.min(nine, last.ms);
    answer = last.value;
  }
  return { oneMs: one, nineMs: nine, answer };
}

async function runOnFile(peer: Peer, path: string): Promise<string> {
  return peer.takesPaths ? peer.run(query, "", path) : peer.run(query, readFileSync(path, "utf8"));
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
