/**
 * What the embedded store costs: microseconds of processor time, both threads together, for the calls that each
 * model call makes (find, save, append), alone and together, and the time to open it. Run: node bench/store.ts [calls]
 */
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newCallId, newRunId } from "../src/core/ids.ts";
import type { RunId } from "../src/core/ids.ts";
import { sha256 } from "../src/core/json.ts";
import { user } from "../src/core/message.ts";
import type { NewAnswer, Store } from "../src/core/store.ts";
import type { TraceEvent } from "../src/core/trace.ts";
import { sqlite } from "../src/stores/index.ts";

const calls = Number(process.argv[2] ?? 10_000);
const concurrency = 16;
const usage = { inputTokens: 900, cachedInputTokens: 0, outputTokens: 40, reasoningTokens: 0 };
const directory = await mkdtemp(join(tmpdir(), "bench-store-"));
try {
  const began = performance.now();
  const store = await sqlite({ directory });
  print("open a new store", `${(performance.now() - began).toFixed(0)} ms`);
  await measureCalls(store);
  await store.close();
  const again = performance.now();
  const reopened = await sqlite({ directory });
  print("open it again", `${(performance.now() - again).toFixed(0)} ms`);
  await reopened.close();
  const { size } = await stat(join(directory, "unabridged.db"));
  print("on disk", `${(size / 1e6).toFixed(1)} MB`);
} finally {
  await rm(directory, { recursive: true });
}

async function measureCalls(store: Store): Promise<void> {
  const runId = newRunId();
  await store.runs.create({ id: runId, at: 1, query: "?", recipe: {}, fingerprint: "" });
  // All inputs are made before the clock runs: ids and hashes are not the store's.
  const answers = Array.from({ length: calls * 2 }, (_, index) => answer(runId, index));
  const traces = answers.map((finished, index) => [modelStart(finished, index), modelEnd(finished, index)]);
  const find = (index: number): Promise<unknown> =>
    store.answers.find(answers[index]?.requestHash ?? "", 0, "any");
  const save = async (index: number): Promise<void> => {
    const finished = answers[index];
    if (finished) await store.answers.save(finished);
  };
  const append = (index: number): Promise<void> => store.runs.append(runId, traces[index] ?? []);
  await measure("find, nothing there", find);
  await measure("save", save);
  await measure("find, answered", find);
  await measure("append two events", append);
  await measure("find + save + append", async (index) => {
    await find(calls + index);
    await save(calls + index);
    await append(calls + index);
  });
}

async function measure(title: string, act: (index: number) => Promise<unknown>): Promise<void> {
  const cpu = process.cpuUsage();
  const mainCpu = process.threadCpuUsage();
  const began = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (next < calls) await act(next++);
    }),
  );
  const wall = performance.now() - began;
  const each = ({ user, system }: NodeJS.CpuUsage): string =>
    ((user + system) / calls).toFixed(0).padStart(4);
  const main = each(process.threadCpuUsage(mainCpu));
  print(
    title,
    `${each(process.cpuUsage(cpu))} µs CPU (${main} of it on the calling thread), ${((wall * 1e3) / calls).toFixed(0).padStart(4)} µs wall`,
  );
}

function answer(runId: RunId, index: number): NewAnswer {
  const text = `The answer to sub-question ${index} is in the second paragraph, where it is said in so many words.`;
  const reply = { content: [{ type: "text", text }], text, stopReason: "stop", usage } as const;
  const requestHash = sha256(String(index));
  return { callId: newCallId(), runId, requestHash, ordinal: 0, reply, costUsd: 0.0001, at: Date.now() };
}

/** A sub-call over a passage of 2,000 characters, no two the same. */
function modelStart({ callId, runId, at }: NewAnswer, index: number): TraceEvent {
  const passage = `Passage ${index}. ${"It was the best of times, it was the worst of times. ".repeat(38)}`;
  const request = { messages: [user(`What does this say?\n${passage}`)] };
  const place = { runId, depth: 0, seq: 2 * index, at };
  return { ...place, type: "model-start", callId, role: "sub", model: "m", provider: "p", request };
}

function modelEnd({ callId, runId, reply, costUsd, at }: NewAnswer, index: number): TraceEvent {
  const settled = {
    text: reply.text,
    stopReason: reply.stopReason,
    usage,
    costUsd,
    source: "provider",
  } as const;
  const place = { runId, depth: 0, seq: 2 * index + 1, at };
  return { ...place, type: "model-end", callId, role: "sub", model: "m", ...settled, durationMs: 50 };
}

function print(title: string, figures: string): void {
  console.log(`${title.padEnd(24)}${figures}`);
}
