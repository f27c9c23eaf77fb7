/** Several items in one prompt. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ModelError } from "../core/errors.ts";
import type { Json, JsonObject } from "../core/json.ts";
import type { ModelRequest } from "../core/model.ts";
import { memoryJobs } from "../stores/jobs-memory.ts";
import { scriptedModel, type ScriptedModel, type Step } from "../testing/scripted-model.ts";
import { entries, newScope } from "./map.fixture.ts";
import { settledPages } from "./job-results.ts";
import { runMap, type MapProblem } from "./map.ts";

const label: JsonObject = {
  $ref: "#/$defs/label",
  $defs: { label: { type: "object", properties: { label: { type: "string" } }, required: ["label"] } },
};

async function map(
  model: ScriptedModel,
  items: readonly Json[],
  given: Partial<MapProblem> = {},
): Promise<unknown[]> {
  const jobs = memoryJobs();
  const { jobId } = await runMap({
    ...{
      scope: newScope({ concurrency: 2 }),
      jobs,
      model,
      items: entries(...items),
      prompt: "Shout {{word}}",
      output: label,
    },
    ...{ pace: { batch: 4 } },
    ...given,
  });
  const rows = (await Array.fromAsync(settledPages(jobs, jobId))).flat();
  return rows.map(({ outcome, attempts }) =>
    outcome.ok
      ? outcome.agreement === undefined
        ? outcome.result
        : [outcome.result, outcome.agreement]
      : [outcome.error.message, attempts],
  );
}

function asked(request: ModelRequest): { id: number; word: string }[] {
  const message = request.messages.at(-1);
  const text =
    message && message.role === "user" && message.content[0]?.type === "text" ? message.content[0].text : "";
  const lines = /<items>\n([\s\S]*)\n<\/items>/.exec(text)?.[1]?.split("\n") ?? [];
  return lines.map((line) => JSON.parse(line) as { id: number; word: string });
}

function answer(items: readonly { id: number | string; word: string }[]): string {
  return JSON.stringify({
    results: items.map(({ id, word }) => ({ id, result: { label: word.toUpperCase() } })),
  });
}

const words = ["a", "b", "c", "d", "e", "f"].map((word) => ({ word }));
const shouted = ["A", "B", "C", "D", "E", "F"].map((word) => ({ label: word }));

test("items share prompts, in any order of the answers", async () => {
  const sizes: number[] = [];
  const model = scriptedModel((request) => {
    sizes.push(asked(request).length);
    return answer(asked(request).reverse());
  });
  assert.deepEqual(await map(model, words), shouted);
  assert.deepEqual(
    sizes.toSorted((one, other) => one - other),
    [2, 4],
  );
});

test("only what is missing, given twice or not valid is asked again, with what was wrong", async () => {
  const rounds: string[][] = [];
  const model = scriptedModel((request, call) => {
    const items = asked(request);
    rounds.push(items.map(({ word }) => word));
    if (call > 1)
      return {
        text: answer(items),
        expects:
          /id 1: it was not in the answer[\s\S]*id 2: it was in the answer 2 times[\s\S]*id 3: .*string/,
      };
    const [, b, , d] = items;
    assert.ok(b && d);
    const good = JSON.parse(answer([d, b, b])) as { results: Json[] };
    return JSON.stringify({
      results: [...good.results, { id: 3, result: { label: 5 } }, { id: 99, result: {} }],
    });
  });
  assert.deepEqual(await map(model, words.slice(0, 4)), shouted.slice(0, 4));
  assert.deepEqual(rounds, [
    ["a", "b", "c", "d"],
    ["a", "b", "c"],
  ]);
});

test("ids as texts, bare lists and fences are understood", async () => {
  const steps: Step[] = [
    (request) =>
      "```json\n" +
      JSON.stringify(
        (
          JSON.parse(answer(asked(request).map((one) => ({ ...one, id: String(one.id) })))) as {
            results: Json;
          }
        ).results,
      ) +
      "\n```",
  ];
  assert.deepEqual(await map(scriptedModel(steps), words.slice(0, 4)), shouted.slice(0, 4));
});

test("an item that never gets a valid answer fails by itself", async () => {
  const model = scriptedModel((request) => answer(asked(request).filter(({ word }) => word !== "b")));
  const results = await map(model, words.slice(0, 4));
  assert.deepEqual(results[0], { label: "A" });
  assert.deepEqual(results[1], ["No valid answer in 3 attempts: it was not in the answer.", 3]);
});

test("a batch that does not fit the window is halved until it does; an item that alone does not fit fails alone", async () => {
  const model = scriptedModel((request) => {
    const items = asked(request);
    const tooMuch = items.length > 2 || items.some(({ word }) => word === "c");
    return tooMuch ? new ModelError("context_overflow", "Too long.") : answer(items);
  });
  const results = await map(model, words.slice(0, 4));
  assert.deepEqual(results, [shouted[0], shouted[1], ["Too long.", 1], shouted[3]]);
});

test("votes see the items in other orders, and a split vote is told of", async () => {
  const orders: string[] = [];
  const model = scriptedModel((request, call) => {
    const items = asked(request);
    orders.push(items.map(({ word }) => word).join(""));
    return answer(items.map((one) => (one.word === "b" && call === 2 ? { ...one, word: "x" } : one)));
  });
  const results = await map(model, words.slice(0, 4), { votes: 3, scope: newScope({ concurrency: 1 }) });
  assert.equal(new Set(orders).size, 3, orders.join(" "));
  assert.deepEqual(results, [
    [shouted[0], 1],
    [shouted[1], 2 / 3],
    [shouted[2], 1],
    [shouted[3], 1],
  ]);
});

test("an item without the prompt's field fails before it is asked, and texts can be batched too", async () => {
  const model = scriptedModel((request) =>
    JSON.stringify({ results: asked(request).map(({ id, word }) => ({ id, result: word })) }),
  );
  const results = await map(model, [{ word: "a" }, { other: 1 }], { output: undefined });
  assert.deepEqual(results, ["a", ['This item has no field "word", which the prompt uses.', 0]]);
});
