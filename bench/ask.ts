/**
 * What `ask` adds to the model calls it makes, against the bare calls. Prints ratios with their bars; a provider in another
 * process answers. `node bench/ask.ts [parallel] [calls] [warm] [large]`, all of them by default.
 */
import { fork, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, request } from "undici";
import { rgPath } from "@vscode/ripgrep";
import type { TraceEvent } from "../src/core/trace.ts";
import type { AskContext, AskResult, Engine } from "../src/engine/index.ts";
import { openaiCompatible } from "../src/models/index.ts";
import { createEngine, type SandboxName } from "../src/setup/open-engine.ts";
import { startFakeProvider } from "../src/testing/fake-provider.ts";
import { code } from "../src/testing/scripted-model.ts";
import { writeLargeText } from "./large-text.ts";

const paragraph = "The quick brown fox jumps over the lazy dog. ".repeat(45); // 2 kB
const answer = "An answer of some length that a model may well give. ".repeat(13); // 0.7 kB
const leafReply = JSON.stringify({
  ...{ id: "c", object: "chat.completion", created: 1, model: "leaf" },
  choices: [{ index: 0, message: { role: "assistant", content: answer }, finish_reason: "stop" }],
  usage: { prompt_tokens: 500, completion_tokens: 130, total_tokens: 630 },
});
const sandbox: SandboxName = process.env["BENCH_SANDBOX"] === "native" ? "native" : "wasm";
const sections: Readonly<Record<string, (bench: Bench) => Promise<void>>> = { parallel, calls, warm, large };

if (process.argv[2] === "serve") await serve();
else await measure(process.argv.length > 2 ? process.argv.slice(2) : Object.keys(sections));

interface Bench extends Served {
  readonly directory: string;
  /** Posts what a sub-call posts, without anything of ours. */
  readonly bare: (model: string, prompt: string) => Promise<unknown>;
}

interface Served {
  readonly rootUrl: string;
  readonly leafUrl: string;
}

/** The root's cell stands in the question; its name says how long it thinks. */
async function serve(): Promise<void> {
  const root = await startFakeProvider({
    record: 0,
    reply: async ({ model, messages }) => {
      const thinkingMs = Number(/^root-(\d+)ms$/.exec(model)?.[1] ?? 0);
      if (thinkingMs > 0) await pause(thinkingMs);
      return /# Question\n([\s\S]*?)\n\n# The context/.exec(messages[1]?.text ?? "")?.[1] ?? answer;
    },
  });
  const leaf = createServer((incoming, response) => void answerLeaf(incoming, response)).listen(
    0,
    "127.0.0.1",
  );
  await once(leaf, "listening");
  // Where it listens on a port there is an address.
  const { port } = leaf.address() as AddressInfo;
  const served: Served = { rootUrl: root.baseUrl, leafUrl: `http://127.0.0.1:${port}/v1` };
  process.send?.(JSON.stringify(served));
}

/** The model's name says how long an answer takes. Nothing is parsed: sixteen at once would wait for it, and it is not ours. */
async function answerLeaf(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = "";
  for await (const chunk of incoming.setEncoding("latin1")) body += String(chunk);
  const delayMs = Number(/"model":"leaf-(\d+)ms"/.exec(body)?.[1] ?? 0);
  if (delayMs > 0) await pause(delayMs);
  response.writeHead(200, { "content-type": "application/json" }).end(leafReply);
}

async function measure(wanted: readonly string[]): Promise<void> {
  const server = fork(import.meta.filename, ["serve"]);
  const directory = mkdtempSync(join(tmpdir(), "unabridged-bench-"));
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0 });
  // Sent by `serve` above.
  const served = JSON.parse(await firstMessage(server)) as Served;
  const headers = { "content-type": "application/json", authorization: "Bearer key" };
  const bare: Bench["bare"] = async (model, content) => {
    const body = JSON.stringify({ model, messages: [{ role: "user", content }] });
    const { signal } = new AbortController();
    const baseUrl = model === "root" ? served.rootUrl : served.leafUrl;
    const response = await request(`${baseUrl}/chat/completions`, {
      method: "POST",
      headers,
      body,
      signal,
      dispatcher,
    });
    return response.body.json();
  };
  try {
    for (const name of wanted) await sections[name]?.({ ...served, directory, bare });
  } finally {
    server.kill();
    await dispatcher.close();
    rmSync(directory, { recursive: true });
  }
}

