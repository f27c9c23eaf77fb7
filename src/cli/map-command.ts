/** `unabridged map`, and with a job's id `jobs resume`: many items through a model, to results in a file or on standard output. */
import { ConfigError } from "../core/errors.ts";
import type { Run } from "../core/run.ts";
import { objectsOf, readJobRecipe, type MapOptions, type MapRunResult } from "../engine/index.ts";
import { launch, type Launched } from "../setup/launch.ts";
import { exitCodes, reportFailure } from "./failure.ts";
import { launchFlags, limitsOf } from "./flags.ts";
import { onInterrupt } from "./interrupt.ts";
import {
  callerOf,
  mapArguments,
  mapRequest,
  storedArguments,
  withFlags,
  type MapArguments,
} from "./map-arguments.ts";
import type { MapFlags } from "./map-flags.ts";
import { MapProgress } from "./map-progress.ts";
import { RowPrinter } from "./row-printer.ts";
import { showEstimate, summaryOfMap } from "./show-map.ts";
import { table } from "./table.ts";
import { writeText } from "./write-text.ts";

export async function map(input: string | undefined, flags: MapFlags): Promise<number> {
  return carriedOut(flags, async (homeFolder, signal) => ({
    given: await mapArguments(input, flags, homeFolder, signal),
  }));
}

export async function resumeJob(id: string, flags: MapFlags): Promise<number> {
  return carriedOut(flags, () => storedAssignment(id, flags));
}

interface Assignment {
  readonly given: MapArguments;
  /** Of a job that is resumed: with another model it would be another job. */
  readonly job?: { readonly id: string; readonly model: string };
}

/** What the job was called with. Throws ConfigError for a job that only a program can go on with. */
async function storedAssignment(id: string, flags: MapFlags): Promise<Assignment> {
  const { engine } = await launch({ limits: {}, store: flags.store }, surroundings());
  try {
    const job = await engine.jobs.get(id);
    const { caller, task } = readJobRecipe(job.recipe);
    const stored = storedArguments(caller);
    if (stored) return { given: withFlags(stored, flags), job: { id: job.id, model: task.model } };
    throw new ConfigError(
      "invalid_input",
      `The items of ${job.id} came from a program: run that again, or finish those that are stored with: unabridged worker --job ${job.id} --until-idle${storeHint(flags.store)}`,
    );
  } finally {
    await engine.close();
  }
}

async function carriedOut(
  flags: MapFlags,
  read: (homeFolder: string, signal: AbortSignal) => Promise<Assignment>,
): Promise<number> {
  const cancel = new AbortController();
  const stopListening = onInterrupt(() => cancel.abort(new DOMException("Interrupted.", "AbortError")));
  let launched: Launched | undefined;
  try {
    // The home folder is where standard input is kept; models are looked for with the flags of the job.
    const { homeFolder } = await launch({ limits: {} }, surroundings());
    const { given, job } = await read(homeFolder, cancel.signal);
    launched = await launch({ ...launchFlags(given), store: flags.store }, surroundings());
    if (job) await assertModel(launched, job);
    return await (flags.dryRun ? estimate : follow)(launched, given, flags, cancel.signal);
  } catch (error) {
    if (!cancel.signal.aborted) throw error;
    return exitCodes.cancelled;
  } finally {
    stopListening();
    await launched?.engine.close();
  }
}

async function assertModel(
  { models }: Launched,
  { id, model }: NonNullable<Assignment["job"]>,
): Promise<void> {
  const { subModel } = await models();
  if (subModel.id === model) return;
  throw new ConfigError(
    "no_model",
    `${id} was begun with the model "${model}", and "${subModel.id}" is found now: its results would not mean the same. Name the model with --model ${model}.`,
  );
}

function surroundings(): Parameters<typeof launch>[1] {
  return { workingFolder: process.cwd(), environment: process.env };
}

function optionsOf(given: MapArguments, signal: AbortSignal): MapOptions {
  const limits = Object.fromEntries(
    Object.entries(limitsOf(given)).filter(([, value]) => value !== undefined),
  );
  return { signal, limits, workingFolder: given.folder, caller: callerOf(given) };
}

async function estimate(
  { engine }: Launched,
  given: MapArguments,
  flags: MapFlags,
  signal: AbortSignal,
): Promise<number> {
  const found = await engine.estimate(mapRequest(given, flags), optionsOf(given, signal));
  await writeText(process.stdout, flags.json ? `${JSON.stringify(found, null, 2)}\n` : showEstimate(found));
  return exitCodes.done;
}

