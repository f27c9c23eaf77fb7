/** A report is a pure function of what was kept: the same bytes each time, and honest about what it may claim. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Artifact } from "../runner/artifact.ts";
import type { Manifest } from "../runner/manifest.ts";
import { Meter } from "../runner/meter.ts";
import { reportOf } from "./markdown.ts";
import { growthExponent, interval, pairedDifference, wilson } from "./statistics.ts";
import { crossover, growth, summarise } from "./summary.ts";

function made(arm: string, lengthTokens: number, index: number, score: number, calls: number): Artifact {
  const measured = new Meter().read();
  return {
    ...{ v: 1, level: "l0", arm, family: "oolong", taskId: `${lengthTokens}-${index}`, rep: 1, lengthTokens },
    ...{
      status: score < 0 ? "overflow" : "answered",
      score: Math.max(0, score),
      answer: "x",
      answerSha256: "",
    },
    ...{ answerCharacters: 1, wallMs: lengthTokens / 10, peakRssMb: 200, manifestSha256: "" },
    measured: {
      ...measured,
      root: { ...measured.root, calls: 2, inputTokens: 1_000 },
      sub: { ...measured.sub, calls, inputTokens: lengthTokens },
      costMicroUsd: lengthTokens,
    },
  };
}

const lengths = [8_192, 65_536, 524_288];
const artifacts = lengths.flatMap((length) =>
  [0, 1, 2, 3].flatMap((index) => [
    made("rlm-1", length, index, index === 3 ? 0.75 : 1, length / 2_048),
    made("direct", length, index, length < 60_000 ? 1 : length < 500_000 ? 0.25 : -1, 0),
  ]),
);

const manifest = (level: Manifest["level"]): Manifest => ({
  ...{ v: 1, id: `oolong-${level}-1`, at: "2026-01-01T00:00:00Z", family: "oolong", level, reps: 1 },
  ...{ arms: ["rlm-1", "direct"], recipe: { seed: 1 }, source: "made", models: { simulated: "yes" } },
  ...{ limits: {}, hashes: { code: "1", prompts: "2", data: "3", prices: "4", settings: "5" } },
  machine: "a machine",
});

test("the same artifacts give the same bytes, in whatever order they are read", () => {
  const one = reportOf([manifest("l0")], artifacts);
  assert.deepEqual(reportOf([manifest("l0")], [...artifacts].reverse()), one);
  assert.equal(one.plots.size, 7);
});

test("every plot says what its numbers may claim, and has a line for each arm", () => {
  for (const [name, svg] of reportOf([manifest("l0")], artifacts).plots) {
    assert.match(svg, /^<svg xmlns=/);
    assert.match(svg, /simulated models, not language models/, name);
    assert.match(svg, />rlm-1</, name);
    assert.doesNotMatch(svg, /NaN|undefined|Infinity/, name);
  }
});

test("only a live run stands beside published numbers", () => {
  const l0 = reportOf([manifest("l0")], artifacts).markdown;
  assert.match(l0, /No row of this run stands here: l0 measures no model/);
  assert.doesNotMatch(l0, /\(this run\)/);
  const l2 = reportOf([manifest("l2")], artifacts).markdown;
  assert.match(l2, /rlm-1 \(this run\)/);
  assert.match(l2, /arXiv 2512\.24601/);
});

test("the crossover is where the other arm falls behind for good", () => {
  const cells = summarise(artifacts);
  assert.equal(crossover(cells, "rlm-1", "direct"), 65_536);
  assert.equal(crossover(cells, "direct", "rlm-1"), undefined);
});

test("exponents are fitted over lengths at which all tasks were answered", () => {
  const { calls } = growth(summarise(artifacts), "rlm-1");
  assert.ok(calls !== undefined && calls > 0.7 && calls < 1.1, `${calls}`);
  assert.equal(
    growthExponent([
      [1, 3],
      [2, 6],
      [4, 12],
    ])?.toFixed(6),
    "1.000000",
  );
  assert.equal(growthExponent([[1, 3]]), undefined);
});

test("a judge's cost and leniency stand by themselves", () => {
  const judgement = { score: 1, judge: "fact-own-1", model: "m", unread: 0, calls: 2, costMicroUsd: 5_000 };
  const judged = artifacts.map((one, index) => ({
    ...one,
    judgement: { ...judgement, ...(index < 4 && { control: { accepted: index === 0 } }) },
  }));
  const { markdown } = reportOf([manifest("l2")], judged);
  assert.match(markdown, /\| fact-own-1, asked of m \| 24 \| 48 \| 0\.1200 \| 0 \| 1 of 4 \|/);
});

test("intervals contain their mean and shrink with more tasks", () => {
  const few = wilson(8, 10);
  const many = wilson(80, 100);
  assert.ok(few.low < 0.8 && few.high > 0.8 && many.high - many.low < few.high - few.low);
  const { mean, low, high } = interval([0.25, 0.5, 1, 1, 0.75]);
  assert.ok(low <= mean && mean <= high);
  const paired = pairedDifference(Array.from({ length: 20 }, () => [1, 0.5] as const));
  assert.deepEqual([paired.low, paired.mean, paired.high], [0.5, 0.5, 0.5]);
});
