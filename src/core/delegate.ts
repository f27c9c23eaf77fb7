/** Grants for children: each strictly smaller than what its parent has left, so that delegation must end. */
import type { Budget, Limits } from "./budget.ts";
import { BudgetError, type BudgetErrorCode } from "./errors.ts";

/**
 * A child's grant, drawn on its parent: of every limited resource less than is left, and not more than asked for. What
 * is unlimited stays so unless asked otherwise. Throws BudgetError where a resource has nothing left to give away.
 */
export function delegate(parent: Budget, wanted: Limits = {}): Budget {
  const left = parent.remaining();
  const limits: { -readonly [Name in keyof Limits]: Limits[Name] } = {};
  for (const { name, code, most, least } of resources) {
    const available = left[name];
    const asked = wanted[name];
    if (available === null) {
      if (asked !== undefined) limits[name] = asked;
      continue;
    }
    const granted = Math.min(asked ?? Number.POSITIVE_INFINITY, most(available));
    if (!(granted >= least) || !(granted < available))
      throw new BudgetError(
        code,
        `There is not enough left to hand on: ${available} of ${name}. Raise the limit, or ask for less depth.`,
        {
          limit: available,
          spent: available,
        },
      );
    limits[name] = granted;
  }
  return parent.child(limits);
}

const resources: readonly {
  readonly name: keyof Limits;
  readonly code: BudgetErrorCode;
  /** The most of what is left that a child may have. */
  readonly most: (left: number) => number;
  readonly least: number;
}[] = [
  // The parent keeps something to finish with: a call of its own, some time to answer.
  { name: "costUsd", code: "cost", most: (left) => left * 0.9, least: Number.MIN_VALUE },
  { name: "tokens", code: "tokens", most: (left) => Math.floor(left * 0.9), least: 1 },
  { name: "calls", code: "calls", most: (left) => left - 1, least: 1 },
  { name: "timeMs", code: "time", most: (left) => left * 0.95, least: 1 },
];
