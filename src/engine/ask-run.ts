/** One `ask` from beginning to end: context opened, run recorded, question answered, everything closed again. */
import { Budget } from "../core/budget.ts";
import type { ContextInput } from "../core/context.ts";
import type { Corpus } from "../core/corpus.ts";
import { ConfigError } from "../core/errors.ts";
import { asRunId, type RunId } from "../core/ids.ts";
import type { Json, JsonObject } from "../core/json.ts";
import { CallLimiter } from "../core/limiter.ts";
import type { RunTree } from "../core/scope.ts";
import type { NewRun, StoredRun } from "../core/store.ts";
import { TokenCalibration } from "../core/tokens.ts";
import type { TraceEvent } from "../core/trace.ts";
import type { RunUsage } from "../core/usage.ts";
import { ask, divide, type AskOutcome, type AskTool, type Citation } from "../rlm/index.ts";
import { castOf } from "./cast.ts";
import { Clock } from "./clock.ts";
import { forgiving } from "./journal.ts";
import { checkLimits, unpricedNotice, type CheckedLimits, type RunLimits } from "./limits.ts";
import type { EngineModels, EngineParts } from "./parts.ts";
import { recipeContext, toJson, type AskContext } from "./recipe.ts";
import { RecordedRun } from "./recorded-run.ts";

export interface AskRequest {
  readonly query: string;
  /** Text is text: a plain string is never taken for a path. Files are `{ paths: [...] }`, an earlier run's answer `{ run: id }`. */
  readonly context: AskContext;
  /** Functions of yours that cells may call by name. */
  readonly tools?: readonly AskTool[];
}

export interface AskOptions {
  /** Ends the run; what is there is kept, and the result says "cancelled". */
  readonly signal?: AbortSignal;
  /** Limits of this run, before the engine's own. */
  readonly limits?: RunLimits;
  /** Go on with this run: its finished calls are replayed at no cost. Query and context must be the same. */
  readonly resume?: string;
  /** Free look-ups of the question's rare terms before the first turn. @default true */
  readonly phase0?: boolean;
  /** Use answers that other runs have paid for. @default true */
  readonly cache?: boolean;
  /** What relative paths are relative to. @default the working directory */
  readonly workingFolder?: string;
  /** Files that are no text are left out and named, or refused. @default "skip" */
  readonly binary?: "skip" | "refuse";
  /** Read every file as it is: HTML as its source, and no text is taken out of PDFs, office documents, archives and mails. @default false */
  readonly raw?: boolean;
  /** What text files that are no UTF-8 are in, for instance "latin1". @default their bytes are kept as they are */
  readonly encoding?: string;
  /** Kept with the run, to be found again in `runs`. */
  readonly caller?: JsonObject;
}

export interface AskResult {
  readonly status: "answered" | "partial" | "cancelled";
  /** The answer as text; the best so far where the status is not "answered", and empty where there is none. */
  readonly answer: string;
  /** The answer as a value, where the root LM ended with one that is not text. */
  readonly value?: Json;
  readonly citations: readonly Citation[];
  readonly usage: RunUsage;
  /** US dollars; null where a model's price is not known. */
  readonly costUsd: number | null;
  readonly runId: RunId;
  /** The limit that was reached, where the status is "partial": which, and what to raise. */
  readonly limit?: { readonly code: string; readonly message: string };
}

/**
 * @param watch takes the events for those who look on
 * @param afterwards takes what is still put away when the answer is there
 */
export async function askRun(
  parts: EngineParts,
  runId: RunId,
  request: AskRequest,
  options: AskOptions & { readonly limits: RunLimits },
  watch: (event: TraceEvent) => void,
  afterwards: (rest: Promise<unknown>) => void,
): Promise<AskResult> {
  const query = request.query.toWellFormed().trim();
  if (query === "")
    throw new ConfigError("invalid_input", "The question is empty. Say what you want to know.");
  const limits = checkLimits(options.limits);
  const sandbox = parts.sandbox();
  // Boots while models are found and the context is opened.
  sandbox.warm();
  const clock = new Clock(options.signal, limits.budget.timeMs);
  const { signal } = clock;
  const run = await RecordedRun.begin(runId, await parts.store(), watch, options.resume !== undefined);
  let corpus: Corpus | undefined;
  try {
    const models = await parts.models();
    for (const text of models.notices) run.emit({ type: "notice", text });
    const unpriced = unpricedNotice([models.model, models.subModel], limits);
    if (unpriced !== undefined) run.emit({ type: "notice", text: unpriced });
    corpus = await openContext(parts, request.context, options, run, signal);
    noteSkipped(corpus, run);
    if (run.resumed) assertSame(run.resumed, query, corpus);
    const entered = run.enter(newRun(query, corpus, request, options, models));
    // It is awaited before the first call; until then a failure must not count as unhandled.
    entered.catch(() => {});
    const grant = divide(new Budget(limits.budget));
    const { identity, emit } = run;
    const outcome = await ask({
      ...{ query, corpus, grant, entered },
      scope: {
        ...identity,
        budget: grant.work,
        signal,
        occurrences: new Map(),
        emit,
        tree: treeOf(run, limits, options),
      },
      cast: castOf(parts, models, request.tools ?? [], corpus),
      settings: { ...limits.settings, phase0: options.phase0 ?? true },
    });
    const result = resultOf(outcome, runId, grant.whole);
    await run.end({ status: result.status, answer: result.answer, result: toJson(result) });
    return result;
  } catch (error) {
    await run.fail(error);
    throw error;
  } finally {
    clock.stop();
    if (corpus) afterwards(corpus.close());
  }
}

