/** Results asked without a model. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../core/errors.ts";
import type { SettledRow } from "../core/job-store.ts";
import type { Json } from "../core/json.ts";
import { objectsOf, Results } from "./results.ts";

async function* rowsOf(...results: readonly Json[]): AsyncGenerator<readonly SettledRow[]> {
  for (const [index, result] of results.entries())
    yield [
      {
        position: index + 1,
        key: `k${index + 1}`,
        item: { n: index, text: "t" },
        attempts: 1,
        outcome: { ok: true, result },
      },
    ];
}

async function withResults(
  rows: AsyncIterable<readonly SettledRow[]>,
  use: (results: Results) => Promise<void>,
): Promise<void> {
  const signal = AbortSignal.timeout(20_000);
  const results = await Results.open(rows, {
    signal,
    schema: { type: "object", properties: { label: {}, never: {} } },
  });
  try {
    await use(results);
  } finally {
    await results.close();
  }
}

const three = [
  { label: "a", score: 2, tags: ["x", "y"] },
  { label: "b", score: 10 },
  { label: "a", Score: 1, ok: true },
];

test("members of results are columns, with the type they have", async () => {
  await withResults(rowsOf(...three), async (results) => {
    assert.deepEqual(
      await results.sql("select label, count(*) as n, sum(score) as s from results group by 1 order by 1"),
      {
        columns: ["label", "n", "s"],
        rows: [
          ["a", 2, 2],
          ["b", 1, 10],
        ],
      },
    );
    const tags = await results.sql("select value from results, json_each(tags) where tags is not null");
    assert.deepEqual(tags.rows, [["x"], ["y"]]);
    assert.deepEqual(
      (await results.sql("select never, _Score, ok from results where key = ?", ["k3"])).rows,
      [[null, 1, 1]],
    );
    assert.deepEqual(
      (await results.sql("select i.n from items i join results r using (key) where r.label = 'b'")).rows,
      [[1]],
    );
  });
});

test("counts, tops and joins say what they would in SQL", async () => {
  await withResults(rowsOf(...three), async (results) => {
    assert.deepEqual(await results.countBy("label"), [
      { value: "a", count: 2 },
      { value: "b", count: 1 },
    ]);
    assert.deepEqual(
      (await results.top("score", 2)).map(({ key, score }) => [key, score]),
      [
        ["k2", 10],
        ["k1", 2],
      ],
    );
    const joined = await results.join("other", rowsOf({ label: "z" }, { label: "b" }));
    assert.deepEqual(
      joined.map(({ key, label, other_label }) => [key, label, other_label]),
      [
        ["k1", "a", "z"],
        ["k2", "b", "b"],
      ],
    );
    assert.deepEqual(objectsOf(await results.sql("select count(*) as n from other_items")), [{ n: 2 }]);
    await assert.rejects(results.attach("results", rowsOf()), ConfigError);
  });
});

test("plain results, failures and text with quotes are there too", async () => {
  async function* rows(): AsyncGenerator<readonly SettledRow[]> {
    yield* rowsOf("yes", "it's", 5);
    yield [
      {
        position: 9,
        key: 9,
        item: undefined,
        attempts: 3,
        outcome: { ok: false, error: { code: "refused", message: "No." } },
      },
    ];
  }
  await withResults(rows(), async (results) => {
    assert.deepEqual((await results.sql("select result from results order by position")).rows, [
      ["yes"],
      ["it's"],
      [5],
    ]);
    assert.deepEqual((await results.sql("select * from failures")).rows, [[9, 9, "refused", "No.", 3]]);
  });
});

test("a query can only read", async () => {
  await withResults(rowsOf(...three), async (results) => {
    for (const query of [
      "delete from results",
      "create table t (a)",
      "attach '/tmp/x.db' as x",
      "pragma cache_size",
      "update results set label = ''",
      "drop table items",
      "vacuum into '/tmp/x'",
      "select load_extension('x')",
    ])
      await assert.rejects(results.sql(query), ConfigError, query);
    assert.equal((await results.sql("select count(*) from results")).rows[0]?.[0], 3);
  });
});

test("a wrong query is told of with what the tables have", async () => {
  await withResults(rowsOf(...three), async (results) => {
    await assert.rejects(
      results.sql("select lable from results"),
      (error) =>
        error instanceof ConfigError &&
        /no such column: lable.*results\(position, key, result, agreement, label/.test(error.message),
    );
  });
});

test("a query that does not end is ended by the signal", async () => {
  const controller = new AbortController();
  const results = await Results.open(rowsOf(1), { signal: controller.signal });
  const endless = results.sql(
    "with recursive n (i) as (select 1 union all select i + 1 from n) select count(*) from n",
  );
  setTimeout(() => controller.abort(new Error("Enough.")), 50);
  await assert.rejects(endless, /Enough/);
});
