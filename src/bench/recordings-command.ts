/** `bench recordings`: cells of other programs' logs against our REPL. `bench replay`: a run of our own, played again. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Sandbox } from "../core/sandbox.ts";
import { Engine } from "../engine/index.ts";
import { BuiltInParts } from "../setup/open-engine.ts";
import { cassette, diff, type CassetteMode } from "./recordings/cassette.ts";
import { readOwnTrace } from "./recordings/own-trace.ts";
import { readRecordings, type RecordedRun } from "./recordings/recorded-runs.ts";
import { errorOf, judge, replayCells, type Verdict } from "./recordings/replay-cells.ts";

/** Ends in `recordings l1: as recorded/of those whose log holds all that they need`. */
export async function recordingsCommand(flags: {
  data: string;
  sandbox: "wasm" | "native";
}): Promise<number> {
  const parts = new BuiltInParts({ sandbox: flags.sandbox });
  const counts = new Map<Verdict, number>();
  let failures = 0;
  try {
    for (const run of readRecordings(resolve(flags.data)))
      failures += await replayOne(parts.sandbox(), run, counts);
  } finally {
    await parts.close();
  }
  for (const [verdict, count] of counts) tell(`${count} ${verdict}`);
  const right = counts.get("as recorded") ?? 0;
  tell(`recordings l1: ${right}/${right + failures}`);
  return failures === 0 ? 0 : 1;
}

async function replayOne(sandbox: Sandbox, run: RecordedRun, counts: Map<Verdict, number>): Promise<number> {
  const count = (verdict: Verdict, cells = 1): void =>
    void counts.set(verdict, (counts.get(verdict) ?? 0) + cells);
  if (Buffer.byteLength(run.context) > (sandbox.eagerBytes ?? Infinity)) {
    count("context over what the sandbox loads", run.cells.length);
    return 0;
  }
  const { results, asked } = await replayCells(sandbox, run);
  let failures = 0;
  for (const [index, cell] of run.cells.entries()) {
    const result = results[index];
    const verdict = result ? judge(run, cell, result, asked) : "different";
    count(verdict);
    if (verdict !== "different") continue;
    failures++;
    const printed = result ? result.stdout.head + result.stdout.tail : "";
    tell(
      `${run.name}, cell ${index}: recorded ${cell.error ?? "no error"}, here ${(result && errorOf(result)) ?? "no error"}\n${diff(cell.output ?? "", printed)}`,
    );
  }
  return failures;
}

/** Ends in `replay l1: 1/1` where the run comes to the same answer with the same requests. */
export async function replayCommand(
  trace: string,
  paths: readonly string[],
  flags: { mode: CassetteMode; sandbox: "wasm" | "native" },
): Promise<number> {
  const recorded = readOwnTrace(resolve(trace));
  const { model, subModel, divergences, unused } = cassette(recorded, flags.mode);
  const home = await mkdtemp(join(tmpdir(), "unabridged-replay-"));
  const parts = new BuiltInParts({ model, subModel, modelsByDepth: [model], home, sandbox: flags.sandbox });
  const engine = new Engine(parts, { limits: recorded.limits });
  try {
    const { answer } = await engine
      .ask({ query: recorded.question, context: { paths } }, { cache: false })
      .result()
      .catch((error: unknown) => ({ answer: `(failed: ${String(error)})` }));
    for (const divergence of divergences) tell(divergence);
    const isSame = answer === recorded.answer && divergences.length === 0;
    if (answer !== recorded.answer) tell(`The answer differs.\n${diff(recorded.answer, answer)}`);
    if (unused() > 0) tell(`${unused()} recorded calls were not asked for.`);
    tell(`replay l1: ${isSame ? 1 : 0}/1`);
    return isSame ? 0 : 1;
  } finally {
    await engine.close();
    await rm(home, { recursive: true, force: true });
  }
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}
