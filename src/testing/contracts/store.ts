/** What every Store must do, as tests: an adapter's test file calls this with a way to open one. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { StoreError } from "../../core/errors.ts";
import { asRunId, newCallId, newRunId } from "../../core/ids.ts";
import type { RunId } from "../../core/ids.ts";
import type { NewAnswer, NewRun, RunEnd, Store } from "../../core/store.ts";
import type { TraceEvent } from "../../core/trace.ts";
import { durableStoreContract } from "./durable-store.ts";
import type { DurableStore } from "./durable-store.ts";

export interface StoreUnderTest {
  /** Opens the store of an empty folder. */
  open(directory: string): Promise<Store>;
  /** Only for a store that outlives its process: lets other processes open it, to be killed. */
  readonly durable?: DurableStore;
}

/** Registers the contract with node:test. */
export function storeContract(name: string, subject: StoreUnderTest): void {
  const storeTest = (title: string, check: (store: Store) => Promise<void>): void => {
    test(title, async () => {
      const directory = await mkdtemp(join(tmpdir(), "store-"));
      const store = await subject.open(directory);
      try {
        await check(store);
      } finally {
        await store.close();
        await rm(directory, { recursive: true });
      }
    });
  };
  describe(`${name} keeps the contract of a store`, () => {
    runTests(storeTest);
    eventTests(storeTest);
    answerTests(storeTest);
    lifeTests(storeTest);
    if (subject.durable) durableStoreContract(subject.durable);
  });
}

type StoreTest = (title: string, check: (store: Store) => Promise<void>) => void;

function runTests(storeTest: StoreTest): void {
  storeTest("a run comes back as it was created, without an end until it is finished", async (store) => {
    const run = { ...newRun(), query: `What?\n${awkward}`, recipe: { paths: ["a", awkward], depth: null } };
    await store.runs.create(run);
    assert.deepEqual(await store.runs.get(run.id), { ...run, end: undefined });
    await store.runs.finish(run.id, newEnd("answered"));
    assert.deepEqual(await store.runs.get(run.id), { ...run, end: newEnd("answered") });
  });

  storeTest("the last of several ends holds", async (store) => {
    const run = newRun();
    await store.runs.create(run);
    await store.runs.finish(run.id, newEnd("partial"));
    await store.runs.finish(run.id, newEnd("answered"));
    assert.equal((await store.runs.get(run.id)).end?.status, "answered");
    assert.equal((await store.runs.list({ limit: 9 })).length, 1);
  });

  storeTest(
    "what is asked without waiting for what was asked before is done in that order",
    async (store) => {
      const run = newRun();
      const created = store.runs.create(run);
      const ended = store.runs.finish(run.id, newEnd("partial"));
      const endedAgain = store.runs.finish(run.id, newEnd("answered"));
      const found = store.runs.get(run.id);
      await Promise.all([created, ended, endedAgain]);
      assert.equal((await found).end?.status, "answered");
    },
  );

  storeTest("a run is found by the beginning of its id when only one begins so", async (store) => {
    const [first, second] = [newRun({ id: asRunId("run_ab1") }), newRun({ id: asRunId("run_ab12") })];
    await store.runs.create(first);
    await store.runs.create(second);
    assert.equal((await store.runs.get(asRunId("run_ab12"))).id, second.id);
    assert.equal((await store.runs.get(asRunId("run_ab1"))).id, first.id, "a whole id is no prefix");
    const refusal = store.runs.get(asRunId("run_a"));
    await assert.rejects(refusal, (error) => isStoreError(error, "not_found", /run_ab1, run_ab12/));
  });

  storeTest("an unknown run is refused by every operation, naming the newest runs", async (store) => {
    await assert.rejects(store.runs.get(asRunId("run_x")), (error) =>
      isStoreError(error, "not_found", /run_x/),
    );
    const runs = [1, 2, 3, 4].map((at) => newRun({ at }));
    for (const run of runs) await store.runs.create(run);
    const unknown = asRunId("run_unknown");
    const newest = new RegExp(`run_unknown.*${[3, 2, 1].map((index) => runs[index]?.id).join(", ")}`);
    const named = (error: unknown): boolean => isStoreError(error, "not_found", newest);
    await assert.rejects(store.runs.get(unknown), named);
    await assert.rejects(store.runs.get(asRunId("")), (error) => isStoreError(error, "not_found"));
    await assert.rejects(store.runs.append(unknown, [notice(unknown, 1)]), named);
    await assert.rejects(store.runs.finish(unknown, newEnd("answered")), named);
    await assert.rejects(all(store.runs.events(unknown)), named);
  });

  storeTest("an id is given only once", async (store) => {
    const run = newRun();
    await store.runs.create(run);
    await assert.rejects(store.runs.create(run), (error) => isStoreError(error, "version_conflict"));
  });

  storeTest("a list has the newest root runs first, as many as asked for", async (store) => {
    const runs = [30, 10, 20, 20].map((at) => newRun({ at }));
    for (const run of runs) await store.runs.create(run);
    const [first, , third, fourth] = runs;
    await store.runs.append(first?.id ?? newRunId(), [notice(newRunId(), 1, first?.id)]);
    const listed = (await store.runs.list({ limit: 3 })).map(({ id }) => id);
    assert.deepEqual(listed, [first?.id, fourth?.id, third?.id]);
  });
}

