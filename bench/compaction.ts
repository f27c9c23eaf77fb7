/**
 * What a conversation costs its host while it is compacted as it grows: how long the calling thread is kept from its events,
 * and p50 and p99 of assembling the next request. A provider in another process writes the labels. Its replies are canned: this
 * measures the machinery, no model. Run: node bench/compaction.ts [messages] [window]
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { user } from "../src/core/message.ts";
import { openaiCompatible } from "../src/models/index.ts";
import { createEngine } from "../src/setup/open-engine.ts";
import { startFakeProvider } from "../src/testing/fake-provider.ts";

const isProvider = process.argv[2] === "provider";
const [messages = 8_000, contextWindow = 8_000] = process.argv.slice(2).map(Number);
const turnMessages = 15;

await (isProvider ? provide() : measure());

/** A label of some length, after the time that a quick model takes. */
async function provide(): Promise<void> {
  const label = "Someone asked about the build and was told which flag to set. ".repeat(6);
  const provider = await startFakeProvider({ record: 0, reply: () => ({ text: label, delayMs: 20 }) });
  process.send?.(provider.baseUrl);
}

async function measure(): Promise<void> {
  const provider = fork(import.meta.filename, ["provider"]);
  const home = await mkdtemp(join(tmpdir(), "bench-compaction-"));
  const [baseUrl] = await once(provider, "message");
  const model = openaiCompatible({ baseUrl: String(baseUrl), id: "labels", apiKey: "key", contextWindow });
  const engine = createEngine({ model, home });
  try {
    // Loads what the first call of a process loads: the provider's package, the store.
    await grow(engine.conversation("warm"), 600);
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const began = performance.now();
    const { times, swaps } = await grow(engine.conversation("long"), messages);
    const seconds = (performance.now() - began) / 1000;
    delay.disable();
    const ms = (value: number): string => (value / 1e6).toFixed(1);
    print("grown", `${messages} messages, window ${contextWindow}, ${swaps} swaps, ${seconds.toFixed(1)} s`);
    print("assemble the next request", `p50 ${at(times, 0.5)} ms, p99 ${at(times, 0.99)} ms`);
    print(
      "event loop meanwhile",
      `p50 ${ms(delay.percentile(50))}, p99 ${ms(delay.percentile(99))}, p99.9 ${ms(delay.percentile(99.9))}, at most ${ms(delay.max)} ms (bar 20)`,
    );
  } finally {
    await engine.close();
    provider.kill();
    await rm(home, { recursive: true });
  }
}

type Conversation = ReturnType<ReturnType<typeof createEngine>["conversation"]>;

async function grow(
  conversation: Conversation,
  count: number,
): Promise<{ readonly times: readonly number[]; readonly swaps: number }> {
  const times: number[] = [];
  let [swaps, before] = [0, ""];
  for (let done = 0; done < count; done += turnMessages) {
    await conversation.append(Array.from({ length: turnMessages }, (_, index) => user(line(done + index))));
    const start = performance.now();
    const { items } = await conversation.context();
    times.push(performance.now() - start);
    const labels = items.flatMap((item) => (item.type === "label" ? [item.id] : [])).join();
    if (labels !== before) swaps++;
    before = labels;
  }
  return { times: times.sort((a, b) => a - b), swaps };
}

/** As people talk in a channel: mostly short, each another. */
function line(n: number): string {
  const words = [
    "the",
    "build",
    "fails",
    "with",
    "module",
    "not",
    "found",
    "after",
    "update",
    "anyone",
    "tried",
  ];
  const size = 4 + ((n * 7919) % 23);
  const said = Array.from({ length: size }, (_, index) => words[(n * 31 + index * 17) % words.length]);
  return `<user${(n * 13) % 40}> ${n}: ${said.join(" ")}`;
}

function at(sorted: readonly number[], share: number): string {
  return (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(2);
}

function print(name: string, what: string): void {
  console.log(`${name.padEnd(28)} ${what}`);
}
