/** Every arm on small worlds, through the real engine, sandbox, stores and HTTP: who can answer what, and who says so where not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { smallRun } from "../bench.fixture.ts";
import { oolong, pairs } from "../oolong/families.ts";
import type { Artifact } from "../runner/artifact.ts";
import { codeQa } from "../tasks/code-qa.ts";
import { fileState } from "../tasks/file-state.ts";
import { multiHop } from "../tasks/multi-hop.ts";
import { recall } from "../tasks/recall.ts";
import { ruler } from "../tasks/ruler.ts";
import { armsNamed, arms as all } from "./index.ts";

function scores(artifacts: readonly Artifact[]): Record<string, number> {
  const groups = Map.groupBy(artifacts, ({ arm }) => arm);
  const mean = (group: readonly Artifact[]): number =>
    group.reduce((sum, { score }) => sum + score, 0) / group.length;
  return Object.fromEntries([...groups].map(([arm, group]) => [arm, Number(mean(group).toFixed(3))]));
}

test("counting over a text of two windows: arms that read all of it are right, those that must hold it whole say that it doesn't fit", async () => {
  await using small = await smallRun(oolong, { lengths: [16_384], perLength: 1 }, { windowTokens: 8_192 });
  const { end, artifacts } = await small.run(["all"]);
  assert.equal(end, "done");
  assert.equal(artifacts.length, all.length);
  const score = scores(artifacts);
  for (const arm of ["rlm-1", "rlm-2", "rlm-3", "map", "chat"]) assert.equal(score[arm], 1, arm);
  const overflows = artifacts.filter(({ status }) => status === "overflow").map(({ arm }) => arm);
  assert.deepEqual([...new Set(overflows)].sort(), ["code-act", "direct"]);
  assert.deepEqual(
    artifacts.filter(({ status }) => status === "failed"),
    [],
  );
});

test("what every arm spent is counted, calls without events too", async () => {
  await using small = await smallRun(recall, { lengths: [8_192], perLength: 1 }, { windowTokens: 4_096 });
  const { artifacts } = await small.run(["map", "chat", "rlm-1"]);
  assert.deepEqual(scores(artifacts), { chat: 1, map: 1, "rlm-1": 1 });
  for (const { arm, measured, facts } of artifacts) {
    assert.ok((measured.costMicroUsd ?? 0) > 0, arm);
    if (arm === "map") assert.ok(measured.sub.calls >= 3, "its batches");
    if (arm !== "chat") continue;
    assert.ok(measured.sub.calls > 10, "its labels and its clone");
    assert.ok(Number(facts?.["compactions"]) >= 2, JSON.stringify(facts));
  }
});

test("with summaries in bad faith a rolling summary forgets, a lossless conversation looks it up", async () => {
  const summary = { keeps: 0.2, adversarial: true };
  await using small = await smallRun(
    recall,
    { lengths: [8_192], perLength: 4 },
    { windowTokens: 4_096, summary },
  );
  const { artifacts } = await small.run(["chat", "summary"]);
  assert.deepEqual(scores(artifacts), { chat: 1, summary: 0 });
});

test("a provider that fails every seventh call changes no answer", async () => {
  const faults = { every: 7, kinds: ["rateLimited", "serverError", "reset", "brokenJson"] } as const;
  await using small = await smallRun(oolong, { lengths: [8_192], perLength: 1 }, { faults });
  const { artifacts } = await small.run(["rlm-1", "map"]);
  assert.deepEqual(scores(artifacts), { map: 1, "rlm-1": 1 });
});

test("each family that can be made is solved through the public functions of cells", async () => {
  const requests = [
    [pairs, { lengths: [4_096], perLength: 1 }],
    [ruler, { lengths: [4_096], perLength: 8 }],
    [multiHop, { lengths: [24_576], perLength: 1 }],
    [codeQa, { lengths: [16_384], perLength: 2 }],
    [fileState, { lengths: [4_096], perLength: 1 }],
  ] as const;
  for (const [family, request] of requests) {
    await using small = await smallRun(family, request);
    const { artifacts } = await small.run(["rlm-1"]);
    assert.ok(artifacts.length > 0, family.name);
    for (const { taskId, score, answer, error } of artifacts)
      assert.equal(score, 1, `${taskId}: ${answer.slice(0, 200)} ${error?.message ?? ""}`);
  }
});

test("an arm that isn't there is refused with the names of those that are", () => {
  assert.throws(() => armsNamed(["rlm-9"]), /There is no arm "rlm-9". There are: rlm-1, .*, and "all"/);
});
