/** For the tests of this folder: a run's scope of its own, and items by the hundred. */
import { Budget, type Limits } from "../core/budget.ts";
import { newRunId } from "../core/ids.ts";
import type { InputEntry } from "../core/job-store.ts";
import type { Json } from "../core/json.ts";
import { CallLimiter } from "../core/limiter.ts";
import { emitter, type RunScope } from "../core/scope.ts";
import { TokenCalibration } from "../core/tokens.ts";
import type { TraceEvent } from "../core/trace.ts";

export interface ScopeOptions {
  readonly concurrency?: number;
  readonly limits?: Limits;
  readonly signal?: AbortSignal;
  readonly publish?: (event: TraceEvent) => void;
}

export function newScope({
  concurrency = 16,
  limits,
  signal,
  publish = () => {},
}: ScopeOptions = {}): RunScope {
  const runId = newRunId();
  let seq = 0;
  return {
    ...{ runId, parentRunId: undefined, depth: 0, budget: new Budget(limits), occurrences: new Map() },
    signal: signal ?? new AbortController().signal,
    emit: emitter({ runId, parentRunId: undefined, depth: 0 }, () => ++seq, publish),
    tree: {
      publish,
      nextSeq: () => ++seq,
      rootRunId: runId,
      limiter: new CallLimiter(concurrency),
      calibration: new TokenCalibration(),
      ...{ answers: undefined, useCache: false, resumed: false, accounted: new Set() },
      callTimeoutMs: 60_000,
    },
  };
}

export function entries(...items: readonly Json[]): readonly InputEntry[] {
  return items.map((item) => ({ type: "item", item }));
}
