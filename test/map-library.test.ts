/** `map` as a program uses it: items it holds, results it asks, and a later question over them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { code } from "../src/testing/index.ts";
import { openStage } from "./ask-stage.ts";

const reviews = Array.from({ length: 9 }, (_, n) => ({ id: `r${n}`, text: `review ${n}` }));
const output = z.object({ stars: z.number().int(), about: z.string() });

test("items of a program are mapped, counted, ranked, joined, and are the corpus of a later question", async () => {
  await using stage = await openStage({
    root: () => code`FINAL(str(context.count("food")) + " of " + str(len(context.splitlines())))`,
    leaf: (prompt) => {
      const n = Number(/review (\d+)/.exec(prompt)?.[1]);
      return n === 4 ? "no stars" : JSON.stringify({ stars: n % 3, about: n < 5 ? "food" : "rooms" });
    },
  });
  const { engine } = stage;
  const request = {
    items: reviews,
    key: "id",
    prompt: "Stars? {{text}}",
    output,
    source: "reviews",
    attempts: 1,
  };
  const estimate = await engine.estimate(request);
  assert.deepEqual([estimate.items, estimate.calls, stage.provider.calls], [9, 9, 0]);
  const run = engine.map(request);
  const ended: (readonly [unknown, boolean])[] = [];
  for await (const event of run) if (event.type === "item-end") ended.push([event.key, event.ok]);
  const { status, jobId, counts } = await run.result();
  assert.deepEqual([status, counts.done, counts.failed], ["failed", 8, 1]);
  assert.deepEqual(
    ended.map(([key, ok]) => `${String(key)} ${ok}`).toSorted((a, b) => a.localeCompare(b)),
    reviews.map(({ id }) => `${id} ${id !== "r4"}`),
  );
  assert.deepEqual(await engine.jobs.countBy(jobId, "about"), [
    { value: "food", count: 4 },
    { value: "rooms", count: 4 },
  ]);
  assert.deepEqual(
    (await engine.jobs.top(jobId, "stars", 2)).map(({ key }) => key),
    ["r2", "r5"],
  );
  const other = await engine.map({ items: reviews, key: "id", prompt: "Again? {{text}}", output }).result();
  const joined = await engine.jobs.join(jobId, other.jobId);
  assert.deepEqual([joined.length, joined[1]?.["key"], joined[1]?.["other_stars"]], [8, "r1", 1]);
  const query = "select items.text from failures join items using (key)";
  assert.deepEqual((await engine.jobs.sql(jobId, query)).rows, [["review 4"]]);

  const stream = async function* (): AsyncGenerator<string> {
    for await (const { key, outcome } of engine.jobs.results(jobId))
      if (outcome.ok) yield `${key}: ${JSON.stringify(outcome.result)}\n`;
  };
  const asked = engine.ask({ query: "How many are about food?", context: { stream: stream() } });
  assert.equal((await asked.result()).answer, "4 of 8");
});

test("items that another program has put there are worked on by an engine that shares the store", async () => {
  await using stage = await openStage({ root: () => "", leaf: (prompt) => prompt.toUpperCase() });
  const { engine } = stage;
  const mapping = engine.map({ items: ["a", "b", "c"], prompt: "say {{item}}", takesPart: false });
  const jobId = new Promise<string>((resolve) => {
    void (async () => {
      for await (const event of mapping) if (event.type === "job-start") resolve(event.jobId);
    })();
  });
  while ((await engine.jobs.counts(await jobId)).pending < 3) await sleep(10);
  const ends = engine.work({ job: await jobId, untilIdle: true });
  const { status } = await mapping.result();
  assert.equal(status, "done");
  assert.deepEqual([...(await ends.result()).values()], [{ type: "drained" }]);
  const rows = await Array.fromAsync(engine.jobs.results(await jobId));
  assert.deepEqual(
    rows.map(({ outcome }) => outcome),
    ["SAY A", "SAY B", "SAY C"].map((result) => ({ ok: true, result })),
  );
});
