/** What everything inside a run is given: its grant, its trace, its signal, and what the whole tree shares. */
import type { Budget } from "./budget.ts";
import type { RunId } from "./ids.ts";
import type { CallLimiter } from "./limiter.ts";
import type { AnswerStore } from "./store.ts";
import type { TokenCalibration } from "./tokens.ts";
import type { TraceEvent, TraceEventBody } from "./trace.ts";

export interface RunScope {
  readonly runId: RunId;
  readonly parentRunId: RunId | undefined;
  readonly depth: number;
  readonly budget: Budget;
  /** Fires on cancellation, and with a BudgetError when the time is up. */
  readonly signal: AbortSignal;
  readonly emit: (event: TraceEventBody) => void;
  /**
   * How often each request was made in the current cell. The n-th identical request of a cell gets the n-th answer, so
   * votes stay different; a cell that is run again begins anew and gets the answers it already paid for.
   */
  readonly occurrences: Map<string, number>;
  readonly tree: RunTree;
}

/** Shared by a root run and all its descendants. */
export interface RunTree {
  readonly rootRunId: RunId;
  /** Takes every event of the tree. */
  readonly publish: (event: TraceEvent) => void;
  /** Numbers events over the whole tree. */
  readonly nextSeq: () => number;
  readonly limiter: CallLimiter;
  readonly calibration: TokenCalibration;
  readonly answers: AnswerStore | undefined;
  /** Answers of other runs may be used. What this run itself has paid for is always used again. */
  readonly useCache: boolean;
  /** True for a resumed run: its journal may hold answers from before this session. */
  readonly resumed: boolean;
  /** Answers of the journal that this session has already accounted for, by request and ordinal. */
  readonly accounted: Set<string>;
  /** Longest silence of one call, in milliseconds; each streamed piece starts it anew. */
  readonly callTimeoutMs: number;
}

/** Makes the function that stamps and publishes events of one run; `next` numbers events over the whole tree. */
export function emitter(
  run: { readonly runId: RunId; readonly parentRunId: RunId | undefined; readonly depth: number },
  next: () => number,
  publish: (event: TraceEvent) => void,
): (event: TraceEventBody) => void {
  const { runId, parentRunId, depth } = run;
  const stamp = parentRunId === undefined ? { runId, depth } : { runId, parentRunId, depth };
  return (body) => publish({ ...body, ...stamp, seq: next(), at: Date.now() });
}
