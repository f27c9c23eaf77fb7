/** One `map` from beginning to end: the caller's items through a model, with the engine's models, limits and stores. */
import type { Limits } from "../core/budget.ts";
import { ConfigError } from "../core/errors.ts";
import type { RunId } from "../core/ids.ts";
import type { InputEntry } from "../core/job-store.ts";
import { isPlainObject, type JsonObject } from "../core/json.ts";
import type { RunScope } from "../core/scope.ts";
import type { TraceEvent } from "../core/trace.ts";
import type { RunUsage } from "../core/usage.ts";
import {
  applyPreset,
  askingOf,
  assertIterable,
  entriesOf,
  estimateMap,
  runMap,
  type AgentAnswer,
  type Estimate,
  type MapPace,
  type MapProblem,
  type MapResult,
  type OutputSchema,
  type Preset,
} from "../map/index.ts";
import { Clock } from "./clock.ts";
import { agentAnswer, jobScope } from "./job-scope.ts";
import { checkLimits, unpricedNotice, type CheckedLimits, type RunLimits } from "./limits.ts";
import type { EngineModels, EngineParts, ItemsInput } from "./parts.ts";

export interface MapRequest {
  /** Values that are JSON, or records and texts of files: `{ input: "reviews.jsonl" }`. */
  readonly items: Iterable<unknown> | AsyncIterable<unknown> | ItemsInput;
  /** The field that names an item. @default the source's own key, or else the position from 1 */
  readonly key?: string;
  /** Over the fields of an item, as `{{field}}` or `{{item}}`; without any placeholder the item is put after it. */
  readonly prompt: string;
  /** JSON Schema, or a Standard Schema such as one of zod's. @default results are texts */
  readonly output?: OutputSchema;
  /** "filter": the prompt is a condition, results are { keep }; "extract": values of the schema, nothing invented. */
  readonly preset?: Preset;
  /** Each item is answered by an `ask` over its own text, with a grant of its own. @default false */
  readonly agent?: boolean;
  /** How often each item is asked; the answer of most counts. @default 1 */
  readonly votes?: number;
  /** Items in one prompt. @default 1 */
  readonly batch?: number;
  /** Calls for one item or batch until its answer is valid. @default 3 */
  readonly attempts?: number;
  /** Longest time for one item or batch, in milliseconds. @default none */
  readonly itemTimeoutMs?: number;
  /** Only so many items from the beginning; the job goes on from there when it is run without this. @default all */
  readonly sample?: number;
  /** Where results are written, as JSONL in input order. @default nowhere: read them with `engine.jobs.results` */
  readonly file?: { readonly path: string; readonly overwrite?: boolean };
  /** Names the input: the same task over another input is another job. @default the input's path, or "" */
  readonly source?: string;
  /** False leaves the work to workers elsewhere and waits for them. @default true */
  readonly takesPart?: boolean;
}

export interface MapOptions {
  readonly signal?: AbortSignal;
  /** `costUsd` holds for the whole job: all its runs and workers together. */
  readonly limits?: RunLimits;
  /** What relative paths are relative to. @default the working directory */
  readonly workingFolder?: string;
  /** Kept with the job, to be found again in `jobs`. */
  readonly caller?: JsonObject;
}

export interface MapRunResult extends MapResult {
  /** Of this run; what earlier runs and other workers spent is in `counts`. */
  readonly usage: RunUsage;
  readonly costUsd: number | null;
  readonly runId: RunId;
}

