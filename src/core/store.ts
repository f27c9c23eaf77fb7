/**
 * Port: what outlives a process. Facts are only added; each write is atomic and durable once its promise resolves. Contract:
 * what one process asks of a store is carried out in the order in which it was asked.
 */
import type { CallId, RunId } from "./ids.ts";
import type { JsonObject } from "./json.ts";
import type { ModelReply } from "./model.ts";
import type { TraceEvent } from "./trace.ts";

export interface Store {
  readonly runs: RunStore;
  readonly answers: AnswerStore;
  close(): Promise<void>;
}

export interface RunStore {
  create(run: NewRun): Promise<void>;
  /** Adds events. Long texts in them are kept once, by hash. */
  append(runId: RunId, events: readonly TraceEvent[]): Promise<void>;
  /** Records how a run ended. A resumed run ends again; the last one holds. */
  finish(runId: RunId, end: RunEnd): Promise<void>;
  /** Throws StoreError "not_found", naming the newest runs. */
  get(runId: RunId): Promise<StoredRun>;
  /** Root runs, newest first. */
  list(options: { limit: number }): Promise<readonly StoredRun[]>;
  /** Events of a run and of all its children, in order. */
  events(runId: RunId): AsyncIterable<TraceEvent>;
}

export interface NewRun {
  readonly id: RunId;
  readonly at: number;
  readonly query: string;
  /** What resume needs to open the same corpus and models again. */
  readonly recipe: JsonObject;
  /** The corpus's fingerprint when the run began. */
  readonly fingerprint: string;
}

export interface RunEnd {
  readonly at: number;
  readonly status: string;
  readonly answer: string;
  /** The whole result as the CLI's --json prints it. */
  readonly result: JsonObject;
}

export interface StoredRun extends NewRun {
  /** Undefined while a run is going on, or where its process was killed. */
  readonly end: RunEnd | undefined;
}

/** Finished model calls by the hash of their request: the answer cache across runs, and each run's own journal. */
export interface AnswerStore {
  /**
   * The answer to the n-th identical request (`ordinal`, from 0). With `scope` a run, only what that run itself
   * has paid for: its journal.
   */
  find(requestHash: string, ordinal: number, scope: RunId | "any"): Promise<StoredAnswer | undefined>;
  save(answer: NewAnswer): Promise<void>;
}

export interface NewAnswer {
  readonly callId: CallId;
  /** The root of the tree of runs that paid for it. */
  readonly runId: RunId;
  readonly requestHash: string;
  readonly ordinal: number;
  readonly reply: ModelReply;
  /** null where no price is known. */
  readonly costUsd: number | null;
  readonly at: number;
}

export interface StoredAnswer {
  readonly callId: CallId;
  readonly runId: RunId;
  readonly reply: ModelReply;
  readonly costUsd: number | null;
}
