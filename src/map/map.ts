/** The engine-run loop over records: input into the store, work until nothing is left, results out in input order. */
import { setTimeout as sleep } from "node:timers/promises";
import { ConfigError, type BudgetError, type BudgetErrorCode } from "../core/errors.ts";
import type { JobId } from "../core/ids.ts";
import type { JobCounts, JobOutput, JobStore, NewRow, StoredJob } from "../core/job-store.ts";
import type { Json, JsonObject } from "../core/json.ts";
import type { Model } from "../core/model.ts";
import type { RunScope } from "../core/scope.ts";
import type { AgentAnswer, Asking } from "./asking.ts";
import { rowsOf, type Entries } from "./input.ts";
import { checkPace, checkVotes, defaultPace, newJob, type MapPace, type MapTask } from "./job.ts";
import { outputOf, type Output, type OutputSchema } from "./output-schema.ts";
import { OutputFile } from "./output-file.ts";
import { checkTemplate, parseTemplate, unseenFields } from "./template.ts";
import { work, type WorkEnd } from "./work.ts";

export interface MapProblem {
  readonly scope: RunScope;
  readonly jobs: JobStore;
  readonly model: Model;
  /** As the user's configuration names the model: what a worker elsewhere finds it by. @default the model's id */
  readonly modelName?: string;
  readonly items: Entries;
  /** Over the fields of an item; without any placeholder the item is put after it. */
  readonly prompt: string;
  /** @default results are texts */
  readonly output?: OutputSchema | undefined;
  /** How often each item is asked; the answer of most counts. @default 1 */
  readonly votes?: number;
  /** The field that names an item. @default the source's own key, or else the position from 1 */
  readonly keyField?: string | undefined;
  /** Names the input: the same task over another input is another job. @default "" */
  readonly source?: string;
  /** Kept with the job, to be found again in its recipe. */
  readonly caller?: JsonObject;
  readonly pace?: Partial<MapPace>;
  /** Only so many items from the beginning. The job goes on from there when it is run without this. @default all */
  readonly sample?: number | undefined;
  /** Where results are written. @default nowhere: they are read from the store */
  readonly file?: { readonly path: string; readonly overwrite?: boolean } | undefined;
  /** Have each item answered by a run of its own instead of a call. */
  readonly agent?: AgentAnswer | undefined;
  /** Items or batches worked on at once. @default what the limiter lets through */
  readonly lanes?: number;
  /** False leaves the work to others: items are put into the store, and this waits for them. @default true */
  readonly takesPart?: boolean;
  /** How long a dead process's items wait for another one. @default 30000 */
  readonly leaseMs?: number;
  /** Keep the answers of single calls with the run: where the run outlives the job. @default false */
  readonly keepsAnswers?: boolean;
}

export interface MapResult {
  /** "done": every item is; "failed": some failed for good; "limit": a limit was reached, see `limit`. */
  readonly status: "done" | "failed" | "limit" | "cancelled";
  readonly jobId: JobId;
  readonly counts: JobCounts;
  /** Set once every row is settled and was written. */
  readonly file: JobOutput | undefined;
  /** Where the rows are that were settled before the work ended early. */
  readonly partialFile: string | undefined;
  readonly limit: { readonly code: BudgetErrorCode; readonly message: string } | undefined;
}

/** Throws what stops the whole job: ConfigError, a store that fails, an endpoint that answers nobody, the signal's reason. */
export async function runMap(problem: MapProblem): Promise<MapResult> {
  const asking = await askingOf(problem);
  const { task, pace } = asking;
  const { jobs, file } = problem;
  const job = await jobs.open(newJob(task, pace, problem.source ?? "", problem.caller));
  const output = file && (await OutputFile.open(file.path, { known: job.output, overwrite: file.overwrite }));
  const progress = new Progress(problem, job);
  const writer = new Writer(jobs, job.id, output);
  let written: JobOutput | undefined;
  try {
    await progress.begin(asking);
    const end = await carryOut(problem, job, asking, writer);
    await writer.finish();
    const counts = await jobs.counts(job.id);
    if (output && end.type === "drained" && output.rows === counts.rows) written = await output.complete();
    if (written) await jobs.noteOutput(job.id, written);
    await progress.tell();
    return {
      ...{ jobId: job.id, counts, file: written, ...ending(end, counts, pace) },
      partialFile: written || !output || output.rows === 0 ? undefined : output.partialPath,
    };
  } finally {
    progress.stop();
    if (!written) await output?.keep();
  }
}

