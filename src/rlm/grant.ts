/** What a run may spend: the grant it was given, and the part of it that work may use so that a limit still leaves an ending. */
import { limitReached, type Budget, type Limits } from "../core/budget.ts";
import { BudgetError } from "../core/errors.ts";

export interface Grant {
  /** All of it. The last turn at a limit draws on this. */
  readonly whole: Budget;
  /** For everything before that. */
  readonly work: Budget;
}

/** A tenth of money and tokens and one call are kept back, where there is enough to keep some back. */
export function divide(whole: Budget): Grant {
  const { costUsd, tokens, calls } = whole.limits;
  const limits: Limits = {
    ...(costUsd !== undefined && { costUsd: costUsd * workShare }),
    ...(tokens !== undefined && { tokens: Math.floor(tokens * workShare) }),
    ...(calls !== undefined && calls > 2 && { calls: calls - 1 }),
  };
  return { whole, work: whole.child(limits) };
}

const workShare = 0.9;

/**
 * The grant of a child: strictly less than what its parent has left, shared evenly with its siblings that aren't done.
 * What it doesn't use is its parent's again.
 */
export function grantChild(parent: Budget, sharers: number): Grant {
  const left = parent.remaining();
  const share = childShare / Math.max(1, sharers);
  return divide(
    parent.child({
      ...(left.costUsd !== null && { costUsd: left.costUsd * share }),
      ...(left.tokens !== null && { tokens: Math.floor(left.tokens * share) }),
      ...(left.calls !== null && { calls: Math.floor(left.calls * share) }),
      ...(left.timeMs !== null && { timeMs: left.timeMs * childShare }),
    }),
  );
}

const childShare = 0.9;

/** True for limits on what a whole tree of runs may use; depth and turns are each run's own. */
export function isShared({ code }: BudgetError): boolean {
  return code !== "depth" && code !== "iterations";
}

/** The limit as the user set it, in place of the share of it that work was allowed. */
export function asSet(error: BudgetError, { whole }: Grant): BudgetError {
  const { limits, usage } = whole;
  switch (error.code) {
    case "cost":
      return limits.costUsd === undefined
        ? error
        : limitReached("cost", limits.costUsd, whole.costUsd ?? error.spent);
    case "tokens":
      return limits.tokens === undefined
        ? error
        : limitReached("tokens", limits.tokens, usage.inputTokens + usage.outputTokens);
    case "calls":
      return limits.calls === undefined ? error : limitReached("calls", limits.calls, usage.calls);
    default:
      return error;
  }
}