function eventTests(storeTest: StoreTest): void {
  storeTest("events come back exactly, in order of their seq", async (store) => {
    const run = newRun();
    await store.runs.create(run);
    const events = [awkward, "plain", long, `${long}${awkward}`, "", long].map((text, index) =>
      notice(run.id, index + 1, undefined, text),
    );
    await store.runs.append(run.id, events.slice(3));
    await store.runs.append(run.id, events.slice(0, 3));
    await store.runs.append(run.id, []);
    assert.deepEqual(await all(store.runs.events(run.id)), events);
  });

  storeTest("data that looks like the store's own notation comes back as it was", async (store) => {
    const run = newRun();
    await store.runs.create(run);
    const reference = { $text: "0".repeat(64) };
    const settings = JSON.parse(
      `{"a":${JSON.stringify(reference)},"$text":"x","$$text":{"$text":""},"b$text":["$text","\\"$text\\":",${JSON.stringify(long)}],"__proto__":{"$text":1},"${"k".repeat(2000)}":1}`,
    ) as Record<string, string>;
    const { at, seq, runId, depth } = notice(run.id, 1);
    const event: TraceEvent = {
      at,
      seq,
      runId,
      depth,
      type: "run-start",
      query: long,
      corpus: reference,
      settings,
    };
    await store.runs.append(run.id, [event]);
    const [back] = await all(store.runs.events(run.id));
    assert.equal(JSON.stringify(back), JSON.stringify(event));
  });

  storeTest(
    "a run's events include those of all runs below it, a child's only its own branch",
    async (store) => {
      const [run, other] = [newRun(), newRun()];
      await store.runs.create(run);
      await store.runs.create(other);
      const [child, grandchild, sibling] = [newRunId(), newRunId(), newRunId()];
      const events = [
        notice(run.id, 1),
        notice(child, 2, run.id),
        notice(grandchild, 3, child),
        notice(sibling, 4, run.id),
        notice(child, 5, run.id),
      ];
      await store.runs.append(run.id, events.slice(0, 4));
      await store.runs.append(child, events.slice(4));
      await store.runs.append(other.id, [notice(other.id, 1)]);
      const seqs = async (id: RunId): Promise<number[]> =>
        (await all(store.runs.events(id))).map(({ seq }) => seq);
      assert.deepEqual(await seqs(run.id), [1, 2, 3, 4, 5]);
      assert.deepEqual(await seqs(child), [2, 3, 5]);
      assert.deepEqual(await seqs(grandchild), [3]);
      assert.deepEqual(await seqs(other.id), [1]);
    },
  );

  storeTest("thousands of events come back whole", async (store) => {
    const run = newRun();
    await store.runs.create(run);
    const events = Array.from({ length: 2000 }, (_, index) => notice(run.id, index + 1));
    await store.runs.append(run.id, events);
    assert.deepEqual(await all(store.runs.events(run.id)), events);
  });

  storeTest("what a caller changes after a write is not stored", async (store) => {
    const run = { ...newRun(), recipe: { depth: 1 } };
    const creating = store.runs.create(run);
    run.recipe.depth = 2;
    await creating;
    assert.deepEqual((await store.runs.get(run.id)).recipe, { depth: 1 });
  });
}

