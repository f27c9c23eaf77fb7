/** Everything that can be seen of a run from outside: one event union for the CLI, the store, tests and viewers. */
import type { CallId, JobId, RunId } from "./ids.ts";
import type { Json, JsonObject } from "./json.ts";
import type { ModelRequest } from "./model.ts";
import type { ExecutionResult } from "./sandbox.ts";
import type { RunUsage, Usage } from "./usage.ts";

export type TraceEvent = TraceEventBody & {
  readonly runId: RunId;
  /** Set for children of another run. */
  readonly parentRunId?: RunId;
  /** 0 for the root run. */
  readonly depth: number;
  /** Order within the tree of runs, from 1. */
  readonly seq: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
};

/** What a model call is for: a turn of a root LM, a plain sub-call, or a summary. */
export type CallRole = "root" | "sub" | "summary";

export type TraceEventBody =
  | {
      readonly type: "run-start";
      readonly query: string;
      readonly corpus: JsonObject;
      readonly settings: JsonObject;
    }
  /** While a large context is being opened. */
  | { readonly type: "corpus-progress"; readonly documents: number; readonly bytes: number }
  | { readonly type: "turn-start"; readonly turn: number }
  | {
      readonly type: "model-start";
      readonly callId: CallId;
      readonly role: CallRole;
      readonly model: string;
      readonly provider: string;
      readonly request: ModelRequest;
    }
  | {
      readonly type: "model-delta";
      readonly callId: CallId;
      readonly kind: "text" | "reasoning";
      readonly text: string;
    }
  | {
      readonly type: "model-retry";
      readonly callId: CallId;
      readonly attempt: number;
      readonly waitMs: number;
      readonly error: TracedError;
    }
  | {
      readonly type: "model-end";
      readonly callId: CallId;
      readonly role: CallRole;
      readonly model: string;
      readonly text: string;
      readonly stopReason: string;
      readonly usage: Usage;
      /** null where no price is known. */
      readonly costUsd: number | null;
      /** Where the answer came from: the provider, another run's answer, or this run's own journal. */
      readonly source: "provider" | "cache" | "journal";
      readonly durationMs: number;
    }
  | {
      readonly type: "model-error";
      readonly callId: CallId;
      readonly role: CallRole;
      readonly model: string;
      readonly error: TracedError;
      readonly durationMs: number;
    }
  | { readonly type: "code-start"; readonly turn: number; readonly code: string }
  | {
      readonly type: "code-end";
      readonly turn: number;
      readonly result: ExecutionResult;
      readonly durationMs: number;
    }
  | { readonly type: "batch-start"; readonly name: string; readonly items: number }
  | {
      readonly type: "batch-end";
      readonly name: string;
      readonly items: number;
      readonly failed: number;
      readonly durationMs: number;
    }
  | {
      readonly type: "look-up";
      readonly name: "grep" | "search" | "read";
      readonly query: string;
      readonly found: number;
      readonly durationMs: number;
    }
  | {
      readonly type: "compaction-start";
      readonly reason: string;
      /** Positions that get labels, both ends included. */
      readonly first: number;
      readonly last: number;
      readonly tokens: number;
    }
  | {
      readonly type: "compaction-end";
      readonly reason: string;
      readonly status: "swapped" | "outdated" | "failed";
      readonly tokensBefore: number;
      readonly tokensAfter: number;
      /** Labels that had to be made without a model. */
      readonly deterministic: number;
      readonly durationMs: number;
    }
  | { readonly type: "tool-start"; readonly toolCallId: string; readonly name: string; readonly input: Json }
  | {
      readonly type: "tool-end";
      readonly toolCallId: string;
      readonly name: string;
      readonly output: Json;
      readonly isError: boolean;
      readonly durationMs: number;
    }
  | { readonly type: "feedback"; readonly turn: number; readonly reason: string; readonly text: string }
  | {
      readonly type: "job-start";
      readonly jobId: JobId;
      /** Items that were done in an earlier run. */
      readonly done: number;
      readonly settings: JsonObject;
    }
  /** An item of a job has its outcome, durably. Equal items have one event, with the place of the first. */
  | {
      readonly type: "item-end";
      readonly jobId: JobId;
      readonly position: number;
      readonly key: string | number;
      readonly ok: boolean;
      readonly error?: { readonly code: string; readonly message: string };
      /** The share of votes that agreed, where there were several. */
      readonly agreement?: number;
      readonly attempts: number;
      /** null where no price is known. */
      readonly costUsd: number | null;
      readonly durationMs: number;
    }
  | {
      readonly type: "job-progress";
      readonly jobId: JobId;
      /** Different items so far, and how many of them are done and failed. */
      readonly items: number;
      readonly done: number;
      readonly failed: number;
      /** True once all items are known. */
      readonly complete: boolean;
      readonly itemsPerSecond: number;
      readonly costUsd: number | null;
      /** null while nobody can say. */
      readonly etaMs: number | null;
    }
  | { readonly type: "notice"; readonly text: string }
  | {
      readonly type: "run-end";
      readonly status: string;
      readonly answer: string;
      readonly citations: readonly Json[];
      readonly usage: RunUsage;
      readonly costUsd: number | null;
      readonly durationMs: number;
      readonly error?: TracedError;
    };

export interface TracedError {
  readonly kind: string;
  readonly code: string;
  readonly message: string;
}