/** 200 sub-calls of 50 ms, 16 at once: the batch as the cell waits for it. */
async function parallel({ directory, bare, ...served }: Bench): Promise<void> {
  const [count, delayMs, width] = [200, 50, 16];
  const idealMs = Math.ceil(count / width) * delayMs;
  const leaf = `leaf-${delayMs}ms`;
  const engine = openEngine(served, directory, leaf, width);
  const cell = (round: number): string => code`
    import time
    began = time.time()
    replies = llm_query_batched([f"${round} {n} " + context for n in range(${count})])
    FINAL(f"{(time.time() - began) * 1000} {sum(1 for r in replies if r)}")`;
  // What is asked must differ from run to run, or the numbers would be those of a store that knows it.
  for (let round = -3; round < 0; round++) await runOnce(engine, cell(round), paragraph);
  const ours = await median(9, async (round) => {
    const { result } = await runOnce(engine, cell(round), paragraph);
    const [ms = "", answered = ""] = result.answer.split(" ");
    if (Number(answered) !== count) throw new Error(`only ${answered} calls were answered`);
    return Number(ms);
  });
  for (let round = 0; round < 3; round++) await inLanes(count, width, () => bare(leaf, paragraph));
  const bareMs = await median(9, () => timeOf(() => inLanes(count, width, () => bare(leaf, paragraph))));
  await engine.close();
  const ratio = (ours / idealMs).toFixed(3);
  report(
    `${count} sub-calls of ${delayMs} ms, ${width} at once`,
    `${ours.toFixed(0)} ms = ${ratio} × the ideal ${idealMs} ms (bar 1.1 ×; bare calls ${(bareMs / idealMs).toFixed(3)} ×)`,
  );
}

/** Processor time of this process for 10,000 sub-calls in one run, less that of the same calls bare. */
async function calls({ directory, bare, ...served }: Bench): Promise<void> {
  const [count, width] = [10_000, 64];
  const engine = openEngine(served, directory, "leaf-5ms", width);
  const cell = (size: number): string => code`
    replies = llm_query_batched([f"${size} {n} " + context for n in range(${size})])
    FINAL(str(sum(1 for r in replies if r)))`;
  await runOnce(engine, cell(500), paragraph);
  await inLanes(500, width, () => bare("leaf-5ms", paragraph));
  const bareMs =
    (await cpuOf(() => inLanes(count, width, (n) => bare("leaf-5ms", `${n} ${paragraph}`)))) / count;
  const oursMs = (await cpuOf(() => runOnce(engine, cell(count), paragraph))) / count;
  await engine.close();
  report(
    `${count.toLocaleString("en-US")} sub-calls in one run`,
    `${(oursMs - bareMs).toFixed(3)} ms of processor time each beyond the bare call (bar 1 ms; bare ${bareMs.toFixed(3)} ms, ours ${oursMs.toFixed(3)} ms)`,
  );
}

/** One root call that ends at once, with everything warm, less a bare call of the same size. */
async function warm({ directory, bare, ...served }: Bench): Promise<void> {
  const engine = openEngine(served, directory, "leaf-0ms", 16);
  const one = (n: number): Promise<number> =>
    timeOf(async () => runOnce(engine, code`FINAL("done ${n}")`, paragraph));
  // The interpreter in reserve is booted again between runs; a person doesn't ask ten questions a second.
  const rested = async (n: number): Promise<number> => pause(800).then(() => one(n));
  for (let n = 0; n < 5; n++) await rested(n);
  const oursMs = await median(20, rested);
  const size = paragraph.repeat(4);
  // Rested as well: a process that has slept for a while is slow at first, whatever it does.
  const bareMs = await median(20, async () => pause(800).then(() => timeOf(() => bare("root", size))));
  await engine.close();
  report(
    "a warm run of one root call",
    `${(oursMs - bareMs).toFixed(1)} ms beyond the bare call (bar 15 ms; bare ${bareMs.toFixed(1)} ms, ours ${oursMs.toFixed(1)} ms)`,
  );
}

/**
 * A gigabyte: opened, and searched from a cell. Positions are counted while the root LM thinks: half a second, as the fastest do, or
 * no time at all.
 */