/** Shows a job while it goes on, then what came of it. */
async function follow(
  launched: Launched,
  given: MapArguments,
  flags: MapFlags,
  signal: AbortSignal,
): Promise<number> {
  const { engine, models } = launched;
  const view = new MapProgress(process.stderr, { quiet: flags.quiet === true });
  models().then(
    ({ found }) => view.note(`model: ${found}`),
    () => {
      // The run fails with the same message.
    },
  );
  const printer =
    given.output === undefined && flags.sql === undefined && !flags.json
      ? new RowPrinter(engine.jobs, process.stdout)
      : undefined;
  const run = engine.map(mapRequest(given, flags), optionsOf(given, signal));
  let jobId: string | undefined;
  let result: MapRunResult;
  try {
    result = await watched(run, view, (id) => {
      jobId = id;
      printer?.wake(id);
    });
  } catch (error) {
    view.end();
    const code = signal.aborted ? exitCodes.cancelled : reportFailure(error);
    if (jobId !== undefined && !(error instanceof ConfigError)) process.stderr.write(goOn(jobId, flags));
    return code;
  }
  view.end();
  await printer?.finish(result.jobId);
  if (flags.json && flags.sql === undefined)
    await writeText(process.stdout, `${JSON.stringify(result, null, 2)}\n`);
  await tellEnd(launched, result, flags);
  const code = codes[result.status];
  return flags.sql === undefined ? code : await answerQuery(launched, result.jobId, flags, code);
}

const codes = {
  done: exitCodes.done,
  failed: exitCodes.failed,
  limit: exitCodes.limit,
  cancelled: exitCodes.cancelled,
} as const;

/** @param onJob told the job's id again and again while rows are settled */
async function watched(
  run: Run<MapRunResult>,
  view: MapProgress,
  onJob: (id: string) => void,
): Promise<MapRunResult> {
  for await (const event of run) {
    view.show(event);
    if (event.type === "job-start" || event.type === "job-progress") onJob(event.jobId);
  }
  return run.result();
}

async function tellEnd({ engine }: Launched, result: MapRunResult, flags: MapFlags): Promise<void> {
  const { jobId, counts, file, partialFile, limit, status } = result;
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  if (counts.failed + counts.faults > 0)
    for (const failure of await firstFailures(engine.jobs, jobId, flags)) say(failure);
  if (!flags.quiet) {
    say(summaryOfMap(result));
    if (file) say(`Results: ${file.path}`);
    if (partialFile !== undefined) say(`Results so far: ${partialFile}`);
  }
  if (limit) say(limit.message);
  if (status === "limit" || status === "cancelled") process.stderr.write(goOn(jobId, flags));
  if (counts.failed > 0)
    say(
      `Have the failed ones tried again with: unabridged jobs retry-failed ${jobId}${storeHint(flags.store)}`,
    );
}

const failuresShown = 3;

async function firstFailures(
  jobs: Launched["engine"]["jobs"],
  jobId: string,
  { quiet }: MapFlags,
): Promise<readonly string[]> {
  if (quiet) return [];
  const shown: string[] = [];
  for await (const { key, outcome } of jobs.results(jobId)) {
    if (outcome.ok) continue;
    shown.push(`✗ ${key}: ${outcome.error.message}`);
    if (shown.length === failuresShown) break;
  }
  return shown;
}

/** The job is done and stored whatever becomes of the query. */
async function answerQuery(
  { engine }: Launched,
  jobId: string,
  { sql, json, store }: MapFlags,
  code: number,
): Promise<number> {
  try {
    const rows = await engine.jobs.sql(jobId, sql ?? "");
    await writeText(process.stdout, json ? `${JSON.stringify(objectsOf(rows), null, 2)}\n` : table(rows));
    return code;
  } catch (error) {
    const failed = reportFailure(error);
    process.stderr.write(
      `The results are stored. Ask again with: unabridged jobs show ${jobId} --sql "…"${storeHint(store)}\n`,
    );
    return failed;
  }
}

function goOn(jobId: string, { store }: MapFlags): string {
  return `Go on with the same command, or with: unabridged jobs resume ${jobId}${storeHint(store)}\n`;
}

/** The address may hold a password, so it isn't repeated. */
function storeHint(store: string | undefined): string {
  return store === undefined ? "" : " --store …";
}
