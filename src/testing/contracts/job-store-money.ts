/** What a JobStore must do with money, and with values of any kind: part of its contract. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { canonicalJson, type Json } from "../../core/json.ts";
import { claimAll, done, newJob, row, unitsOf, wish, type JobTest } from "./job-store-given.ts";

export function moneyTests(jobTest: JobTest): void {
  const money = { ceilingUsd: 1, wantUsd: 0.4, leastUsd: 0.1 };

  jobTest("grants, settled costs and lost grants never come to more than the ceiling", async (store) => {
    const { id } = await store.open(newJob());
    await store.add(
      id,
      Array.from({ length: 40 }, (_, index) => row(index + 1, index)),
    );
    await store.seal(id, 40);
    const first = await store.claim(id, wish({ count: 1, leaseMs: 30, money }));
    assert.ok(first.type === "units" && first.grantUsd === 0.4);
    const [unit] = unitsOf(first);
    assert.ok(unit);
    await store.settle(id, [{ ...done(unit), costUsd: 0.15 }]);
    await sleep(60); // The lease is lost: its other 25 cents count as spent.
    const second = await store.claim(id, wish({ count: 1, money }));
    assert.ok(second.type === "units" && second.grantUsd !== undefined);
    assert.ok(Math.abs((await store.counts(id)).costUsd - 0.4) < 1e-9);
    assert.ok(Math.abs(second.grantUsd - 0.3) < 1e-9, "half of what is left");
    await store.release(second.lease, 0.02);
    const third = await store.claim(id, wish({ count: 1, money: { ...money, leastUsd: 0.57, wantUsd: 5 } }));
    assert.ok(third.type === "units" && Math.abs((third.grantUsd ?? 0) - 0.58) < 0.011);
    assert.equal((await store.claim(id, wish({ count: 1, money }))).type, "wait");
    await store.release(third.lease, 0.5);
    const last = await store.claim(id, wish({ money }));
    assert.ok(last.type === "ceiling" && Math.abs(last.spentUsd - 0.92) < 1e-9);
  });

  jobTest("a cost nobody knows is remembered as unknown", async (store) => {
    const { id } = await store.open(newJob());
    await store.add(id, [row(1, "a")]);
    await store.settle(
      id,
      (await claimAll(store, id)).map((unit) => ({ ...done(unit), costUsd: null })),
    );
    assert.equal((await store.counts(id)).costKnown, false);
  });
}

export function valueTests(jobTest: JobTest): void {
  jobTest("any JSON comes back as it was", async (store) => {
    const { id } = await store.open(newJob());
    const items = awkward;
    const distinct = [...new Map(items.map((item) => [canonicalJson(item), item])).values()];
    await store.add(
      id,
      distinct.map((item, index) => row(index + 1, item)),
    );
    await store.seal(id, distinct.length);
    const claimed = await claimAll(store, id);
    const back = (json: Json): Json => JSON.parse(JSON.stringify(json)) as Json;
    assert.deepEqual(
      claimed.map(({ item }) => item),
      distinct.map(back),
    );
    await store.settle(id, claimed.map(done));
    const rows = await store.settledRows(id, { after: 0, limit: 1000, withItems: true });
    assert.deepEqual(
      rows.map(({ item }) => item),
      distinct.map(back),
    );
    assert.deepEqual(
      rows.map(({ outcome }) => outcome.ok && outcome.result),
      distinct.map((item) => back({ of: item })),
    );
  });
}

/** What JSON may hold and stores have stumbled over. */
const awkward: readonly Json[] = [
  ...[
    null,
    true,
    0,
    -0.5,
    1e300,
    "",
    " ",
    [],
    {},
    [[]],
    { "": "" },
    { a: { b: [1, null, "x"] } },
    "null",
    'it\'s "quoted"',
    "é\u2028\r\n",
    "🐘",
  ],
  ...[
    "x".repeat(5000),
    "nul \0 and \ud800 alone",
    { $text: "0".repeat(64) },
    { "nul \0 in a key": 1 },
    "\\u0000",
    { __proto__x: 1 },
  ],
];
