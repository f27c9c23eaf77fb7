/** What every JobStore must do, as tests: an adapter's test file calls this with a way to open one. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, test } from "node:test";
import { StoreError } from "../../core/errors.ts";
import type { JobId } from "../../core/ids.ts";
import type { JobStore } from "../../core/job-store.ts";
import { claimAll, done, fault, newJob, row, unitsOf, wish, type JobTest } from "./job-store-given.ts";
import { moneyTests, valueTests } from "./job-store-money.ts";

export interface JobStoreUnderTest {
  /** Opens the jobs of an empty folder. */
  open(directory: string): Promise<JobStore>;
}

/** Registers the contract with node:test. */
export function jobStoreContract(name: string, subject: JobStoreUnderTest): void {
  const jobTest: JobTest = (title, check) => {
    test(title, async () => {
      const directory = await mkdtemp(join(tmpdir(), "jobs-"));
      const store = await subject.open(directory);
      try {
        await check(store);
      } finally {
        await store.close();
        await rm(directory, { recursive: true });
      }
    });
  };
  describe(`${name} keeps the contract of a job store`, () => {
    jobTests(jobTest);
    rowTests(jobTest);
    workTests(jobTest);
    moneyTests(jobTest);
    valueTests(jobTest);
  });
}

function jobTests(jobTest: JobTest): void {
  jobTest("opening a job of the same key again gives the same job, with the newer recipe", async (store) => {
    const first = await store.open(
      newJob({ key: "k", recipe: { prompt: "p", schema: { a: [1, null, "\u{1f418}"] } } }),
    );
    assert.deepEqual(first.recipe, { prompt: "p", schema: { a: [1, null, "\u{1f418}"] } });
    const again = await store.open(newJob({ key: "k", recipe: { prompt: "p", ceilingUsd: 2 } }));
    assert.deepEqual(again, { ...first, recipe: { prompt: "p", ceilingUsd: 2 } });
    assert.deepEqual(await store.get(first.id), again);
    assert.deepEqual([first.state, first.sealed, first.output], ["active", false, undefined]);
  });

  jobTest(
    "a job is found by the beginning of its id, and an unknown one is refused with what there is",
    async (store) => {
      const job = await store.open(newJob());
      assert.equal((await store.get(job.id.slice(0, -3))).id, job.id);
      const unknown = (error: unknown): boolean =>
        error instanceof StoreError && error.code === "not_found" && error.message.includes(job.id);
      await assert.rejects(store.get("job_unknown"), unknown);
      await assert.rejects(store.get(""), unknown);
      await assert.rejects(store.counts("job_unknown" as JobId), unknown);
    },
  );

  jobTest("jobs are listed newest first", async (store) => {
    const ids = [];
    for (const at of [3, 1, 2]) ids.push((await store.open(newJob({ at }))).id);
    assert.deepEqual(
      (await store.list({ limit: 2 })).map(({ id }) => id),
      [ids[0], ids[2]],
    );
  });

  jobTest("what was written where is remembered", async (store) => {
    const { id } = await store.open(newJob());
    await store.noteOutput(id, { path: "/out.jsonl", sha256: "abc" });
    assert.deepEqual((await store.get(id)).output, { path: "/out.jsonl", sha256: "abc" });
  });
}