/** Who asks must know what the answer can't rest on. */
function noteSkipped(corpus: Corpus, run: RecordedRun): void {
  const { skipped } = corpus.describe();
  if (skipped.length === 0) return;
  const named = skipped.map(({ path, reason }) => `${path} (${reason})`);
  run.emit({ type: "notice", text: `Left out of the context: ${named.join(", ")}.` });
}

async function openContext(
  parts: EngineParts,
  context: AskContext,
  options: AskOptions,
  run: RecordedRun,
  signal: AbortSignal,
): Promise<Corpus> {
  return parts.openCorpus(await contextInput(context, run), {
    signal,
    cwd: options.workingFolder ?? process.cwd(),
    ...(options.binary && { binary: options.binary }),
    ...(options.raw !== undefined && { raw: options.raw }),
    ...(options.encoding !== undefined && { encoding: options.encoding }),
    onProgress: (progress) => run.emit({ type: "corpus-progress", ...progress }),
  });
}

async function contextInput(context: AskContext, { store }: RecordedRun): Promise<ContextInput> {
  if (typeof context !== "object" || !("run" in context)) return context;
  const { id, end } = await store.runs.get(asRunId(context.run));
  if (!end || end.answer === "")
    throw new ConfigError(
      "invalid_input",
      `${id} has no answer to ask about. Finish it with: unabridged runs resume ${id}`,
    );
  return { text: end.answer, title: `the answer of ${id}` };
}

function newRun(
  query: string,
  corpus: Corpus,
  { context }: AskRequest,
  options: AskOptions & { readonly limits: RunLimits },
  { model, subModel }: EngineModels,
): Omit<NewRun, "id"> {
  const recipe = toJson({
    context: recipeContext(context),
    workingFolder: options.workingFolder ?? process.cwd(),
    limits: options.limits,
    phase0: options.phase0 ?? true,
    raw: options.raw,
    encoding: options.encoding,
    model: model.id,
    subModel: subModel.id,
    caller: options.caller ?? {},
  });
  return { at: Date.now(), query, recipe, fingerprint: corpus.fingerprint };
}

/** A journal only fits the question and the text that it was kept for. */
function assertSame(stored: StoredRun, query: string, corpus: Corpus): void {
  if (stored.query !== query)
    throw new ConfigError(
      "invalid_input",
      `${stored.id} asked "${stored.query}", not "${query}". Resume it with its own question, or start a new run.`,
    );
  if (stored.fingerprint !== corpus.fingerprint)
    throw new ConfigError(
      "invalid_input",
      `The context is no longer what it was when ${stored.id} began, so what it found may not hold. Start a new run; answers to equal prompts are still reused.`,
    );
}

function treeOf(run: RecordedRun, limits: CheckedLimits, options: AskOptions): RunTree {
  const warn = (message: string): void =>
    run.emit({
      type: "notice",
      text: `Answers of models can't be kept, so a resumed run would pay for them again: ${message}`,
    });
  return {
    rootRunId: run.identity.runId,
    publish: run.publish,
    nextSeq: run.nextSeq,
    limiter: new CallLimiter(limits.concurrency),
    calibration: new TokenCalibration(),
    answers: forgiving(run.store.answers, warn),
    useCache: options.cache ?? true,
    resumed: run.resumed !== undefined,
    accounted: new Set(),
    callTimeoutMs: limits.callTimeoutMs,
  };
}

function resultOf(outcome: AskOutcome, runId: RunId, { usage, costUsd }: Budget): AskResult {
  const { status, answer, citations, value } = outcome;
  return {
    ...{ status, answer, citations, usage, costUsd, runId },
    ...(value !== undefined && { value }),
    ...(outcome.status === "partial" && {
      limit: { code: outcome.limit.code, message: outcome.limit.message },
    }),
  };
}
