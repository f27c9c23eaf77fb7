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
import { CostCeiling } from "./cost-ceiling.ts";
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
  const ceiling = new CostCeiling(
    bench.maxCostUsd,
    await artifacts.readAll(),
    await artifacts.unfinishedUsd(),
  );
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
      const artifact = await runOne(bench, world, job, allowance);
      if (typeof artifact === "number") {
        // What it spent counts, though it is not done.
        await artifacts.writeUnfinished(job.arm.name, artifact);
        if (bench.signal.aborted) return "interrupted";
        bench.tell(
          `The ceiling of $${bench.maxCostUsd} was reached in ${job.arm.name} ${job.task.id}: it is not counted.`,
        );
        return "capped";
      }
      await artifacts.write(artifact);
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

/** What it spent in US dollars where it was interrupted or hit the run's own ceiling: a resumed run does it again. */
async function runOne(
  bench: BenchRun,
  world: World,
  { arm, task, rep }: Job,
  allowance: number | undefined,
): Promise<Artifact | number> {
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
  let outcome:
    | Outcome
    | { readonly status: "failed"; readonly answer: ""; readonly error: NonNullable<Artifact["error"]> };
  try {
    outcome = await arm.run(task, setting);
  } catch (error) {
    if (bench.signal.aborted) return meter.costUsd ?? 0;
    const problem = errorOf(error);
    outcome =
      problem.code === "context_overflow"
        ? { status: "overflow", answer: "" }
        : { status: "failed", answer: "", error: problem };
  } finally {
    await trace?.close();
  }
  const wallMs = Math.round(performance.now() - startedAt);
  const peakRssMb = memory.stop();
  const isOurCeiling =
    allowance !== undefined && (bench.limits.costUsd === undefined || allowance < bench.limits.costUsd);
  const limit = "limit" in outcome ? outcome.limit : "error" in outcome ? outcome.error.code : undefined;
  if (isOurCeiling && limit === "cost") return meter.costUsd ?? 0;
  return {
    v: 1,
    level: bench.level,
    arm: arm.name,
    family: task.family,
    taskId: task.id,
    rep,
    lengthTokens: task.lengthTokens,
    status: outcome.status,
    score: outcome.answer === "" ? 0 : bench.family.score(task, outcome.answer),
    answer: outcome.answer.slice(0, shownAnswer),
    answerSha256: sha256(outcome.answer),
    answerCharacters: outcome.answer.length,
    ...("error" in outcome && { error: outcome.error }),
    wallMs,
    peakRssMb,
    measured: meter.read(),
    ...("facts" in outcome && { facts: outcome.facts }),
    manifestSha256: bench.manifestSha256,
  };
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
