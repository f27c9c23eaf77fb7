/** Maps from beginning to end over real stores, with a scripted model. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { z } from "zod";
import { ConfigError, ModelError } from "../core/errors.ts";
import type { InputEntry, JobStore } from "../core/job-store.ts";
import type { Json, JsonObject } from "../core/json.ts";
import type { TraceEvent } from "../core/trace.ts";
import { memoryJobs } from "../stores/jobs-memory.ts";
import { sqliteJobs } from "../stores/jobs.ts";
import { scriptedModel, type ScriptedModel, type Step } from "../testing/scripted-model.ts";
import { entries, newScope, type ScopeOptions } from "./map.fixture.ts";
import { applyPreset } from "./job.ts";
import { runMap, type MapProblem, type MapResult } from "./map.ts";

const folder = await mkdtemp(join(tmpdir(), "map-"));
after(() => rm(folder, { recursive: true }));
let files = 0;

const label: JsonObject = { type: "object", properties: { label: { type: "string" } }, required: ["label"] };

type Given = Partial<MapProblem> & { readonly scopeOptions?: ScopeOptions };

async function map(
  model: ScriptedModel,
  items: readonly Json[] | readonly InputEntry[],
  given: Given = {},
): Promise<MapResult & { lines: Json[] }> {
  const path = given.file?.path ?? join(folder, `out-${++files}.jsonl`);
  const list = items.map((item) =>
    typeof item === "object" && item !== null && "type" in item
      ? (item as InputEntry)
      : ({ type: "item", item } as InputEntry),
  );
  const result = await runMap({
    ...{
      scope: newScope(given.scopeOptions),
      jobs: memoryJobs(),
      model,
      items: list,
      prompt: "Label {{item}}",
      output: label,
    },
    ...{ file: { path } },
    ...given,
  });
  return { ...result, lines: result.file ? await linesIn(path) : [] };
}

async function linesIn(path: string): Promise<Json[]> {
  return (await readFile(path, "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Json);
}

/** Answers with the item itself in capitals. */
const capitals: Step = (request) => {
  const [, item] = /Label (\w+)/.exec(lastText(request)) ?? [];
  return JSON.stringify({ label: item?.toUpperCase() });
};

function lastText({ messages }: { messages: readonly { content: unknown }[] }): string {
  return JSON.stringify(messages.at(-1)?.content);
}

