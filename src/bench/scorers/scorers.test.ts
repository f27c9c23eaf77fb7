/** Scorers against what the official ones gave for the same input, recorded. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { solve } from "../oolong/solve.ts";
import { scorePairs } from "../oolong/pairs.ts";
import { scoreOolong } from "../oolong/score.ts";
import { firstOf, readWindows, type AnswerType } from "../oolong/window.ts";
import { scoreLocomo } from "./locomo.ts";
import { extractLetter, scoreExactText, scoreNodeSet, stringMatchAll, stringMatchPart } from "./match.ts";
import { stem } from "./porter.ts";
import { scoreMrcr, sequenceRatio } from "./sequence-matcher.ts";

const golden = (name: string): unknown =>
  JSON.parse(readFileSync(fileURLToPath(new URL(`./golden-${name}.json`, import.meta.url)), "utf8"));

test("every recorded OOLONG output gets the official score", () => {
  const types: Readonly<Record<string, AnswerType>> = {
    "ANSWER_TYPE.LABEL": "label",
    "ANSWER_TYPE.COMPARISON": "comparison",
    "ANSWER_TYPE.NUMERIC": "numeric",
    "ANSWER_TYPE.USER": "user",
    "ANSWER_TYPE.DATE": "date",
    "ANSWER_TYPE.MONTH_YEAR": "month-year",
  };
  const rows = golden("oolong") as { answer: string; type: string; output: string; score: number }[];
  assert.ok(rows.length > 100);
  for (const { answer, type, output, score } of rows) {
    const given = scoreOolong({ type: types[type] ?? "label", gold: firstOf(answer) ?? "" }, output);
    assert.ok(Math.abs(given - score) < 1e-9, `${output} for ${answer}: ${given}, officially ${score}`);
  }
});

test("ratios of texts are those of Python's SequenceMatcher, its rule for common characters included", () => {
  for (const [a, b, ratio] of golden("ratios") as [string, string, number][])
    assert.ok(Math.abs(sequenceRatio(a, b) - ratio) < 1e-12, `${JSON.stringify([a, b])}: ${ratio}`);
});

test("stems are NLTK's", () => {
  const stems = Object.entries(golden("stems") as Record<string, string>);
  assert.deepEqual(
    stems.filter(([word, expected]) => stem(word) !== expected).map(([word]) => word),
    [],
  );
});

const window = fileURLToPath(new URL("../../../../shared/data/oolong", import.meta.url));
const folder = process.env["UNABRIDGED_TEST_DATA"]
  ? join(process.env["UNABRIDGED_TEST_DATA"], "oolong")
  : window;

test(
  "counting over the official labels gives each of the 25 official golds, and full marks by the scorer",
  { skip: existsSync(folder) ? false : `${folder} is not there; set UNABRIDGED_TEST_DATA` },
  () => {
    const [official] = readWindows(folder);
    assert.equal(official?.questions.length, 25);
    for (const question of official?.questions ?? [])
      assert.equal(
        scoreOolong(question, solve(question.question, official?.records ?? [])),
        1,
        question.question,
      );
  },
);

test("pairs are compared as sets, in whatever order and form they are written", () => {
  assert.equal(scorePairs(["(1, 2)", "(3, 4)"], "(2,1), (3, 4)"), 1);
  assert.equal(scorePairs(["(1, 2)", "(3, 4)"], "(1, 2)"), 2 / 3);
  assert.equal(scorePairs([], "[]"), 1);
  assert.equal(scorePairs(["(1, 2)"], "none"), 0);
});

test("the small scorers follow the official rules at their edges", () => {
  assert.equal(stringMatchAll(["A1", "b2"], "here: a1"), 0.5);
  assert.equal(stringMatchPart(["x", "b2"], "B2"), 1);
  assert.equal(extractLetter("**The correct answer is (B)**, not The correct answer is C"), "B");
  assert.equal(extractLetter("It is B."), undefined);
  assert.equal(scoreExactText("a\nb", "```txt\na\nb\n```"), 1);
  assert.equal(scoreExactText("a\nb", "a\nb \nc"), 0);
  assert.equal(scoreNodeSet(["a", "b"], "so\nFinal Answer: [b, a]"), 1);
  assert.equal(scoreNodeSet([], "Final Answer: []"), 1);
  assert.equal(scoreNodeSet(["a"], "a"), 0);
  assert.equal(scoreMrcr("xyz poem", "xyz", "poem"), 0, "without the prefix nothing counts");
  assert.equal(scoreMrcr("xyz poem", "xyz", "xyz poem"), 1);
});

test("LoCoMo's categories are each scored in their own way", () => {
  assert.equal(scoreLocomo("running", 4, "ran runs running the"), 2 / (3 + 1));
  assert.equal(scoreLocomo("tea, coffee", 1, "coffee, tea"), 1);
  assert.equal(scoreLocomo("yes; because of x", 3, "Yes"), 1);
  assert.equal(scoreLocomo("anything", 5, "That is not mentioned."), 1);
  assert.equal(scoreLocomo("anything", 5, "anything"), 0);
});
