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
  readonly tree: RunTree;
}

/** Shared by a root run and all its descendants. */
export interface RunTree {
  readonly rootRunId: RunId;
  readonly limiter: CallLimiter;
  readonly calibration: TokenCalibration;
  readonly answers: AnswerStore | undefined;
  /** Answers of other runs may be used. What this run itself has paid for is always used again. */
  readonly useCache: boolean;
  /** True for a resumed run: only then has its journal anything to offer. */
  readonly resumed: boolean;
  /** Longest silence of one call, in milliseconds; each streamed piece starts it anew. */
  readonly callTimeoutMs: number;
  /** How often each request was made so far: the n-th identical request gets the n-th answer. */
  readonly occurrences: Map<string, number>;
}

/** Makes the function that stamps and publishes events of one run; `next` numbers events over the whole tree. */
export function emitter(
  run: { readonly runId: RunId; readonly parentRunId: RunId | undefined; readonly depth: number },
  next: () => number,
  publish: (event: TraceEvent) => void,
): (event: TraceEventBody) => void {
  return (body) =>
    publish({
      ...body,
      runId: run.runId,
      ...(run.parentRunId === undefined ? {} : { parentRunId: run.parentRunId }),
      depth: run.depth,
      seq: next(),
      at: Date.now(),
    });
}
