/** Maps from beginning to end over real stores, with a scripted model. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { ConfigError } from "../core/errors.ts";
import type { InputEntry } from "../core/job-store.ts";
import type { Json } from "../core/json.ts";
import type { TraceEvent } from "../core/trace.ts";
import { memoryJobs } from "../stores/jobs-memory.ts";
import { sqliteJobs } from "../stores/jobs.ts";
import { scriptedModel } from "../testing/scripted-model.ts";
import { entries, type ScopeOptions } from "./map.fixture.ts";
import { applyPreset } from "./job.ts";
import { folder, label, capitals, lastText, mapped } from "./map-trial.fixture.ts";

test("results come in input order, equal items are asked once, faults keep their place", async () => {
  const model = scriptedModel((request) => ({
    text: JSON.stringify({ label: lastText(request).includes("Label a") ? "A" : "B" }),
    delayMs: lastText(request).includes("Label a") ? 30 : 0,
  }));
  const fault: InputEntry = { type: "fault", fault: { code: "invalid_item", message: "Line 3 is no JSON." } };
  const { lines, status, counts, file } = await mapped(model, [...entries("a", "b"), fault, ...entries("a")]);
  assert.deepEqual(lines, [
    { key: 1, ok: true, result: { label: "A" } },
    { key: 2, ok: true, result: { label: "B" } },
    { key: 3, ok: false, error: { code: "invalid_item", message: "Line 3 is no JSON.", attempts: 0 } },
    { key: 4, ok: true, result: { label: "A" } },
  ]);
  assert.equal(model.calls, 2);
  assert.deepEqual([status, counts.rows, counts.units, counts.done], ["failed", 4, 2, 2]);
  await assert.rejects(stat(`${file?.path}.partial`));
});

test("an answer that the schema refuses is asked for again with the fault, then fails for good", async () => {
  const model = scriptedModel([
    "nonsense",
    { text: '{"label": 5}', expects: "holds no JSON value" },
    { text: '{"label":"ok"}', expects: "must be string" },
  ]);
  assert.deepEqual((await mapped(model, ["a"])).lines, [{ key: 1, ok: true, result: { label: "ok" } }]);
  const never = await mapped(
    scriptedModel(() => '{"label": 5}'),
    ["a"],
  );
  const [line] = never.lines as { ok: boolean; error: { code: string; message: string; attempts: number } }[];
  assert.deepEqual([line?.ok, line?.error.code, line?.error.attempts], [false, "bad_response", 3]);
  assert.match(line?.error.message ?? "", /\/label must be string/);
});

test("an answer that was cut off is not mended into a valid one", async () => {
  const model = scriptedModel([
    { text: '{"label": "A', stopReason: "length" },
    { text: '{"label":"ok"}', expects: "cut off" },
  ]);
  assert.deepEqual((await mapped(model, ["a"])).lines, [{ key: 1, ok: true, result: { label: "ok" } }]);
});

test("a zod schema types results, its refinements included", async () => {
  const output = z.object({ n: z.number().refine((n) => n % 2 === 0, "must be even") });
  const model = scriptedModel(['{"n":3}', { text: '{"n":4}', expects: "must be even" }]);
  assert.deepEqual((await mapped(model, ["a"], { output })).lines, [{ key: 1, ok: true, result: { n: 4 } }]);
});

test("without a schema results are texts", async () => {
  const { lines } = await mapped(
    scriptedModel(() => "Any prose."),
    ["a"],
    { output: undefined },
  );
  assert.deepEqual(lines, [{ key: 1, ok: true, result: "Any prose." }]);
});

test("keys come from a field, and an item without it is a fault", async () => {
  const { lines } = await mapped(
    scriptedModel(() => '{"label":"x"}'),
    [{ id: "p" }, { id: 7 }, { no: 1 }],
    { keyField: "id" },
  );
  assert.deepEqual(
    lines.map((line) => (line as { key: Json; ok: boolean }).key),
    ["p", 7, 3],
  );
  assert.match(JSON.stringify(lines[2]), /missing_key/);
});

test("running again with the same arguments pays for nothing that is done", async () => {
  const directory = await mkdtemp(join(folder, "store-"));
  const path = join(folder, "again.jsonl");
  const jobs = await sqliteJobs({ directory });
  const first = await mapped(scriptedModel(capitals), ["a", "b"], { jobs, file: { path } });
  const model = scriptedModel(capitals);
  const again = await mapped(model, ["a", "b"], { jobs, file: { path } });
  assert.deepEqual([again.jobId, again.lines, model.calls], [first.jobId, first.lines, 0]);
  const grown = await mapped(model, ["a", "b", "c"], { jobs, file: { path } });
  assert.deepEqual([grown.lines.length, model.calls], [3, 1]);
  const elsewhere = await mapped(model, ["c", "a"], { jobs, source: "another" });
  assert.deepEqual([elsewhere.lines.length, model.calls], [2, 1]);
  await jobs.close();
});

test("two that run the same map at once share the work, and both end with the whole file", async () => {
  const directory = await mkdtemp(join(folder, "store-"));
  const path = join(directory, "both.jsonl");
  const items = Array.from({ length: 300 }, (_, index) => `item${index}`);
  const model = scriptedModel((request) => ({
    text: JSON.stringify({ label: lastText(request).length }).replace(/:(\d+)/, ':"$1"'),
    delayMs: 1,
  }));
  const runs = await Promise.all(
    [1, 2].map(async () => {
      const jobs = await sqliteJobs({ directory });
      const result = await mapped(model, items, { jobs, file: { path } });
      await jobs.close();
      return result;
    }),
  );
  assert.deepEqual(
    runs.map(({ status, lines }) => [status, lines.length]),
    [
      ["done", 300],
      ["done", 300],
    ],
  );
  assert.equal(model.calls, 300);
  assert.deepEqual(
    (await readdir(directory)).filter((name) => name.startsWith("both")),
    ["both.jsonl"],
  );
});

test("a file that somebody else wrote is left alone before anything is paid for", async () => {
  const path = join(folder, "taken.jsonl");
  await writeFile(path, "mine");
  const model = scriptedModel(capitals);
  await assert.rejects(
    mapped(model, ["a"], { file: { path } }),
    (error) => error instanceof ConfigError && /taken\.jsonl.*--overwrite/.test(error.message),
  );
  assert.equal(await readFile(path, "utf8"), "mine");
  assert.equal(model.calls, 0);
  assert.equal((await mapped(model, ["a"], { file: { path, overwrite: true } })).lines.length, 1);
});

test("a prompt with an unknown field, a schema that is none and an empty prompt are refused before the first call", async () => {
  const model = scriptedModel(capitals);
  const refused = (pattern: RegExp) => (error: unknown) =>
    error instanceof ConfigError && pattern.test(error.message);
  await assert.rejects(mapped(model, [{ a: 1 }], { prompt: "{{b}}" }), refused(/\{\{b\}\}.*fields are a;/));
  await assert.rejects(
    mapped(model, ["a"], { output: { type: "strin" } }),
    refused(/not a valid JSON Schema/),
  );
  await assert.rejects(mapped(model, ["a"], { prompt: " " }), refused(/prompt is empty/));
  await assert.rejects(mapped(model, ["a"], { pace: { batch: 0 } }), refused(/"batch".*got 0/));
  assert.equal(model.calls, 0);
});

test("items are asked about while a slow source goes on, once the prompt was seen to fit one", async () => {
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const model = scriptedModel((request) => {
    resolve();
    return JSON.stringify({ label: lastText(request).includes("Label a") ? "A" : "B" });
  });
  const slow = async function* (): AsyncGenerator<InputEntry> {
    await sleep(300);
    yield* entries({ other: 1 });
    await sleep(300);
    yield* entries({ name: "a" });
    await asked;
    yield* entries({ name: "b" });
  };
  const { lines } = await mapped(model, [], { items: slow(), prompt: "Label {{name}}" });
  const [first, ...others] = lines as { ok: boolean; result: unknown }[];
  assert.equal(first?.ok, false);
  assert.deepEqual(
    others.map(({ result }) => result),
    [{ label: "A" }, { label: "B" }],
  );
});

test("a sample takes the first items, and the whole goes on from there", async () => {
  const jobs = memoryJobs();
  const model = scriptedModel(capitals);
  const sampled = await mapped(model, ["a", "b", "c", "d"], { jobs, sample: 2 });
  assert.deepEqual([sampled.lines.length, model.calls], [2, 2]);
  assert.deepEqual([(await mapped(model, ["a", "b", "c", "d"], { jobs })).lines.length, model.calls], [4, 4]);
});

test("votes elect the answer of most and tell how many agreed", async () => {
  const answers = ['{"label":"x"}', '{"label":"y"}', '{"label":"y"}'];
  const { lines } = await mapped(scriptedModel(answers), ["a"], {
    votes: 3,
    scopeOptions: { concurrency: 1 },
  });
  assert.deepEqual(lines, [{ key: 1, ok: true, result: { label: "y" }, agreement: 2 / 3 }]);
});

test("events tell of the job, of each item and of the progress", async () => {
  const events: TraceEvent[] = [];
  await mapped(scriptedModel(capitals), ["a", "b", "a"], {
    scopeOptions: { publish: (event) => events.push(event) },
  });
  const types = events.map(({ type }) => type);
  assert.deepEqual([types[0], types.at(-1)], ["job-start", "job-progress"]);
  const ended = events.filter((event) => event.type === "item-end");
  const told = ended.map(({ key, ok, attempts }) => [Number(key), ok, attempts] as const);
  assert.deepEqual(
    told.toSorted(([one], [other]) => one - other),
    [
      [1, true, 1],
      [2, true, 1],
    ],
  );
  const last = events.at(-1);
  assert.ok(last?.type === "job-progress" && last.done === 2 && last.complete);
});

test("filter and extract fill in their schema and their frame", async () => {
  const filter = applyPreset("filter", "it is about {{item}}", undefined);
  const { lines } = await mapped(
    scriptedModel(() => '{"keep":false}'),
    ["a"],
    { prompt: filter.prompt, output: filter.schema },
  );
  assert.deepEqual(lines, [{ key: 1, ok: true, result: { keep: false } }]);
  assert.throws(() => applyPreset("extract", "The people.", undefined), ConfigError);
  assert.throws(() => applyPreset("filter", "x", label), ConfigError);
});

test("an agent answers each item with a run of its own, within a smaller grant", async () => {
  const scopeOptions: ScopeOptions = { limits: { calls: 100, costUsd: 1 } };
  const grants: (number | null)[] = [];
  const model = scriptedModel([{ text: '{"label":"prose"}', expects: "It is prose." }]);
  const { lines } = await mapped(model, ["a", "b"], {
    scopeOptions,
    agent: async ({ query, budget }) => {
      grants.push(budget.remaining().calls);
      return query.includes("Label a") ? '```json\n{"label":"A"}\n```' : "It is prose.";
    },
  });
  assert.deepEqual(
    lines.map((line) => (line as { result: Json }).result),
    [{ label: "A" }, { label: "prose" }],
  );
  assert.ok(grants.every((calls) => calls !== null && calls < 100));
});
