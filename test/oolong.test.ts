/** OOLONG's 25 official questions, end to end: if the root's code and the leaf's reading are right, so is every answer. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { AskResult } from "../src/engine/index.ts";
import { labellingLeaf, LabelTable } from "../src/bench/oolong/leaf.ts";
import { oolongRoot } from "../src/bench/oolong/root.ts";
import { scoreOolong } from "../src/bench/oolong/score.ts";
import { readWindows, type OolongQuestion, type OolongWindow } from "../src/bench/oolong/window.ts";
import { openStage, questionOf, type Stage } from "./ask-stage.ts";
import { testData, unlessThere } from "./test-data.ts";

const skip = unlessThere("oolong/trec_coarse_cw8.txt");

test(
  "all 25 questions end on the gold answer, the leaf calls of each in one parallel batch",
  { skip },
  async (context) => {
    const oolong = theWindow();
    assert.equal(oolong.questions.length, 25);
    await using stage = await openOolong(labellingLeaf(LabelTable.of(oolong.records)));
    const right: OolongQuestion[] = [];
    let widest = 0;
    for (const question of oolong.questions) {
      stage.provider.reset();
      const { result, batches } = await askOne(stage, oolong.file, question);
      assert.equal(result.status, "answered");
      if (scoreOolong(question, result.answer) === 1) right.push(question);
      else context.diagnostic(`${question.id}: "${result.answer}", gold "${question.gold}"`);
      if (question.type === "user") {
        assert.equal(batches.length, 0, "which user writes most is counted, not asked");
        continue;
      }
      const [prompts = 0] = batches;
      assert.equal(batches.length, 1, `question ${question.id} took ${batches.length} batches`);
      assert.ok(prompts === 1 || stage.provider.maxInFlight > 1, "the leaf calls went one after the other");
      widest = Math.max(widest, stage.provider.maxInFlight);
    }
    context.diagnostic(`${right.length} of 25 right, up to ${widest} leaf calls in flight`);
    assert.equal(right.length, 25);
  },
);

test("with the gold labels rotated the answers rotate with them", { skip }, async () => {
  const oolong = theWindow();
  const labels = [...new Set(oolong.records.map(({ label }) => label))].sort();
  const next = new Map(labels.map((label, i) => [label, labels[(i + 1) % 6] ?? ""]));
  const rotated = oolong.records.map((record) => ({ ...record, label: next.get(record.label) ?? "" }));
  await using stage = await openOolong(labellingLeaf(LabelTable.of(rotated)));
  const counting = oolong.questions.filter(({ type }) => type === "numeric");
  const goldOf = (label: string): string =>
    counting.find(({ question }) => question.includes(`label '${label}'`))?.gold ?? "";
  for (const label of labels) {
    const question = counting.find((one) => one.question.includes(`label '${next.get(label)}'`));
    assert.ok(question);
    const { result } = await askOne(stage, oolong.file, question);
    assert.equal(result.answer, `Answer: ${goldOf(label)}`);
    assert.notEqual(goldOf(label), question.gold);
  }
});

function theWindow(): OolongWindow {
  const [window] = readWindows(join(testData, "oolong"));
  assert.ok(window);
  return window;
}

function openOolong(leaf: (prompt: string) => string): Promise<Stage> {
  return openStage(
    {
      root: (turn, request) => oolongRoot(questionOf(request), turn),
      // Calls that wait for nothing could be over before the next one arrives.
      leaf: (prompt) => ({ text: leaf(prompt), delayMs: 5 }),
    },
    { record: 0 },
  );
}

/** Answers that earlier questions paid for are not used: each question has to make its own calls. */
async function askOne(
  { engine }: Stage,
  file: string,
  { question }: OolongQuestion,
): Promise<{ result: AskResult; batches: readonly number[] }> {
  const run = engine.ask({ query: question, context: { paths: [file] } }, { cache: false });
  const batches: number[] = [];
  for await (const event of run) if (event.type === "batch-end") batches.push(event.items);
  return { result: await run.result(), batches };
}
