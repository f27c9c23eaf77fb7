/** What a map would take, without a call. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../core/errors.ts";
import type { InputEntry } from "../core/job-store.ts";
import { scriptedModel } from "../testing/scripted-model.ts";
import { estimateMap } from "./estimate.ts";
import { entries, newScope } from "./map.fixture.ts";
import { askingOf, runMap } from "./map.ts";
import { memoryJobs } from "../stores/jobs-memory.ts";

const output = { type: "object", properties: { label: { enum: ["a", "b"] } }, required: ["label"] };
const words = Array.from({ length: 300 }, (_, index) => ({ text: `${index % 200} `.repeat(50) }));

test("an estimate counts items, different ones, faults, calls and money", async () => {
  const model = scriptedModel([], { price: { input: 1, output: 10 } });
  const fault: InputEntry = { type: "fault", fault: { code: "invalid_item", message: "Line 5 is no JSON." } };
  const asking = await askingOf({ model, prompt: "Label {{text}}", output, votes: 2 });
  const estimate = await estimateMap(asking, [...entries(...words), fault]);
  assert.deepEqual([estimate.items, estimate.distinct, estimate.faults, estimate.calls], [301, 200, 1, 400]);
  const byPrice = (estimate.inputTokens + estimate.outputTokens * 10) / 1e6;
  assert.ok(estimate.costUsd !== null && Math.abs(estimate.costUsd - byPrice) < 1e-9);
  assert.match(estimate.prompt, /^Label \d+ /);
  const batched = await estimateMap(
    await askingOf({ model, prompt: "Label {{text}}", output, pace: { batch: 20 } }),
    entries(...words),
  );
  assert.equal(batched.calls, 10);
  assert.equal(model.calls, 0);
});

test("an estimate of the input is near what the provider counts", async () => {
  const model = scriptedModel(() => '{"label":"a"}');
  const asking = await askingOf({ model, prompt: "Label {{text}}", output });
  const { inputTokens } = await estimateMap(asking, entries(...words));
  let counted = 0;
  const scope = newScope({ publish: () => undefined });
  await runMap({
    scope,
    jobs: memoryJobs(),
    model,
    items: entries(...words),
    prompt: "Label {{text}}",
    output,
  });
  counted = scope.budget.usage.inputTokens;
  assert.ok(Math.abs(inputTokens / counted - 1) < 0.2, `${inputTokens} estimated, ${counted} counted`);
});

test("without a price there is no cost, and a prompt that does not fit the items is refused", async () => {
  const model = scriptedModel([]);
  assert.equal(
    (await estimateMap(await askingOf({ model, prompt: "{{text}}" }), entries(...words))).costUsd,
    null,
  );
  await assert.rejects(
    estimateMap(await askingOf({ model, prompt: "{{txt}}" }), entries(...words)),
    ConfigError,
  );
});
