/** What a run keeps and refuses: artifacts, the ledger, the ceiling, manifests. */
import assert from "node:assert/strict";
import { appendFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { noUsage } from "../../core/usage.ts";
import { ArtifactFolder, type Artifact } from "./artifact.ts";
import { CostCeiling } from "./cost-ceiling.ts";
import { Ledger } from "./ledger.ts";
import { assertSame, type Manifest } from "./manifest.ts";
import { Meter } from "./meter.ts";

const folder = mkdtempSync(join(tmpdir(), "bench-runner-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function artifact(taskId: string, usd: number): Artifact {
  return {
    ...{ v: 1, level: "l0", arm: "rlm-1", family: "oolong", taskId, rep: 1, lengthTokens: 8_192 },
    ...{ status: "answered", score: 1, answer: "a", answerSha256: "", answerCharacters: 1 },
    ...{ wallMs: 1, peakRssMb: null, manifestSha256: "" },
    measured: { ...new Meter().read(), costMicroUsd: usd * 1e6 },
  };
}

test("an artifact that is there is done, whatever characters its task's name has", async () => {
  const artifacts = new ArtifactFolder(join(folder, "kept"));
  const id = `a/b c?${"x".repeat(200)}`;
  assert.equal(artifacts.has("rlm-1", { id }, 1), false);
  await artifacts.write(artifact(id, 0.5));
  assert.equal(artifacts.has("rlm-1", { id }, 1), true);
  assert.equal(artifacts.has("rlm-1", { id: `${id}y` }, 1), false);
  assert.deepEqual(
    (await artifacts.readAll()).map(({ taskId }) => taskId),
    [id],
  );
});

test("what unfinished attempts spent is remembered, even where a kill cut the last line", async () => {
  const run = join(folder, "ledger");
  const ledger = new Ledger(run);
  const done = ledger.begin("rlm-1 a 1");
  done.spend(1);
  done.done();
  const killed = ledger.begin("rlm-1 b 1");
  killed.spend(0.25);
  killed.spend(0.5);
  appendFileSync(join(run, "spent.jsonl"), '{"attempt":"rlm-1 b 1","us');
  assert.equal(await new Ledger(run).unfinishedUsd(), 0.75);
  assert.ok(existsSync(join(run, "spent.jsonl")));
});

test("nothing is begun that costs more than is left, by what the arm has cost so far", () => {
  const ceiling = new CostCeiling(1, [artifact("a", 0.4)], 0.1);
  assert.equal(ceiling.allowanceFor("rlm-1"), 0.5);
  assert.equal(ceiling.allowanceFor("direct"), 0.5);
  ceiling.add(artifact("b", 0.3));
  assert.equal(ceiling.allowanceFor("rlm-1"), 0, "0.35 on average is more than the 0.2 that are left");
  assert.ok((ceiling.allowanceFor("direct") ?? 0) > 0.19);
  const judged = { ...artifact("c", 0), judgement: { ...judgement, costMicroUsd: 200_000 } };
  ceiling.add(judged);
  assert.ok(Math.abs(ceiling.allowanceFor("direct") ?? 1) < 1e-9, "a judge is paid from the same purse");
  assert.equal(new CostCeiling(undefined, [], 0).allowanceFor("rlm-1"), undefined);
});

const judgement = { score: 1, judge: "fact-own-1", model: "m", unread: 0, calls: 1 };

test("runs of other code, prompts, data, prices or settings don't mix, and the refusal names which", () => {
  const hashes = { code: "1", prompts: "2", data: "3", prices: "4", settings: "5" };
  const manifest: Manifest = {
    ...{ v: 1, id: "oolong-l0-1", at: "", family: "oolong", level: "l0", arms: [], reps: 1, recipe: {} },
    ...{ source: "", models: {}, limits: {}, hashes, machine: "" },
  };
  assertSame(manifest, manifest);
  assert.throws(
    () => assertSame(manifest, { ...manifest, hashes: { ...hashes, prompts: "x", prices: "y" } }),
    /other prompts, prices, so its results don't mix/,
  );
  assert.throws(() => assertSame(manifest, { ...manifest, level: "l2" }), /task or level/);
});

test("calls without events are counted with those that have some; an unknown price makes the cost unknown", () => {
  const meter = new Meter();
  const usage = { ...noUsage, inputTokens: 10, calls: 2, replayedCalls: 0, failedCalls: 1 };
  meter.addUnseen(usage, 0.5);
  const { sub, costMicroUsd, failedCalls } = meter.read();
  assert.deepEqual([sub.calls, sub.inputTokens, costMicroUsd, failedCalls], [2, 10, 500_000, 1]);
  meter.addUnseen(usage, null);
  assert.equal(meter.read().costMicroUsd, null);
});
