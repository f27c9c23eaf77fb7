/**
 * One ledger for a whole tree of runs. Money is set aside before a call and settled after it, at every ancestor at
 * once, so that parallel children can't outspend their root between two looks at the balance.
 */
import { BudgetError, type BudgetErrorCode } from "./errors.ts";
import { grouped } from "./grouped.ts";
import { addUsage, noUsage, type RunUsage, type Usage } from "./usage.ts";

export interface Limits {
  /** Most US dollars, all children included. */
  readonly costUsd?: number;
  /** Most tokens, input and output together. */
  readonly tokens?: number;
  /** Most model calls. */
  readonly calls?: number;
  /** Most wall time in milliseconds, from the start of the run. */
  readonly timeMs?: number;
}

/** What one call may use at most. */
export interface Amount {
  readonly costUsd: number;
  readonly tokens: number;
}

export interface Reservation {
  /** The request's share of output tokens, lowered where the budget had no room for all of it. */
  readonly maxOutputTokens: number;
  /** Contract: called exactly once for each reservation. */
  settle(outcome: Settlement): void;
}

export type Settlement =
  /** `journal`: this run paid for it in an earlier session; it counts, but was not sent again. */
  | {
      readonly type: "answered";
      readonly usage: Usage;
      readonly costUsd: number | undefined;
      readonly source: "provider" | "journal";
    }
  /** `sent`: the provider may have billed the input. */
  | { readonly type: "failed"; readonly sent: boolean };

/** How a call's needs follow from the output tokens it is granted. */
export interface CallNeeds {
  /** Calls of one model share what was learned about its true price. */
  readonly modelKey: string;
  readonly wantedOutputTokens: number;
  /** Below this many output tokens the call is not worth making. */
  readonly leastOutputTokens: number;
  amount(outputTokens: number): Amount;
}

interface Balance {
  costUsd: number;
  tokens: number;
  calls: number;
}

/** What settled calls taught about a model whose price table or token counts may be wrong. */
interface Experience {
  settled: number;
  outstanding: number;
  /** Highest ratio of true to reserved, from 1. */
  costRatio: number;
  tokenRatio: number;
  highestCostUsd: number;
}

interface Waiter {
  readonly attempt: () => boolean;
}

export class Budget {
  readonly limits: Limits;
  readonly startedAt: number;
  readonly #parent: Budget | undefined;
  readonly #root: Budget;
  readonly #reserved: Balance = { costUsd: 0, tokens: 0, calls: 0 };
  #usage: RunUsage = { ...noUsage, calls: 0, replayedCalls: 0, failedCalls: 0 };
  #costUsd = 0;
  #costKnown = true;
  // Only the root's are used: one queue and one experience for the tree.
  readonly #waiters: Waiter[] = [];
  readonly #experiences = new Map<string, Experience>();

  constructor(limits: Limits = {}, parent?: Budget) {
    this.limits = limits;
    this.startedAt = Date.now();
    this.#parent = parent;
    this.#root = parent ? parent.#root : this;
  }

  /** A grant drawn on this one: whatever it spends, this one has spent too. */
  child(limits: Limits = {}): Budget {
    return new Budget(limits, this);
  }

  get usage(): RunUsage {
    return this.#usage;
  }

  /** Settled cost in US dollars; null once a paid call had no known price. */
  get costUsd(): number | null {
    return this.#costKnown ? this.#costUsd : null;
  }