function rowTests(jobTest: JobTest): void {
  jobTest("equal items are one unit, and every row gets its outcome", async (store) => {
    const { id } = await store.open(newJob());
    await store.add(id, [row(1, "a"), row(2, "b"), row(3, "a"), fault(4)]);
    await store.seal(id, 4);
    const claimed = await claimAll(store, id);
    assert.deepEqual(
      claimed.map(({ item, position, key }) => [item, position, key]),
      [
        ["a", 1, 1],
        ["b", 2, 2],
      ],
    );
    await store.settle(
      id,
      claimed.map((unit) => ({ ...done(unit), attempts: 2, costUsd: 0.5 })),
    );
    const counts = await store.counts(id);
    assert.deepEqual(
      { ...counts },
      {
        rows: 4,
        faults: 1,
        units: 2,
        pending: 0,
        running: 0,
        done: 2,
        failed: 0,
        costUsd: 1,
        costKnown: true,
      },
    );
    const rows = await store.settledRows(id, { after: 0, limit: 10, withItems: true });
    assert.deepEqual(
      rows.map(({ key, item, attempts }) => [key, item, attempts]),
      [
        [1, "a", 2],
        [2, "b", 2],
        [3, "a", 2],
        [4, undefined, 0],
      ],
    );
    assert.deepEqual(
      rows.map(({ outcome }) => outcome),
      [
        { ok: true, result: { of: "a" } },
        { ok: true, result: { of: "b" } },
        { ok: true, result: { of: "a" } },
        { ok: false, error: { code: "invalid_item", message: "Line 4 is broken." } },
      ],
    );
  });

  jobTest("rows are handed out in order and only as far as they are settled", async (store) => {
    const { id } = await store.open(newJob());
    await store.add(
      id,
      ["a", "b", "c"].map((item, index) => row(index + 1, item, `key ${item}`)),
    );
    const [a, b, c] = await claimAll(store, id);
    assert.ok(a && b && c);
    await store.settle(id, [done(c)]);
    assert.deepEqual(await store.settledRows(id, { after: 0, limit: 9 }), []);
    await store.settle(id, [done(a)]);
    const positions = async (after: number, limit: number): Promise<unknown> =>
      (await store.settledRows(id, { after, limit })).map(({ key }) => key);
    assert.deepEqual(await positions(0, 9), ["key a"]);
    await store.settle(id, [{ ...done(b), outcome: { ok: false, error: { code: "x", message: "y" } } }]);
    assert.deepEqual(await positions(0, 2), ["key a", "key b"]);
    assert.deepEqual(await positions(2, 2), ["key c"]);
  });

  jobTest("a key given twice is a fault of the second row, and nothing is lost", async (store) => {
    const { id } = await store.open(newJob());
    await store.add(id, [row(1, "a", "k"), row(2, "b", "k"), row(3, "c", 7), row(4, "d", "7")]);
    await store.settle(id, (await claimAll(store, id)).map(done));
    const rows = await store.settledRows(id, { after: 0, limit: 9 });
    assert.deepEqual(
      rows.map(({ key, outcome }) => [key, outcome.ok]),
      [
        ["k", true],
        [2, false],
        [7, true],
        ["7", true],
      ],
    );
    const { outcome } = rows[1] ?? {};
    assert.ok(outcome && !outcome.ok && outcome.error.code === "duplicate_key");
    assert.match(outcome.error.message, /"k".*item 1/);
  });

  jobTest("adding the same rows again changes nothing; a changed input keeps what is done", async (store) => {
    const { id } = await store.open(newJob());
    const rows = ["a", "b", "c"].map((item, index) => row(index + 1, item, item));
    await store.add(id, rows);
    await store.seal(id, 3);
    await store.settle(id, (await claimAll(store, id)).map(done));
    const before = await store.counts(id);
    await store.add(id, rows);
    await store.seal(id, 3);
    assert.deepEqual(await store.counts(id), before);
    await store.add(id, [row(1, "b", "b"), row(2, "d", "d")]);
    await store.seal(id, 2);
    assert.deepEqual(
      (await claimAll(store, id)).map(({ item }) => item),
      ["d"],
    );
    const { rows: number, units, done: finished } = await store.counts(id);
    assert.deepEqual([number, units, finished], [2, 2, 1]);
    assert.deepEqual(
      (await store.settledRows(id, { after: 0, limit: 9 })).map(({ key }) => key),
      ["b"],
    );
  });

  jobTest(
    "what another job of the same task has done is not done again, but for other tasks it is",
    async (store) => {
      const first = await store.open(newJob({ task: "t" }));
      await store.add(first.id, [row(1, "a"), row(2, "b")]);
      const [a, b] = await claimAll(store, first.id);
      assert.ok(a && b);
      await store.settle(first.id, [
        done(a),
        { ...done(b), outcome: { ok: false, error: { code: "x", message: "" } } },
      ]);
      const second = await store.open(newJob({ task: "t" }));
      await store.add(second.id, [row(1, "a"), row(2, "b")]);
      assert.deepEqual(
        (await claimAll(store, second.id)).map(({ item }) => item),
        ["b"],
      );
      const other = await store.open(newJob({ task: "u" }));
      await store.add(other.id, [row(1, "a")]);
      assert.equal((await claimAll(store, other.id)).length, 1);
    },
  );
}