/** What is asked of each item. Throws ConfigError where prompt, schema or options are none. */
export async function askingOf(
  problem: Pick<MapProblem, "model" | "modelName" | "prompt" | "output" | "votes" | "pace" | "agent">,
): Promise<Asking> {
  if (problem.prompt.trim() === "")
    throw new ConfigError("invalid_input", "The prompt is empty. Say what to do with each item.");
  const given = Object.fromEntries(
    Object.entries(problem.pace ?? {}).filter(([, value]) => value !== undefined),
  );
  const pace = checkPace({ ...defaultPace, ...given, ...(problem.agent ? { batch: 1 } : {}) });
  const output: Output | undefined =
    problem.output === undefined ? undefined : await outputOf(problem.output);
  const task: MapTask = {
    prompt: problem.prompt,
    schema: output?.schema,
    mode: problem.agent ? "agent" : "llm",
    votes: checkVotes(problem.votes ?? 1),
    model: problem.modelName ?? problem.model.id,
  };
  // In a batch even a text must be told from its neighbours.
  const batched = pace.batch > 1 ? (output ?? (await outputOf({ type: "string" }))) : output;
  return {
    ...{ model: problem.model, task, pace, output: batched },
    template: parseTemplate(task.prompt),
    agent: problem.agent,
  };
}

/** Input and work at the same time; whichever fails ends the other, and when the work ends early the input is left. */
async function carryOut(
  problem: MapProblem,
  job: StoredJob,
  asking: Asking,
  writer: Writer,
): Promise<WorkEnd> {
  const halt = new AbortController();
  const scope = { ...problem.scope, signal: AbortSignal.any([problem.scope.signal, halt.signal]) };
  const intake = new Intake({ ...problem, scope }, job.id, asking);
  // Nothing is sent before the first items have shown that the prompt fits them.
  await intake.begun;
  const working = workOrWait({ ...problem, scope }, job, asking, () => intake.isComplete, writer);
  working.then(
    (end) => end.type !== "drained" && halt.abort(end),
    (error: unknown) => halt.abort(error),
  );
  intake.ended.catch((error: unknown) => halt.abort(error));
  const [worked, read] = await Promise.allSettled([working, intake.ended]);
  problem.scope.signal.throwIfAborted();
  if (read.status === "rejected" && read.reason !== halt.signal.reason) throw read.reason;
  if (worked.status === "fulfilled") return worked.value;
  throw worked.reason;
}

async function workOrWait(
  problem: MapProblem,
  job: StoredJob,
  asking: Asking,
  isComplete: () => boolean,
  writer: Writer,
): Promise<WorkEnd> {
  const { jobs, scope, takesPart = true, leaseMs, keepsAnswers = false } = problem;
  if (!takesPart) return waitForOthers(problem, job, isComplete, writer);
  return work({
    ...{ jobs, jobId: job.id, scope, asking, isComplete, keepsAnswers },
    lanes: problem.lanes ?? scope.tree.limiter.concurrency,
    onSettled: () => writer.wake(),
    ...(leaseMs === undefined ? {} : { leaseMs }),
  });
}

async function waitForOthers(
  { jobs, scope }: MapProblem,
  job: StoredJob,
  isComplete: () => boolean,
  writer: Writer,
): Promise<WorkEnd> {
  for (;;) {
    const wasComplete = isComplete();
    const [counts, { state }] = await Promise.all([jobs.counts(job.id), jobs.get(job.id)]);
    if (state === "cancelled") return { type: "cancelled" };
    if (wasComplete && counts.pending === 0 && counts.running === 0) return { type: "drained" };
    writer.wake();
    await sleep(500, undefined, { signal: scope.signal });
  }
}

/** Reads the input into the store, however far ahead of the work: what is stored there takes no memory here. */
class Intake {
  readonly begun: Promise<void>;
  readonly ended: Promise<void>;
  isComplete = false;

  constructor(problem: MapProblem, jobId: JobId, asking: Asking) {
    const begun = Promise.withResolvers<void>();
    this.begun = begun.promise;
    this.ended = this.#read(problem, jobId, asking, begun.resolve);
    this.ended.catch(begun.reject);
  }

