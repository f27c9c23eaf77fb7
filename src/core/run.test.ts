/** What those who follow a run see, however late or often they look. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { asRunId } from "./ids.ts";
import { Run } from "./run.ts";
import type { TraceEvent } from "./trace.ts";

interface Work {
  readonly run: Run<string>;
  readonly emit: (seq: number) => void;
  readonly end: (result: string) => void;
  readonly fail: (error: Error) => void;
}

async function begun(): Promise<Work> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let publish: (event: TraceEvent) => void = () => assert.fail("It has not begun.");
  const runId = asRunId("run_1");
  const run = new Run<string>(runId, (emit) => {
    publish = emit;
    return promise;
  });
  await new Promise((resolved) => setImmediate(resolved));
  const emit = (seq: number): void =>
    publish({
      type: "model-delta",
      callId: `call_${seq}`,
      kind: "text",
      text: "",
      runId,
      depth: 0,
      seq,
      at: 0,
    } as TraceEvent);
  return { run, emit, end: resolve, fail: reject };
}

async function seqs(events: AsyncIterable<TraceEvent>): Promise<readonly number[]> {
  const seen: number[] = [];
  for await (const { seq } of events) seen.push(seq);
  return seen;
}

test("everyone who follows a run sees all its events, in order, at his own pace", async () => {
  const { run, emit, end } = await begun();
  const quick = seqs(run);
  const slow = (async () => {
    const seen: number[] = [];
    for await (const { seq } of run) {
      seen.push(seq);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return seen;
  })();
  for (const seq of [1, 2, 3]) emit(seq);
  await new Promise((resolve) => setImmediate(resolve));
  for (const seq of [4, 5]) emit(seq);
  end("done");
  assert.deepEqual(await Promise.all([quick, slow]), [
    [1, 2, 3, 4, 5],
    [1, 2, 3, 4, 5],
  ]);
});

test("reads that were asked for ahead are answered in order, and all end with the run", async () => {
  const { run, emit, end } = await begun();
  const events = run[Symbol.asyncIterator]();
  const reads = [events.next(), events.next(), events.next()];
  emit(1);
  emit(2);
  end("done");
  const results = await Promise.all(reads);
  assert.deepEqual(
    results.map((result) => (result.done === true ? "over" : result.value.seq)),
    [1, 2, "over"],
  );
  assert.equal((await events.next()).done, true);
});

test("what follows a run that has ended ends too, whether it was made before or after", async () => {
  const { run, emit, end } = await begun();
  const early = run[Symbol.asyncIterator]();
  emit(1);
  end("done");
  await run.result();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal((await early.next()).done, true);
  assert.deepEqual(await seqs(run), []);
});

test("a failure ends the following of it with what the result rejects with, after the last event", async () => {
  const { run, emit, fail } = await begun();
  const seen: number[] = [];
  const following = (async () => {
    for await (const { seq } of run) seen.push(seq);
  })();
  emit(1);
  fail(new Error("It broke."));
  await assert.rejects(following, /It broke/);
  await assert.rejects(seqs(run), /It broke/);
  await assert.rejects(run.result(), /It broke/);
  assert.deepEqual(seen, [1]);
});

test("who leaves early is not kept in mind, and the others go on", async () => {
  const { run, emit, end } = await begun();
  const all = seqs(run);
  const first = (async () => {
    for await (const { seq } of run) return seq;
    return undefined;
  })();
  emit(1);
  assert.equal(await first, 1);
  emit(2);
  end("done");
  assert.deepEqual(await all, [1, 2]);
});
