/** One question over one corpus, with everything that answering it needs: what a root run and each child are made of. */
import type { Corpus, Span } from "../core/corpus.ts";
import type { Model } from "../core/model.ts";
import type { GuestTool, Sandbox } from "../core/sandbox.ts";
import type { BudgetError } from "../core/errors.ts";
import type { ItemOutcome } from "../core/job-store.ts";
import type { Json, JsonObject } from "../core/json.ts";
import type { RunScope } from "../core/scope.ts";
import type { Grant } from "./grant.ts";

export interface Problem {
  readonly query: string;
  readonly corpus: Corpus;
  /** Its budget is `grant.work`. */
  readonly scope: RunScope;
  readonly grant: Grant;
  readonly cast: Cast;
  readonly settings: AskSettings;
  /** Nothing is paid for before it resolves; what it rejects with ends the run. @default nothing has to be waited for */
  readonly entered?: Promise<void>;
}

/** Who plays which part, and what they play on. */
export interface Cast {
  /** The root LM of a run at a depth: 0 is the question's own. */
  rootModel(depth: number): Model;
  readonly subModel: Model;
  readonly sandbox: Sandbox;
  /** Makes a corpus of parts of another and of new texts; parts keep the ids and offsets of the documents they are from. */
  deriveCorpus(from: Corpus, parts: readonly (Span | string)[], signal: AbortSignal): Promise<Corpus>;
  /** Waits until a child at this depth may open its sandbox. Each depth has its own places, so parents never starve children. */
  enterChild(depth: number, signal: AbortSignal): Promise<{ leave(): void }>;
  readonly tools: readonly AskTool[];
  readonly records: RecordOperators;
}

/** The loop over records and its reductions, for cells: handed in, because runs and maps need not know each other. */
export interface RecordOperators {
  /**
   * Puts each prompt through the sub-LM; outcomes in order. What a limit left unasked is a failure, and the limit is told.
   * Throws what stops all of it: an endpoint that answers nobody, the signal's reason.
   */
  map(prompts: readonly string[], options: RecordMapOptions): Promise<RecordMapResult>;
  /** One statement that only reads; `others` are tables by these names. Throws ConfigError where it is wrong. */
  query(
    query: string,
    set: RecordSet,
    others: ReadonlyMap<string, RecordSet>,
    signal: AbortSignal,
  ): Promise<readonly JsonObject[]>;
}

export interface RecordMapOptions {
  readonly schema: JsonObject | undefined;
  readonly scope: RunScope;
  readonly signal: AbortSignal;
}

export interface RecordMapResult {
  readonly outcomes: readonly ItemOutcome[];
  readonly limit: BudgetError | undefined;
}

export interface RecordSet {
  readonly outcomes: readonly ItemOutcome[];
  readonly items: readonly Json[] | undefined;
  readonly schema: JsonObject | undefined;
}

/** A function of the caller's that cells may call by its name. */
export interface AskTool extends GuestTool {
  run(args: Json, signal: AbortSignal): Promise<Json>;
}

export interface AskSettings {
  /** Turns of the root LM. @default 30 */
  readonly maxIterations: number;
  /** Levels of sub-calls: 0 none, 1 plain sub-calls, 2 children with a REPL whose sub-calls are plain, … @default 1 */
  readonly depth: number;
  /** Make free look-ups before the first turn. @default true */
  readonly phase0: boolean;
  /** The guest's own work per cell, in milliseconds; waiting for sub-calls doesn't count. @default 120000 */
  readonly cellTimeoutMs: number;
  /** Memory of one sandbox in MiB. @default 1024 */
  readonly memoryMb: number;
  /** Corpora up to this many bytes are held in the guest as Python strings; larger ones are read in windows. @default 64 MiB */
  readonly eagerBytes: number;
}

export const defaultSettings: AskSettings = {
  maxIterations: 30,
  depth: 1,
  phase0: true,
  cellTimeoutMs: 120_000,
  memoryMb: 1_024,
  eagerBytes: 64 * 1024 * 1024,
};

/** Assumed where nobody knows a model's window: small enough to be true of almost all. */
export const assumedWindow = 32_768;