  /** What is left, the tightest of this grant and all above it. null means unlimited. */
  remaining(): {
    costUsd: number | null;
    tokens: number | null;
    calls: number | null;
    timeMs: number | null;
  } {
    const least = (pick: (budget: Budget) => number | undefined): number | null => {
      let lowest: number | null = null;
      for (const budget of this.#chain()) {
        const left = pick(budget);
        if (left !== undefined && (lowest === null || left < lowest)) lowest = Math.max(0, left);
      }
      return lowest;
    };
    return {
      costUsd: least((b) => minus(b.limits.costUsd, b.#costUsd + b.#reserved.costUsd)),
      tokens: least((b) => minus(b.limits.tokens, totalTokens(b.#usage) + b.#reserved.tokens)),
      calls: least((b) => minus(b.limits.calls, b.#usage.calls + b.#reserved.calls)),
      timeMs: least((b) => minus(b.limits.timeMs, Date.now() - b.startedAt)),
    };
  }

  /** Throws BudgetError where a limit is already used up, whatever the next call would need. */
  check(): void {
    for (const budget of this.#chain()) {
      const { limits } = budget;
      const spent: readonly [BudgetErrorCode, number | undefined, number][] = [
        ["cost", limits.costUsd, budget.#costUsd],
        ["tokens", limits.tokens, totalTokens(budget.#usage)],
        ["calls", limits.calls, budget.#usage.calls],
        ["time", limits.timeMs, Date.now() - budget.startedAt],
      ];
      for (const [code, limit, amount] of spent)
        if (limit !== undefined && amount >= limit) throw limitReached(code, limit, amount);
    }
  }

  /** Counts a call that another run's answer made needless: nothing was reserved and nothing is spent. */
  recordCached(): void {
    for (const budget of this.#chain())
      budget.#usage = { ...budget.#usage, replayedCalls: budget.#usage.replayedCalls + 1 };
  }

  /**
   * Sets aside what a call may need. Waits while calls under way may still free enough; throws BudgetError once nothing
   * under way could. Under a cost or token cap the first call of each model goes alone, so that a wrong price is
   * learned from one call and not from a batch.
   */
  reserve(needs: CallNeeds, signal: AbortSignal): Promise<Reservation> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#root.#drop(waiter);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        attempt: () => {
          try {
            const reservation = this.#tryReserve(needs);
            if (!reservation) return false;
            signal.removeEventListener("abort", onAbort);
            resolve(reservation);
          } catch (error) {
            signal.removeEventListener("abort", onAbort);
            reject(error);
          }
          return true;
        },
      };
      if (signal.aborted) return reject(signal.reason);
      if (waiter.attempt()) return;
      signal.addEventListener("abort", onAbort, { once: true });
      this.#root.#waiters.push(waiter);
    });
  }

  /** Undefined: not now, but maybe once an outstanding call has settled. */
  #tryReserve(needs: CallNeeds): Reservation | undefined {
    this.check();
    const experience = this.#root.#experience(needs.modelKey);
    const capped = this.#chain().some((b) => b.limits.costUsd !== undefined || b.limits.tokens !== undefined);
    if (capped && experience.settled === 0 && experience.outstanding > 0) return undefined;
    const wanted = this.#shortage(adjusted(needs.amount(needs.wantedOutputTokens), experience));
    if (!wanted) return this.#take(needs, needs.wantedOutputTokens, experience);
    if (wanted.outstanding) return undefined;
    const granted = this.#largestThatFits(needs, experience);
    if (granted !== undefined) return this.#take(needs, granted, experience);
    throw limitReached(wanted.code, wanted.limit, wanted.spent, wanted.asked);
  }

  #largestThatFits(needs: CallNeeds, experience: Experience): number | undefined {
    const fits = (tokens: number): boolean => !this.#shortage(adjusted(needs.amount(tokens), experience));
    let low = needs.leastOutputTokens;
    if (low >= needs.wantedOutputTokens || !fits(low)) return undefined;
    let high = needs.wantedOutputTokens;
    while (high - low > 16) {
      const middle = (low + high) >> 1;
      if (fits(middle)) low = middle;
      else high = middle;
    }
    return low;
  }

  /** The first limit of the chain that the amount would cross. */
  #shortage(amount: Amount): Shortage | undefined {
    for (const budget of this.#chain()) {
      const { limits } = budget;
      const reserved = budget.#reserved;
      const rows: readonly [BudgetErrorCode, number | undefined, number, number, number][] = [
        ["cost", limits.costUsd, budget.#costUsd, reserved.costUsd, amount.costUsd],
        ["tokens", limits.tokens, totalTokens(budget.#usage), reserved.tokens, amount.tokens],
        ["calls", limits.calls, budget.#usage.calls, reserved.calls, 1],
      ];
      for (const [code, limit, spent, held, asked] of rows)
        if (limit !== undefined && spent + held + asked > limit + tolerance)
          return { code, limit, spent, asked, outstanding: reserved.calls > 0 };
    }
    return undefined;
  }

  #take(needs: CallNeeds, outputTokens: number, experience: Experience): Reservation {
    const planned = needs.amount(outputTokens);
    const held = adjusted(planned, experience);
    for (const budget of this.#chain()) budget.#hold(held, 1);
    experience.outstanding++;
    let settled = false;
    return {
      maxOutputTokens: outputTokens,
      settle: (outcome) => {
        if (settled) throw new Error("A reservation was settled twice.");
        settled = true;
        experience.outstanding--;
        for (const budget of this.#chain()) {
          budget.#hold(held, -1);
          budget.#record(outcome, needs);
        }
        if (outcome.type === "answered") learn(experience, planned, outcome);
        this.#root.#wake();
      },
    };
  }

  #hold(amount: Amount, sign: 1 | -1): void {
    this.#reserved.costUsd += sign * amount.costUsd;
    this.#reserved.tokens += sign * amount.tokens;
    this.#reserved.calls += sign;
  }

  #record(outcome: Settlement, needs: CallNeeds): void {
    const usage = this.#usage;
    switch (outcome.type) {
      case "answered":
        this.#usage = {
          ...addUsage(usage, outcome.usage),
          calls: usage.calls + 1,
          replayedCalls: usage.replayedCalls + (outcome.source === "journal" ? 1 : 0),
          failedCalls: usage.failedCalls,
        };
        if (outcome.costUsd === undefined) this.#costKnown = false;
        else this.#costUsd += outcome.costUsd;
        return;
      case "failed":
        this.#usage = { ...usage, failedCalls: usage.failedCalls + 1 };
        if (outcome.sent) this.#costUsd += needs.amount(0).costUsd;
        return;
    }
  }

  #chain(): Budget[] {
    const chain: Budget[] = [this];
    for (let above = this.#parent; above; above = above.#parent) chain.push(above);
    return chain;
  }

  #experience(modelKey: string): Experience {
    let experience = this.#experiences.get(modelKey);
    if (!experience) {
      experience = { settled: 0, outstanding: 0, costRatio: 1, tokenRatio: 1, highestCostUsd: 0 };
      this.#experiences.set(modelKey, experience);
    }
    return experience;
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) if (waiter.attempt()) this.#drop(waiter);
  }

  #drop(waiter: Waiter): void {
    const index = this.#waiters.indexOf(waiter);
    if (index >= 0) this.#waiters.splice(index, 1);
  }
}

interface Shortage {
  readonly code: BudgetErrorCode;
  readonly limit: number;
  readonly spent: number;
  readonly asked: number;
  /** Calls are under way whose settling may make room. */
  readonly outstanding: boolean;
}

// Sums of cents in binary fractions drift by less than this.
const tolerance = 1e-9;

function adjusted(amount: Amount, experience: Experience): Amount {
  return {
    costUsd: Math.max(amount.costUsd * experience.costRatio, experience.highestCostUsd),
    tokens: Math.ceil(amount.tokens * experience.tokenRatio),
  };
}

function learn(experience: Experience, planned: Amount, outcome: Settlement & { type: "answered" }): void {
  experience.settled++;
  const tokens = outcome.usage.inputTokens + outcome.usage.outputTokens;
  if (planned.tokens > 0) experience.tokenRatio = Math.max(experience.tokenRatio, tokens / planned.tokens);
  if (outcome.costUsd === undefined) return;
  if (planned.costUsd > 0)
    experience.costRatio = Math.max(experience.costRatio, outcome.costUsd / planned.costUsd);
  // Where there is no price to plan with, the dearest call so far is the only forecast.
  else experience.highestCostUsd = Math.max(experience.highestCostUsd, outcome.costUsd);
}

function totalTokens(usage: Usage): number {
  return usage.inputTokens + usage.outputTokens;
}

function minus(limit: number | undefined, spent: number): number | undefined {
  return limit === undefined ? undefined : limit - spent;
}

/** The error of a limit that is reached, with the flag that raises it. */
export function limitReached(
  code: BudgetErrorCode,
  limit: number,
  spent: number,
  asked?: number,
): BudgetError {
  const say = sayers[code];
  const next = asked === undefined ? "" : `, and the next call may need ${say.amount(asked)}`;
  return new BudgetError(
    code,
    `The limit of ${say.amount(limit)} is reached: ${say.amount(spent)} spent${next}. Raise it with ${say.flag} to go on.`,
    { limit, spent },
  );
}

const sayers: Record<BudgetErrorCode, { flag: string; amount: (n: number) => string }> = {
  cost: { flag: "--max-cost", amount: (n) => `$${n < 0.01 ? n.toPrecision(2) : n.toFixed(2)}` },
  tokens: { flag: "--max-tokens", amount: (n) => `${grouped(n)} tokens` },
  calls: { flag: "--max-calls", amount: (n) => `${n} ${n === 1 ? "call" : "calls"}` },
  time: { flag: "--max-time", amount: (n) => `${(n / 1000).toFixed(1)} s` },
  depth: { flag: "--depth", amount: (n) => `depth ${n}` },
  iterations: { flag: "--max-iterations", amount: (n) => `${n} iterations` },
};