  async #read(
    { jobs, scope, items, keyField, sample }: MapProblem,
    jobId: JobId,
    { template, pace }: Asking,
    begun: () => void,
  ): Promise<void> {
    let rows = 0;
    // Work may begin while a slow source goes on, once the prompt is seen to fit and batches are whole.
    const handsOnEarly = (chunk: readonly NewRow[]): boolean =>
      chunk.length % pace.batch === 0 && (rows > 0 || unseenFields(template, itemsOf(chunk)).length === 0);
    for await (const chunk of rowsOf(items, { keyField, limit: sample, handsOnEarly })) {
      scope.signal.throwIfAborted();
      if (rows === 0) checkTemplate(template, itemsOf(chunk));
      await jobs.add(jobId, chunk);
      rows += chunk.length;
      begun();
    }
    // A sample leaves the rows alone that an earlier run had beyond it.
    if (sample === undefined) await jobs.seal(jobId, rows);
    this.isComplete = true;
    begun();
  }
}

function itemsOf(rows: readonly NewRow[]): readonly Json[] {
  return rows.flatMap((row) => (row.type === "item" ? [row.item] : []));
}

const pageRows = 2000;
const writeEveryMs = 250;

/** Moves settled rows from the store into the file, a page at a time, never two at once. */
class Writer {
  readonly #jobs: JobStore;
  readonly #jobId: JobId;
  readonly #output: OutputFile | undefined;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(jobs: JobStore, jobId: JobId, output: OutputFile | undefined) {
    this.#jobs = jobs;
    this.#jobId = jobId;
    this.#output = output;
  }

  wake(): void {
    if (!this.#output) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#write().catch(() => undefined); // `finish` tells of it: the same write fails again.
    }, writeEveryMs);
  }

  async finish(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#writing.catch(() => undefined); // As above.
    await this.#write();
  }

  #write(): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      const output = this.#output;
      while (output) {
        const rows = await this.#jobs.settledRows(this.#jobId, { after: output.rows, limit: pageRows });
        if (rows.length === 0) return;
        await output.append(rows);
      }
    });
    return this.#writing;
  }
}

const tellEveryMs = 1000;

class Progress {
  readonly #problem: MapProblem;
  readonly #job: StoredJob;
  #timer: NodeJS.Timeout | undefined;
  #startedAt = Date.now();
  #doneBefore = 0;

  constructor(problem: MapProblem, job: StoredJob) {
    this.#problem = problem;
    this.#job = job;
  }

  async begin({ task, pace }: Asking): Promise<void> {
    const { done, failed } = await this.#problem.jobs.counts(this.#job.id);
    this.#doneBefore = done + failed;
    const settings = JSON.parse(JSON.stringify({ ...task, ...pace })) as { readonly [key: string]: Json };
    this.#problem.scope.emit({ type: "job-start", jobId: this.#job.id, done, settings });
    // What fails here fails the work as well, and is told there.
    this.#timer = setInterval(() => void this.tell().catch(() => undefined), tellEveryMs);
    this.#timer.unref();
  }

  async tell(): Promise<void> {
    const { id } = this.#job;
    const counts = await this.#problem.jobs.counts(id);
    const ended = counts.done + counts.failed;
    const itemsPerSecond =
      (ended - this.#doneBefore) / Math.max(0.001, (Date.now() - this.#startedAt) / 1000);
    const left = counts.units - ended;
    this.#problem.scope.emit({
      ...{ type: "job-progress", jobId: id, items: counts.units, done: counts.done, failed: counts.failed },
      ...{ complete: left === 0, itemsPerSecond, costUsd: counts.costKnown ? counts.costUsd : null },
      etaMs: itemsPerSecond > 0 ? Math.round((left / itemsPerSecond) * 1000) : null,
    });
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

function ending(end: WorkEnd, counts: JobCounts, pace: MapPace): Pick<MapResult, "status" | "limit"> {
  switch (end.type) {
    case "cancelled":
      return { status: "cancelled", limit: undefined };
    case "limit":
      return { status: "limit", limit: said(end.error) };
    case "ceiling": {
      const message = `The ceiling of $${pace.ceilingUsd} is reached: $${end.spentUsd.toPrecision(3)} spent, ${counts.pending} items left. Raise it with --max-cost and run again to go on.`;
      return { status: "limit", limit: { code: "cost", message } };
    }
    case "drained":
      return { status: counts.failed + counts.faults > 0 ? "failed" : "done", limit: undefined };
  }
}

function said({ code, message }: BudgetError): NonNullable<MapResult["limit"]> {
  return { code, message };
}