function answerTests(storeTest: StoreTest): void {
  storeTest("an answer is found by its request, its ordinal and the run that paid for it", async (store) => {
    const [mine, theirs] = [newRunId(), newRunId()];
    const answer = newAnswer(mine, { ordinal: 1, text: `${long}${awkward}`, costUsd: 0.1 + 0.2 });
    await store.answers.save(answer);
    const { callId, runId, reply, costUsd } = answer;
    assert.deepEqual(await store.answers.find("hash", 1, mine), { callId, runId, reply, costUsd });
    assert.deepEqual(await store.answers.find("hash", 1, "any"), { callId, runId, reply, costUsd });
    assert.equal(await store.answers.find("hash", 0, "any"), undefined);
    assert.equal(await store.answers.find("other", 1, "any"), undefined);
    assert.equal(await store.answers.find("hash", 1, theirs), undefined);
  });

  storeTest("of several answers to one request the newest counts, for each run its own", async (store) => {
    const [mine, theirs] = [newRunId(), newRunId()];
    await store.answers.save(newAnswer(mine, { text: "old" }));
    await store.answers.save(newAnswer(theirs, { text: "new" }));
    assert.equal((await store.answers.find("hash", 0, "any"))?.reply.text, "new");
    assert.equal((await store.answers.find("hash", 0, mine))?.reply.text, "old");
  });

  storeTest("saving a call twice changes nothing", async (store) => {
    const answer = newAnswer(newRunId(), { text: "once" });
    await store.answers.save(answer);
    await store.answers.save({ ...answer, ordinal: 1 });
    assert.equal(await store.answers.find("hash", 1, "any"), undefined);
    assert.equal((await store.answers.find("hash", 0, "any"))?.costUsd, null);
  });
}

function lifeTests(storeTest: StoreTest): void {
  storeTest("a read sees every write that was called before it", async (store) => {
    const run = newRun();
    const writes = [store.runs.create(run), store.runs.append(run.id, [notice(run.id, 1)])];
    const read = all(store.runs.events(run.id));
    const found = Promise.all(
      Array.from({ length: 600 }, async (_, ordinal) => {
        writes.push(store.answers.save(newAnswer(run.id, { ordinal, text: String(ordinal) })));
        return (await store.answers.find("hash", ordinal, run.id))?.reply.text;
      }),
    );
    assert.equal((await read).length, 1);
    assert.deepEqual(
      await found,
      Array.from({ length: 600 }, (_, ordinal) => String(ordinal)),
    );
    await Promise.all(writes);
  });

  storeTest("one bad write among many fails alone", async (store) => {
    const run = newRun();
    const outcomes = await Promise.allSettled([
      store.runs.create(run),
      store.runs.append(asRunId("run_unknown"), [notice(run.id, 1)]),
      store.runs.append(run.id, [notice(newRunId(), 2, run.id)]),
      store.runs.create(run),
      store.runs.append(run.id, [notice(run.id, 3)]),
    ]);
    const statuses = outcomes.map(({ status }) => status);
    assert.deepEqual(statuses, ["fulfilled", "rejected", "fulfilled", "rejected", "fulfilled"]);
    assert.deepEqual(
      (await all(store.runs.events(run.id))).map(({ seq }) => seq),
      [2, 3],
    );
  });

  storeTest("a closed store says so, and closing it again does nothing", async (store) => {
    await store.close();
    await store.close();
    const refusal = store.runs.list({ limit: 1 });
    await assert.rejects(refusal, (error) => isStoreError(error, "unavailable", /closed/));
  });
}

const awkward = 'nul \0, lone \ud800 and \udc80, emoji 🐘, quotes "\'\\", é\u2028\r\n';
const long = "A line that is said again and again.\n".repeat(300);

function newRun(values: Partial<NewRun> = {}): NewRun {
  return { id: newRunId(), at: 1_700_000_000_000, query: "What?", recipe: {}, fingerprint: "f", ...values };
}

function newEnd(status: string): RunEnd {
  return {
    at: 1_700_000_000_001.5,
    status,
    answer: `${long}${awkward}`,
    result: { status, answer: long, citations: [] },
  };
}

function notice(runId: RunId, seq: number, parentRunId?: RunId, text: string = `event ${seq}`): TraceEvent {
  const event = {
    type: "notice",
    text,
    runId,
    depth: parentRunId ? 1 : 0,
    seq,
    at: 1_700_000_000_000 + seq,
  } as const;
  return parentRunId ? { ...event, parentRunId } : event;
}

function newAnswer(
  runId: RunId,
  { ordinal = 0, text, costUsd = null }: { ordinal?: number; text: string; costUsd?: number | null },
): NewAnswer {
  const usage = { inputTokens: 10, cachedInputTokens: 0, outputTokens: 2, reasoningTokens: 0 };
  const reply = { content: [{ type: "text", text }], text, stopReason: "stop", usage } as const;
  return { callId: newCallId(), runId, requestHash: "hash", ordinal, reply, costUsd, at: 1_700_000_000_000 };
}

function isStoreError(error: unknown, code: string, message: RegExp = /./): boolean {
  assert.ok(error instanceof StoreError, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, message);
  return true;
}

async function all<Value>(values: AsyncIterable<Value>): Promise<Value[]> {
  return Array.fromAsync(values);
}