/** @param watch takes the events for those who look on */
export async function mapRun(
  parts: EngineParts,
  runId: RunId,
  request: MapRequest,
  options: MapOptions & { readonly limits: RunLimits },
  watch: (event: TraceEvent) => void,
): Promise<MapRunResult> {
  const limits = checkLimits(options.limits);
  const clock = new Clock(options.signal, limits.budget.timeMs);
  try {
    const [models, jobs] = await Promise.all([parts.models(), parts.jobs()]);
    const scope = await jobScope(parts, runId, limits, {
      signal: clock.signal,
      publish: watch,
      withJournal: request.agent === true,
      // What it may cost is the job's ceiling, over all runs, and not this run's limit.
      budget: budgetOf(limits),
    });
    for (const text of models.notices) scope.emit({ type: "notice", text });
    const unpriced = unpricedNotice([models.subModel], limits);
    if (unpriced !== undefined) scope.emit({ type: "notice", text: unpriced });
    const problem: MapProblem = {
      ...taskOf(parts, request, limits, models, scope),
      ...{ scope, jobs, items: itemsOf(parts, request, options, clock.signal) },
      ...{ keyField: request.key, sample: request.sample, file: request.file },
      ...(request.source === undefined && isItemsInput(request.items) && { source: request.items.input }),
      ...(request.source !== undefined && { source: request.source }),
      ...(request.takesPart !== undefined && { takesPart: request.takesPart }),
      ...(options.caller && { caller: options.caller }),
    };
    const result = await runMap(problem);
    return { ...result, usage: scope.budget.usage, costUsd: scope.budget.costUsd, runId };
  } finally {
    clock.stop();
  }
}

/** What it would take, from a sample of the items and no call at all. */
export async function mapEstimate(
  parts: EngineParts,
  request: MapRequest,
  options: MapOptions & { readonly limits: RunLimits },
): Promise<Estimate> {
  const limits = checkLimits(options.limits);
  const models = await parts.models();
  const signal = options.signal ?? new AbortController().signal;
  const asking = await askingOf(taskOf(parts, request, limits, models, undefined));
  const { key: keyField, sample: limit } = request;
  return estimateMap(asking, itemsOf(parts, request, options, signal), { keyField, limit });
}

function taskOf(
  parts: EngineParts,
  request: MapRequest,
  limits: CheckedLimits,
  models: EngineModels,
  scope: RunScope | undefined,
): Pick<MapProblem, "model" | "modelName" | "prompt" | "output" | "votes" | "pace" | "agent"> {
  const { batch, attempts, itemTimeoutMs } = request;
  const pace: Partial<MapPace> = {
    ...(batch !== undefined && { batch }),
    ...(attempts !== undefined && { attempts }),
    ...(itemTimeoutMs !== undefined && { itemTimeoutMs }),
    ...(limits.budget.costUsd !== undefined && { ceilingUsd: limits.budget.costUsd }),
  };
  const { prompt, output } = preset(request);
  return {
    ...{ model: models.subModel, modelName: models.subModel.id, prompt, output, pace },
    ...(request.votes !== undefined && { votes: request.votes }),
    ...(request.agent && { agent: scope ? agentAnswer(parts, limits, scope) : neverAsked }),
  };
}

function preset({ preset: name, prompt, output }: MapRequest): Pick<MapRequest, "prompt" | "output"> {
  if (name === undefined) return { prompt, ...(output && { output }) };
  if (output !== undefined && !isPlainObject(output))
    throw new ConfigError("invalid_option", `The preset "${name}" takes a JSON Schema.`);
  const { prompt: framed, schema } = applyPreset(name, prompt, output as JsonObject | undefined);
  return { prompt: framed, ...(schema && { output: schema }) };
}

async function itemsOfInput(
  parts: EngineParts,
  items: ItemsInput,
  { workingFolder }: MapOptions,
  signal: AbortSignal,
): Promise<AsyncIterable<InputEntry>> {
  return parts.openItems(items, { signal, cwd: workingFolder ?? process.cwd() });
}

async function* itemsOf(
  parts: EngineParts,
  { items }: MapRequest,
  options: MapOptions,
  signal: AbortSignal,
): AsyncGenerator<InputEntry> {
  if (isItemsInput(items)) {
    yield* await itemsOfInput(parts, items, options, signal);
    return;
  }
  assertIterable(items);
  yield* entriesOf(items);
}

function isItemsInput(items: MapRequest["items"]): items is ItemsInput {
  return isPlainObject(items) && typeof items["input"] === "string";
}

function budgetOf({ budget: { costUsd: _ceiling, ...budget } }: CheckedLimits): Limits {
  return budget;
}

const neverAsked: AgentAnswer = () => Promise.reject(new Error("An estimate asks nobody."));
