/** Works through arms × tasks × repeats: what is done is not done again, and nothing is sent that could cross the ceiling. */
import { createWriteStream, mkdirSync, mkdtempSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { createGzip } from "node:zlib";
import { isUnabridgedError, messageOf } from "../../core/errors.ts";
import { sha256 } from "../../core/json.ts";
import type { TraceEvent } from "../../core/trace.ts";
import type { Arm, Outcome, Setting } from "../arms/arm.ts";
import type { Engine } from "../../engine/index.ts";
import type { Dataset, Family, Level, Task } from "../task.ts";
import { ArtifactFolder, shownAnswer, type Artifact } from "./artifact.ts";
import { judgeAnswer } from "../judging/judge-answer.ts";
import { CostCeiling } from "./cost-ceiling.ts";
import { Ledger } from "./ledger.ts";
import { MemoryWatch } from "./memory.ts";
import { Meter } from "./meter.ts";
import { World, type BenchModels } from "./world.ts";

export interface BenchRun {
  readonly folder: string;
  readonly level: Level;
  readonly family: Family;
  readonly dataset: Dataset;
  readonly arms: readonly Arm[];
  readonly reps: number;
  readonly modelsOf: (world: string) => BenchModels;
  readonly sandbox: "wasm" | "native";
  /** Model calls in flight. */
  readonly concurrency: number;
  /** Of all tasks together, in US dollars. */
  readonly maxCostUsd: number | undefined;
  /** Of one task. */
  readonly limits: { readonly costUsd?: number; readonly calls?: number; readonly timeMs?: number };
  readonly callTimeoutMs: number | undefined;
  /** Keep every event beside the artifacts. */
  readonly traces: boolean;
  readonly manifestSha256: string;
  readonly signal: AbortSignal;
  readonly tell: (line: string) => void;
}

export type RunEnd = "done" | "capped" | "interrupted";

/** Tasks of one world follow each other, so that its engine and interpreter are warm, as they are in use. */
export async function runBench(bench: BenchRun): Promise<RunEnd> {
  const artifacts = new ArtifactFolder(bench.folder);
  const ledger = new Ledger(bench.folder);
  const ceiling = new CostCeiling(bench.maxCostUsd, await artifacts.readAll(), await ledger.unfinishedUsd());
  for (const [worldName, tasks] of Map.groupBy(bench.dataset.tasks, ({ world }) => world)) {
    const open = jobsOf(bench, tasks).filter(({ arm, task, rep }) => !artifacts.has(arm.name, task, rep));
    if (open.length === 0) continue;
    await using world = new World(bench.modelsOf(worldName), bench.folder, bench.sandbox, bench.concurrency);
    for (const job of open) {
      if (bench.signal.aborted) return "interrupted";
      const allowance = ceiling.allowanceFor(job.arm.name);
      if (allowance !== undefined && allowance <= 0) {
        bench.tell(`The ceiling of $${bench.maxCostUsd} leaves no room for another ${job.arm.name} task.`);
        return "capped";
      }
      const account = ledger.begin(`${job.arm.name} ${job.task.id} ${job.rep}`);
      world.spend = account.spend;
      const artifact = await runOne(bench, world, job, allowance);
      if (artifact === undefined) {
        if (bench.signal.aborted) return "interrupted";
        bench.tell(
          `The ceiling of $${bench.maxCostUsd} was reached in ${job.arm.name} ${job.task.id}: it is not counted.`,
        );
        return "capped";
      }
      await artifacts.write(artifact);
      account.done();
      ceiling.add(artifact);
      bench.tell(lineFor(artifact));
    }
  }
  return "done";
}

interface Job {
  readonly arm: Arm;
  readonly task: Task;
  readonly rep: number;
}

function jobsOf({ arms, reps }: BenchRun, tasks: readonly Task[]): Job[] {
  return tasks.flatMap((task) =>
    arms.flatMap((arm) => Array.from({ length: reps }, (_, rep) => ({ arm, task, rep: rep + 1 }))),
  );
}

/** Undefined where it was interrupted or hit the run's own ceiling: a resumed run does it again. */
async function runOne(
  bench: BenchRun,
  world: World,
  { arm, task, rep }: Job,
  allowance: number | undefined,
): Promise<Artifact | undefined> {
  const meter = new Meter();
  const trace = bench.traces ? await openTrace(bench.folder, `${arm.name}--${task.id}--${rep}`) : undefined;
  const watch = (event: TraceEvent): void => {
    meter.watch(event);
    trace?.write(event);
  };
  const costUsd = Math.min(allowance ?? Infinity, bench.limits.costUsd ?? Infinity);
  const limits = { ...bench.limits, ...(Number.isFinite(costUsd) && { costUsd }) };
  await using engines = new TaskEngines((home) => world.newEngine(home), join(bench.folder, "home"));
  const setting: Setting = {
    ...world.setting(limits, bench.callTimeoutMs, bench.signal, watch),
    addUnseen: meter.addUnseen,
    freshEngine: () => engines.next(),
  };
  const memory = new MemoryWatch((line) => line.includes("simulated/serve"));
  const startedAt = performance.now();
  const outcome = await outcomeOf(arm, task, setting).finally(() => trace?.close());
  const wallMs = Math.round(performance.now() - startedAt);
  const peakRssMb = memory.stop();
  if (bench.signal.aborted) return undefined;
  const isOurCeiling =
    allowance !== undefined && (bench.limits.costUsd === undefined || allowance < bench.limits.costUsd);
  const limit = "limit" in outcome ? outcome.limit : "error" in outcome ? outcome.error.code : undefined;
  if (isOurCeiling && limit === "cost") return undefined;
  const left = allowance === undefined ? undefined : allowance - (meter.costUsd ?? 0);
  const judged = await judgedBy(bench, world, task, outcome.answer, left);
  if (judged === "stopped") return undefined;
  const scored = outcome.answer === "" ? 0 : bench.family.score(task, outcome.answer);
  return {
    v: 1,
    level: bench.level,
    arm: arm.name,
    family: task.family,
    taskId: task.id,
    rep,
    lengthTokens: task.lengthTokens,
    status: outcome.status,
    score: judged?.score ?? scored,
    answer: outcome.answer.slice(0, shownAnswer),
    answerSha256: sha256(outcome.answer),
    answerCharacters: outcome.answer.length,
    ...("error" in outcome && { error: outcome.error }),
    wallMs,
    peakRssMb,
    measured: meter.read(),
    ...("facts" in outcome && { facts: outcome.facts }),
    ...(judged && { judgement: judged }),
    manifestSha256: bench.manifestSha256,
  };
}

type Ended =
  | Outcome
  | { readonly status: "failed"; readonly answer: ""; readonly error: NonNullable<Artifact["error"]> };

/** A failure is an outcome, too: it is counted and never dropped. */
async function outcomeOf(arm: Arm, task: Task, setting: Setting): Promise<Ended> {
  try {
    return await arm.run(task, setting);
  } catch (error) {
    const problem = errorOf(error);
    return problem.code === "context_overflow"
      ? { status: "overflow", answer: "" }
      : { status: "failed", answer: "", error: problem };
  }
}

/** On a budget of its own: what judging costs is no cost of the arm. */
async function judgedBy(
  bench: BenchRun,
  world: World,
  task: Task,
  answer: string,
  leftUsd: number | undefined,
): Promise<Artifact["judgement"] | "stopped"> {
  const { judge } = bench.family;
  const { judgeModel } = world;
  if (!judge || !judgeModel) return undefined;
  const limits = leftUsd === undefined ? {} : { costUsd: Math.max(0, leftUsd) };
  const { scope } = world.setting(limits, bench.callTimeoutMs, bench.signal, () => {});
  try {
    const judgement = await judgeAnswer(judge, judgeModel, task, answer, scope);
    const { usage, costUsd } = scope.budget;
    const costMicroUsd = costUsd === null ? null : Math.round(costUsd * 1e6);
    return { ...judgement, calls: usage.calls, costMicroUsd };
  } catch (error) {
    if (bench.signal.aborted || errorOf(error).code === "cost") return "stopped";
    throw error;
  }
}

/** Engines of one task alone. */
class TaskEngines implements AsyncDisposable {
  readonly #open: (home: string) => Engine;
  readonly #folder: string;
  readonly #engines: Engine[] = [];
  readonly #homes: string[] = [];

  constructor(open: (home: string) => Engine, folder: string) {
    this.#open = open;
    this.#folder = folder;
  }

  next(): Engine {
    mkdirSync(this.#folder, { recursive: true });
    const home = mkdtempSync(join(this.#folder, "task-"));
    const engine = this.#open(home);
    this.#homes.push(home);
    this.#engines.push(engine);
    return engine;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#engines.map((engine) => engine.close()));
    for (const home of this.#homes) await rm(home, { recursive: true, force: true });
  }
}

function errorOf(error: unknown): NonNullable<Artifact["error"]> {
  const known = isUnabridgedError(error)
    ? { kind: error.kind, code: error.code }
    : { kind: "other", code: "unknown" };
  return { ...known, message: messageOf(error).slice(0, 2_000) };
}

interface Trace {
  write(event: TraceEvent): void;
  close(): Promise<void>;
}

/** Events beside the artifact, as JSON Lines; pieces of replies come again with the whole. */
async function openTrace(folder: string, name: string): Promise<Trace> {
  await mkdir(join(folder, "traces"), { recursive: true });
  const zip = createGzip();
  const file = zip.pipe(
    createWriteStream(join(folder, "traces", `${name.replace(/[^\w.-]+/g, "_")}.jsonl.gz`)),
  );
  const done = new Promise<void>((resolve, reject) => file.once("finish", resolve).once("error", reject));
  return {
    write: (event) => void (event.type === "model-delta" || zip.write(`${JSON.stringify(event)}\n`)),
    close: async () => {
      zip.end();
      await done;
    },
  };
}

function lineFor({ arm, taskId, status, score, wallMs, measured, error }: Artifact): string {
  const calls = measured.root.calls + measured.sub.calls;
  const why = error === undefined ? "" : ` ${error.code}: ${error.message.slice(0, 160)}`;
  return `${score === 1 ? "ok  " : score > 0 ? "part" : "no  "} ${arm} ${taskId} ${status} ${score.toFixed(3)} ${calls} calls ${wallMs} ms${why}`;
}
