/** A run of our own is recorded, and plays again: the same requests, the same answer; anything else is a failure with a diff. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { smallRun, type SmallRun } from "../bench.fixture.ts";
import { oolong } from "../oolong/families.ts";
import { createEngine } from "../../setup/open-engine.ts";
import { cassette, diff, type CassetteMode } from "./cassette.ts";
import { readOwnTrace } from "./own-trace.ts";

async function recorded(): Promise<SmallRun & { trace: string; file: string }> {
  const small = await smallRun(oolong, { lengths: [4_096], perLength: 1 });
  const { artifacts } = await small.run(["rlm-1"], { traces: true });
  assert.equal(artifacts[0]?.score, 1);
  const [name = ""] = readdirSync(join(small.folder, "traces"));
  const file = small.dataset.tasks[0]?.context[0] ?? "";
  return { ...small, trace: join(small.folder, "traces", name), file };
}

async function replay(
  trace: string,
  file: string,
  mode: CassetteMode,
  home: string,
): Promise<{ same: boolean; divergences: readonly string[]; unused: number }> {
  const own = readOwnTrace(trace);
  const { model, subModel, divergences, unused } = cassette(own, mode);
  const engine = createEngine({ model, subModel, home, sandbox: "wasm", limits: own.limits });
  try {
    const run = engine.ask({ query: own.question, context: { paths: [file] } }, { cache: false });
    const answer = await run.result().then(
      (result) => result.answer,
      () => undefined,
    );
    return { same: answer === own.answer, divergences: [...divergences], unused: unused() };
  } finally {
    await engine.close();
  }
}

test("a recorded run plays again, request by request, in both modes; a changed one diverges", async () => {
  const run = await recorded();
  await using _ = run;
  const { trace, file, folder } = run;
  for (const mode of ["strict", "ordered"] as const) {
    const { same, divergences, unused } = await replay(trace, file, mode, join(folder, mode));
    assert.deepEqual([same, divergences, unused], [true, [], 0], mode);
  }
  // The recording is of another wording now, as after a change of ours.
  const changed = join(folder, "changed.jsonl");
  const lines = gunzipSync(readFileSync(trace)).toString("utf8");
  writeFileSync(changed, lines.replaceAll("Every number once, nothing else", "Each number once"));
  const strict = await replay(changed, file, "strict", join(folder, "strict-changed"));
  assert.equal(strict.same, false);
  assert.match(strict.divergences[0] ?? "", /was not recorded\.\nline \d+:\n- [\s\S]*\n\+ /);
  const ordered = await replay(changed, file, "ordered", join(folder, "ordered-changed"));
  assert.deepEqual([ordered.same, ordered.divergences], [true, []], "alike enough, and in order");
});

test("a diff begins where two texts part", () => {
  assert.equal(diff("a\nb\nc", "a\nx\nc"), "line 2:\n- b\n- c\n+ x\n+ c");
});