function workTests(jobTest: JobTest): void {
  jobTest("no unit is handed out twice while its lease lives", async (store) => {
    const { id } = await store.open(newJob());
    await store.add(
      id,
      Array.from({ length: 50 }, (_, index) => row(index + 1, index)),
    );
    await store.seal(id, 50);
    const answers = await Promise.all([1, 2, 3].map(() => claimAll(store, id)));
    const units = answers.flat().map(({ unit }) => unit);
    assert.equal(units.length, 50);
    assert.equal(new Set(units).size, 50);
    assert.equal((await store.claim(id, wish())).type, "wait");
    await store.settle(id, answers.flat().map(done));
    assert.equal((await store.claim(id, wish())).type, "empty");
  });

  jobTest(
    "units of a lease that ran out are handed out again, and its late outcomes take no effect",
    async (store) => {
      const { id } = await store.open(newJob());
      await store.add(id, [row(1, "a")]);
      await store.seal(id, 1);
      const [late] = unitsOf(await store.claim(id, wish({ leaseMs: 30 })));
      assert.ok(late);
      await sleep(60);
      const [again] = unitsOf(await store.claim(id, wish()));
      assert.ok(again);
      assert.equal(again.unit, late.unit);
      assert.deepEqual(await store.renew([late.lease, again.lease], 60_000), [late.lease]);
      assert.equal(await store.settle(id, [{ ...done(late), outcome: { ok: true, result: "late" } }]), 0);
      assert.equal(await store.settle(id, [done(again)]), 1);
      assert.equal(await store.settle(id, [done(again)]), 0);
      const [settled] = await store.settledRows(id, { after: 0, limit: 1 });
      assert.deepEqual(settled?.outcome, { ok: true, result: { of: "a" } });
    },
  );

  jobTest("a lease that is renewed does not run out", async (store) => {
    const { id } = await store.open(newJob());
    await store.add(id, [row(1, "a")]);
    await store.seal(id, 1);
    const [unit] = unitsOf(await store.claim(id, wish({ leaseMs: 40 })));
    assert.ok(unit);
    assert.deepEqual(await store.renew([unit.lease], 60_000), []);
    await sleep(60);
    assert.equal((await store.claim(id, wish())).type, "wait");
  });

  jobTest("what a released lease did not finish is pending at once", async (store) => {
    const { id } = await store.open(newJob());
    await store.add(id, [row(1, "a"), row(2, "b")]);
    await store.seal(id, 2);
    const [a, b] = await claimAll(store, id);
    assert.ok(a && b);
    await store.settle(id, [done(a)]);
    await store.release(a.lease, 0.25);
    await store.release(b.lease, 0);
    assert.deepEqual(
      unitsOf(await store.claim(id, wish())).map(({ item }) => item),
      ["b"],
    );
    assert.equal((await store.counts(id)).costUsd, 0.25);
  });

  jobTest("a cancelled job hands out nothing until it is opened again", async (store) => {
    const job = newJob();
    const { id } = await store.open(job);
    await store.add(id, [row(1, "a")]);
    await store.seal(id, 1);
    await store.cancel(id);
    assert.equal((await store.claim(id, wish())).type, "cancelled");
    assert.equal((await store.get(id)).state, "cancelled");
    await store.open(job);
    assert.equal((await store.claim(id, wish())).type, "units");
  });

  jobTest("failed units are pending again when that is asked for", async (store) => {
    const { id } = await store.open(newJob());
    await store.add(id, [row(1, "a"), row(2, "b")]);
    await store.seal(id, 2);
    const [a, b] = await claimAll(store, id);
    assert.ok(a && b);
    await store.settle(id, [
      done(a),
      { ...done(b), outcome: { ok: false, error: { code: "x", message: "" } } },
    ]);
    assert.equal((await store.counts(id)).failed, 1);
    assert.equal(await store.retryFailed(id), 1);
    assert.deepEqual(
      unitsOf(await store.claim(id, wish())).map(({ item }) => item),
      ["b"],
    );
    assert.deepEqual([(await store.counts(id)).failed, (await store.counts(id)).running], [0, 1]);
  });
}
