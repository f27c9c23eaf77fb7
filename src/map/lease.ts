/** Units held under one lease by this process, and the money that came with them. */
import type { Budget } from "../core/budget.ts";
import type { BudgetError } from "../core/errors.ts";
import type { ClaimAnswer, ClaimedUnit } from "../core/job-store.ts";
import type { RunScope } from "../core/scope.ts";

export class Lease {
  readonly id: string;
  readonly grantUsd: number | undefined;
  readonly budget: Budget;
  readonly scope: RunScope;
  /** Units whose outcome is not recorded yet, waiting ones included. */
  remaining: number;
  /** Outcomes that are there and not recorded yet. */
  unsettled = 0;
  settled = 0;
  recordedUsd = 0;
  /** Its money is used up, or it was lost: its waiting units are given back. */
  isOver = false;
  readonly #underWay = new Set<AbortController>();

  constructor(claim: ClaimAnswer & { type: "units" }, scope: RunScope, keepsAnswers: boolean) {
    this.id = claim.lease;
    this.grantUsd = claim.grantUsd;
    this.remaining = claim.units.length;
    this.budget = scope.budget.child(claim.grantUsd === undefined ? {} : { costUsd: claim.grantUsd });
    // The job's own state is what is resumed from: an answer cache beside it would only write everything twice.
    const withoutAnswers = { ...scope.tree, answers: undefined, accounted: new Set<string>() };
    this.scope = { ...scope, budget: this.budget, tree: keepsAnswers ? scope.tree : withoutAnswers };
  }

  /** Begins one item or batch: a signal of its own, so that a million items don't pile up listeners on one. */
  begin(timeoutMs: number | undefined, timedOut: () => unknown): { readonly scope: RunScope; end(): void } {
    const controller = new AbortController();
    this.#underWay.add(controller);
    const timer =
      timeoutMs === undefined ? undefined : setTimeout(() => controller.abort(timedOut()), timeoutMs);
    return {
      scope: { ...this.scope, signal: controller.signal },
      end: () => {
        clearTimeout(timer);
        this.#underWay.delete(controller);
      },
    };
  }

  get isFinished(): boolean {
    return this.remaining === 0 || (this.isOver && this.unsettled === 0 && this.#underWay.size === 0);
  }

  abort(reason: unknown): void {
    this.isOver = true;
    for (const controller of this.#underWay) controller.abort(reason);
  }

  /** True where it was this lease's share that an error says is used up, and not a limit of the run itself. */
  wasExhaustedBy(error: BudgetError): boolean {
    return error.code === "cost" && this.grantUsd !== undefined && error.limit === this.grantUsd;
  }

  /** Spent on what has no recorded outcome: calls that were broken off, attempts that the caller gave up. */
  get unrecordedUsd(): number {
    return Math.max(0, (this.budget.costUsd ?? this.recordedUsd) - this.recordedUsd);
  }
}

export interface HeldUnit {
  readonly unit: ClaimedUnit;
  readonly lease: Lease;
}
