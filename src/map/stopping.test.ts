/** Ways in which a map ends early: ceilings, refusals, cancelling, an input that breaks. */
import assert from "node:assert/strict";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { ModelError } from "../core/errors.ts";
import type { InputEntry, JobStore } from "../core/job-store.ts";
import { memoryJobs } from "../stores/jobs-memory.ts";
import { sqliteJobs } from "../stores/jobs.ts";
import { scriptedModel } from "../testing/scripted-model.ts";
import { entries, newScope, type ScopeOptions } from "./map.fixture.ts";
import { runMap } from "./map.ts";
import { folder, label, capitals, lastText, mapped } from "./map-trial.fixture.ts";

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
  const stopped = await mapped(model, items, { jobs, pace, file: { path } });
  assert.equal(stopped.status, "limit");
  assert.match(stopped.limit?.message ?? "", /ceiling of \$0\.105.*--max-cost/);
  assert.ok(stopped.counts.costUsd <= 0.105 && stopped.counts.costUsd > 0.05, String(stopped.counts.costUsd));
  assert.equal(stopped.counts.running, 0);
  assert.ok(stopped.partialFile);
  const before = model.calls;
  const done = await mapped(model, items, { jobs, pace: { ...pace, ceilingUsd: 1 }, file: { path } });
  assert.deepEqual(
    [done.status, done.lines.length, model.calls - before],
    ["done", 30, 30 - stopped.counts.done],
  );
  await jobs.close();
});

test("a limit of the run itself ends the work with what is done", async () => {
  const scopeOptions: ScopeOptions = { limits: { calls: 3 }, concurrency: 1 };
  const { status, limit, counts } = await mapped(scriptedModel(capitals), ["a", "b", "c", "d"], {
    scopeOptions,
  });
  assert.deepEqual([status, limit?.code, counts.done, counts.pending], ["limit", "calls", 3, 1]);
});

test("a wrong key stops the job at once; what waits stays pending", async () => {
  const jobs = memoryJobs();
  const model = scriptedModel(() => new ModelError("auth", "The key is wrong."));
  await assert.rejects(
    mapped(
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
    mapped(
      scriptedModel(() => down),
      Array.from({ length: 500 }, (_, index) => index),
      { jobs },
    ),
    /No such route/,
  );
  await assert.rejects(
    mapped(
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
  const { lines, status } = await mapped(model, ["a", "bad", "c"]);
  assert.equal(status, "failed");
  assert.deepEqual(lines[1], { key: 2, ok: false, error: { code: "refused", message: "No.", attempts: 1 } });
});

test("an item may not take longer than it may", async () => {
  const model = scriptedModel((request) => ({
    text: '{"label":"x"}',
    delayMs: lastText(request).includes("slow") ? 60_000 : 0,
  }));
  const { lines } = await mapped(model, ["a", "slow"], { pace: { itemTimeoutMs: 50 } });
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
    mapped(
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
  const { status, counts } = await mapped(model, items, { jobs, scopeOptions: { concurrency: 1 } });
  assert.equal(status, "cancelled");
  assert.ok(counts.pending > 0);
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