test("results come in input order, equal items are asked once, faults keep their place", async () => {
  const model = scriptedModel((request) => ({
    text: JSON.stringify({ label: lastText(request).includes("Label a") ? "A" : "B" }),
    delayMs: lastText(request).includes("Label a") ? 30 : 0,
  }));
  const fault: InputEntry = { type: "fault", fault: { code: "invalid_item", message: "Line 3 is no JSON." } };
  const { lines, status, counts, file } = await map(model, [...entries("a", "b"), fault, ...entries("a")]);
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
  assert.deepEqual((await map(model, ["a"])).lines, [{ key: 1, ok: true, result: { label: "ok" } }]);
  const never = await map(
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
  assert.deepEqual((await map(model, ["a"])).lines, [{ key: 1, ok: true, result: { label: "ok" } }]);
});

test("a zod schema types results, its refinements included", async () => {
  const output = z.object({ n: z.number().refine((n) => n % 2 === 0, "must be even") });
  const model = scriptedModel(['{"n":3}', { text: '{"n":4}', expects: "must be even" }]);
  assert.deepEqual((await map(model, ["a"], { output })).lines, [{ key: 1, ok: true, result: { n: 4 } }]);
});

test("without a schema results are texts", async () => {
  const { lines } = await map(
    scriptedModel(() => "Any prose."),
    ["a"],
    { output: undefined },
  );
  assert.deepEqual(lines, [{ key: 1, ok: true, result: "Any prose." }]);
});

test("keys come from a field, and an item without it is a fault", async () => {
  const { lines } = await map(
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
  const first = await map(scriptedModel(capitals), ["a", "b"], { jobs, file: { path } });
  const model = scriptedModel(capitals);
  const again = await map(model, ["a", "b"], { jobs, file: { path } });
  assert.deepEqual([again.jobId, again.lines, model.calls], [first.jobId, first.lines, 0]);
  const grown = await map(model, ["a", "b", "c"], { jobs, file: { path } });
  assert.deepEqual([grown.lines.length, model.calls], [3, 1]);
  const elsewhere = await map(model, ["c", "a"], { jobs, source: "another" });
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
      const result = await map(model, items, { jobs, file: { path } });
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
    map(model, ["a"], { file: { path } }),
    (error) => error instanceof ConfigError && /taken\.jsonl.*--overwrite/.test(error.message),
  );
  assert.equal(await readFile(path, "utf8"), "mine");
  assert.equal(model.calls, 0);
  assert.equal((await map(model, ["a"], { file: { path, overwrite: true } })).lines.length, 1);
});

test("a prompt with an unknown field, a schema that is none and an empty prompt are refused before the first call", async () => {
  const model = scriptedModel(capitals);
  const refused = (pattern: RegExp) => (error: unknown) =>
    error instanceof ConfigError && pattern.test(error.message);
  await assert.rejects(map(model, [{ a: 1 }], { prompt: "{{b}}" }), refused(/\{\{b\}\}.*fields are a;/));
  await assert.rejects(map(model, ["a"], { output: { type: "strin" } }), refused(/not a valid JSON Schema/));
  await assert.rejects(map(model, ["a"], { prompt: " " }), refused(/prompt is empty/));
  await assert.rejects(map(model, ["a"], { pace: { batch: 0 } }), refused(/"batch".*got 0/));
  assert.equal(model.calls, 0);
});

test("a ceiling of cost stops before it is crossed, and raising it goes on", async () => {
  const directory = await mkdtemp(join(folder, "store-"));
  const jobs = await sqliteJobs({ directory });
  const items = Array.from({ length: 30 }, (_, index) => `item${index}`);
  const price = { input: 0, output: 1000 };
  const usage = { inputTokens: 10, outputTokens: 10 };
  const model = scriptedModel(
    (request) => ({ text: JSON.stringify({ label: lastText(request).slice(0, 9) }), usage }),
    { price, maxOutputTokens: 20 },
  );
  const path = join(folder, "ceiling.jsonl");
  const pace = { ceilingUsd: 0.105, maxOutputTokens: 20 };
  const stopped = await map(model, items, { jobs, pace, file: { path } });
  assert.equal(stopped.status, "limit");
  assert.match(stopped.limit?.message ?? "", /ceiling of \$0\.105.*--max-cost/);
  assert.ok(stopped.counts.costUsd <= 0.105 && stopped.counts.costUsd > 0.05, String(stopped.counts.costUsd));
  assert.equal(stopped.counts.running, 0);
  assert.ok(stopped.partialFile);
  const before = model.calls;
  const done = await map(model, items, { jobs, pace: { ...pace, ceilingUsd: 1 }, file: { path } });
  assert.deepEqual(
    [done.status, done.lines.length, model.calls - before],
    ["done", 30, 30 - stopped.counts.done],
  );
  await jobs.close();
});

test("a limit of the run itself ends the work with what is done", async () => {
  const scopeOptions: ScopeOptions = { limits: { calls: 3 }, concurrency: 1 };
  const { status, limit, counts } = await map(scriptedModel(capitals), ["a", "b", "c", "d"], {
    scopeOptions,
  });
  assert.deepEqual([status, limit?.code, counts.done, counts.pending], ["limit", "calls", 3, 1]);
});

test("a wrong key stops the job at once; what waits stays pending", async () => {
  const jobs = memoryJobs();
  const model = scriptedModel(() => new ModelError("auth", "The key is wrong."));
  await assert.rejects(
    map(
      model,
      Array.from({ length: 500 }, (_, index) => index),
      { jobs },
    ),
    /The key is wrong/,
  );
  assert.ok(model.calls <= 16);
  const [job] = await jobs.list({ limit: 1 });
  assert.ok(job);
  const { failed, pending, running } = await jobs.counts(job.id);
  assert.deepEqual([failed, pending, running], [0, 500, 0]);
});

test("an endpoint that answers nobody stops the job instead of failing every item", async () => {
  const jobs = memoryJobs();
  const down = new ModelError("bad_request", "No such route.");
  await assert.rejects(
    map(
      scriptedModel(() => down),
      Array.from({ length: 500 }, (_, index) => index),
      { jobs },
    ),
    /No such route/,
  );
  await assert.rejects(
    map(
      scriptedModel(() => down),
      ["only"],
      { jobs, source: "one" },
    ),
    /No such route/,
  );
  for (const { id } of await jobs.list({ limit: 2 })) assert.equal((await jobs.counts(id)).failed, 0);
});

test("an item that the provider refuses fails alone", async () => {
  const model = scriptedModel((request) =>
    lastText(request).includes("Label bad") ? new ModelError("refused", "No.") : '{"label":"x"}',
  );
  const { lines, status } = await map(model, ["a", "bad", "c"]);
  assert.equal(status, "failed");
  assert.deepEqual(lines[1], { key: 2, ok: false, error: { code: "refused", message: "No.", attempts: 1 } });
});

test("an item may not take longer than it may", async () => {
  const model = scriptedModel((request) => ({
    text: '{"label":"x"}',
    delayMs: lastText(request).includes("slow") ? 60_000 : 0,
  }));
  const { lines } = await map(model, ["a", "slow"], { pace: { itemTimeoutMs: 50 } });
  assert.deepEqual(lines[1], {
    key: 2,
    ok: false,
    error: { code: "timeout", message: "No answer within the 0.05 s that one item may take.", attempts: 1 },
  });
});

test("cancelling gives what was under way back", async () => {
  const jobs = memoryJobs();
  const controller = new AbortController();
  const model = scriptedModel((_, call) => {
    if (call === 5) controller.abort(new Error("Stop."));
    return { text: '{"label":"x"}', delayMs: call >= 5 ? 60_000 : 0 };
  });
  const scopeOptions = { signal: controller.signal, concurrency: 2 };
  await assert.rejects(
    map(
      model,
      Array.from({ length: 50 }, (_, index) => index),
      { jobs, scopeOptions },
    ),
    /Stop\./,
  );
  const [job] = await jobs.list({ limit: 1 });
  assert.ok(job);
  const { done, running, pending } = await jobs.counts(job.id);
  assert.deepEqual([done + pending, running], [50, 0]);
  assert.ok(done >= 3);
});

test("a job cancelled in the store ends everywhere", async () => {
  const jobs = memoryJobs();
  const model = scriptedModel(async (_, call) => {
    if (call === 3) for (const { id } of await jobs.list({ limit: 1 })) await jobs.cancel(id);
    return '{"label":"x"}';
  });
  const items = Array.from({ length: 5000 }, (_, index) => index);
  const { status, counts } = await map(model, items, { jobs, scopeOptions: { concurrency: 1 } });
  assert.equal(status, "cancelled");
  assert.ok(counts.pending > 0);
});

test("a sample takes the first items, and the whole goes on from there", async () => {
  const jobs = memoryJobs();
  const model = scriptedModel(capitals);
  const sampled = await map(model, ["a", "b", "c", "d"], { jobs, sample: 2 });
  assert.deepEqual([sampled.lines.length, model.calls], [2, 2]);
  assert.deepEqual([(await map(model, ["a", "b", "c", "d"], { jobs })).lines.length, model.calls], [4, 4]);
});

test("votes elect the answer of most and tell how many agreed", async () => {
  const answers = ['{"label":"x"}', '{"label":"y"}', '{"label":"y"}'];
  const { lines } = await map(scriptedModel(answers), ["a"], { votes: 3, scopeOptions: { concurrency: 1 } });
  assert.deepEqual(lines, [{ key: 1, ok: true, result: { label: "y" }, agreement: 2 / 3 }]);
});

test("events tell of the job, of each item and of the progress", async () => {
  const events: TraceEvent[] = [];
  await map(scriptedModel(capitals), ["a", "b", "a"], {
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
  const { lines } = await map(
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
  const { lines } = await map(model, ["a", "b"], {
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

test("an input that ends in an error ends the job with it, and what was read is kept", async () => {
  const jobs: JobStore = memoryJobs();
  async function* broken(): AsyncGenerator<InputEntry> {
    yield* entries(...Array.from({ length: 600 }, (_, index) => index));
    throw new Error("The source broke.");
  }
  const problem = {
    jobs,
    scope: newScope(),
    model: scriptedModel(() => '{"label":"x"}'),
    prompt: "{{item}}",
    output: label,
  };
  await assert.rejects(runMap({ ...problem, items: broken() }), /The source broke/);
  const [job] = await jobs.list({ limit: 1 });
  assert.ok(job && !job.sealed);
  assert.equal((await jobs.counts(job.id)).running, 0);
});