async function large({ directory, ...served }: Bench): Promise<void> {
  const file = join(directory, "large.txt");
  writeLargeText(file, 1_000);
  const thinking = openEngine(served, directory, "leaf-0ms", 16, "root-500ms");
  const instant = openEngine(served, directory, "leaf-0ms", 16);
  for (const engine of [thinking, instant]) await runOnce(engine, code`FINAL("warm")`, paragraph);
  const before = process.memoryUsage.rss();
  const searches = [
    [instant, "NEEDLE-\\d+", "a root LM that answers at once"],
    [thinking, "NEEDLE-\\d+", "one that takes 0.5 s"],
    [thinking, "whale", "one that takes 0.5 s"],
  ] as const;
  for (const [engine, pattern, root] of searches) {
    const bareMs = Math.min(
      ...[1, 2, 3].map(() => {
        const start = performance.now();
        spawnSync(rgPath, ["--no-config", "--count-matches", pattern, file]);
        return performance.now() - start;
      }),
    );
    const began = performance.now();
    let openedMs = 0;
    const times: number[] = [];
    const { events } = await runOnce(
      engine,
      code`FINAL([grep(r"${pattern}").total for n in range(3)])`,
      { paths: [file] },
      (event) => void (event.type === "run-start" && (openedMs = performance.now() - began)),
    );
    for (const event of events) if (event.type === "look-up") times.push(event.durationMs);
    report(
      `1 GB, regex ${pattern}, ${root}`,
      `opened in ${openedMs.toFixed(0)} ms (bar 2000); grep in a cell ${times.map((ms) => `${(ms / bareMs).toFixed(2)} ×`).join(", ")} ripgrep's ${bareMs.toFixed(0)} ms (bar 2 ×)`,
    );
  }
  for (const words of ["the NEEDLE in a haystack", "a sailor with a lantern by night"]) {
    const began = performance.now();
    let askedMs = 0;
    const query = `Where is ${words}?\n${code`FINAL("done")`}`;
    const watch = (event: TraceEvent): void =>
      void (event.type === "model-start" && (askedMs = performance.now() - began));
    await runOnce(instant, query, { paths: [file] }, watch, { phase0: true });
    report(`1 GB, phase 0, ${words}`, `the root LM is asked after ${askedMs.toFixed(0)} ms`);
  }
  report(
    "1 GB, memory",
    `${((process.memoryUsage.rss() - before) / 1e6).toFixed(0)} MB beyond the start (bar 400)`,
  );
  for (const engine of [thinking, instant]) await engine.close();
}

function openEngine(
  { rootUrl, leafUrl }: Served,
  directory: string,
  leaf: string,
  concurrency: number,
  root: string = "root",
): Engine {
  const model = (baseUrl: string, id: string): ReturnType<typeof openaiCompatible> =>
    openaiCompatible({ baseUrl, id, apiKey: "key", contextWindow: 128_000 });
  return createEngine({
    model: model(rootUrl, root),
    subModel: model(leafUrl, leaf),
    sandbox,
    home: join(directory, `home-${root}-${leaf}-${concurrency}`),
    limits: { concurrency },
  });
}

async function runOnce(
  engine: Engine,
  question: string,
  context: AskContext,
  watch: (event: TraceEvent) => void = () => {},
  { phase0 = false }: { readonly phase0?: boolean } = {},
): Promise<{ result: AskResult; events: readonly TraceEvent[] }> {
  const run = engine.ask({ query: question, context }, { cache: false, phase0 });
  const events: TraceEvent[] = [];
  for await (const event of run) {
    watch(event);
    if (event.type === "look-up") events.push(event);
  }
  const result = await run.result();
  if (result.status !== "answered") throw new Error(`The run ended ${result.status}.`);
  return { result, events };
}

async function inLanes(count: number, width: number, act: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await act(next++);
  };
  await Promise.all(Array.from({ length: width }, lane));
}

async function cpuOf(act: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await act();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e3;
}

async function timeOf(act: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await act();
  return performance.now() - start;
}

async function median(times: number, act: (n: number) => Promise<number>): Promise<number> {
  const values: number[] = [];
  for (let n = 1; n <= times; n++) values.push(await act(n));
  return values.sort((a, b) => a - b)[times >> 1] ?? 0;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function firstMessage(child: ChildProcess): Promise<string> {
  const [message] = await once(child, "message");
  return String(message);
}

function report(name: string, figures: string): void {
  console.log(`${name}: ${figures}`);
}
