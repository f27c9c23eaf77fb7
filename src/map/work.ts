/**
 * Works on a job until nothing is left of it: claims units under leases, has them answered in parallel lanes, records
 * outcomes. Any number of processes may do so at once. It knows neither where items come from nor where results go.
 */
import { BudgetError, ModelError } from "../core/errors.ts";
import type { JobId } from "../core/ids.ts";
import type { ClaimAnswer, ClaimWish, JobStore } from "../core/job-store.ts";
import type { RunScope } from "../core/scope.ts";
import { costOf } from "../core/usage.ts";
import { newWorkerName } from "../core/worker-name.ts";
import { askBatch } from "./batch.ts";
import { AskingError, askItem } from "./item.ts";
import { blame, failure, faultOf, type Asked, type Asking } from "./asking.ts";
import { Lease, type HeldUnit } from "./lease.ts";
import { Settler, type Finished } from "./settle.ts";
import { shareRefusals } from "./shared-refusals.ts";

export interface Work {
  readonly jobs: JobStore;
  readonly jobId: JobId;
  readonly scope: RunScope;
  readonly asking: Asking;
  /** Items or batches worked on at once. */
  readonly lanes: number;
  /** True once no more rows will be added. */
  readonly isComplete: () => boolean | Promise<boolean>;
  /** How long a dead worker's units wait for another one. @default 30000 */
  readonly leaseMs?: number;
  /** Keep the answers of single calls with the run: where the run outlives the job. @default false */
  readonly keepsAnswers?: boolean;
  /** Called after each commit. */
  readonly onSettled?: () => void;
}

export type WorkEnd =
  | { readonly type: "drained" }
  | { readonly type: "cancelled" }
  /** The job's ceiling of cost is reached, with this much spent. */
  | { readonly type: "ceiling"; readonly spentUsd: number }
  /** A limit of this run itself is reached: its time, its calls. */
  | { readonly type: "limit"; readonly error: BudgetError };

/** Throws what stops the whole job: a wrong key, a store that fails, an endpoint that answers nobody; or the signal's reason. */
export async function work(problem: Work): Promise<WorkEnd> {
  return new Shift(problem).run();
}

type Ending = WorkEnd | { readonly type: "failed"; readonly error: unknown };

class Shift {
  readonly #work: Work;
  readonly #leaseMs: number;
  readonly #worker = newWorkerName();
  readonly #settler: Settler;
  readonly #leases = new Set<Lease>();
  #queue: HeldUnit[] = [];
  #claiming: Promise<void> | undefined;
  /** The store has no more for now: smaller batches than wanted are better than none. */
  #isDry = false;
  #busy = 0;
  #end: Ending | undefined;
  #isRenewing = false;
  #renewedAt = Date.now();
  #wakers: (() => void)[] = [];
  /** Failures of the endpoint with no success since: nobody knows yet whether the items are to blame. */
  #suspected: Finished[] = [];
  #hasSucceeded = false;
  #leastUsd: number;

  constructor(work: Work) {
    this.#work = work;
    this.#leaseMs = work.leaseMs ?? 30_000;
    this.#leastUsd = callUsd(work, 512) ?? 0;
    this.#settler = new Settler(work.jobs, work.jobId, work.scope.emit, {
      onSettled: () => {
        this.#releaseFinished();
        work.onSettled?.();
        this.#wake();
      },
      onFailed: (error) => this.#finish({ type: "failed", error }),
    });
  }

  async run(): Promise<WorkEnd> {
    const sharing = shareRefusals(this.#work.jobs, this.#work.scope.tree.limiter, this.#work.asking.model);
    const { signal } = this.#work.scope;
    const onAbort = (): void => this.#finish(endingOf(signal.reason));
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    const renewal = setInterval(() => void this.#renew(), this.#leaseMs / 3);
    try {
      await Promise.all(Array.from({ length: this.#work.lanes }, () => this.#lane()));
      // Outcomes that are there are kept, however the work ended.
      await this.#settler.flush();
      await Promise.all([...this.#leases].map((lease) => this.#release(lease)));
    } finally {
      clearInterval(renewal);
      sharing.stop();
      signal.removeEventListener("abort", onAbort);
    }
    const end = this.#end ?? { type: "drained" };
    if (end.type === "failed") throw end.error;
    return end;
  }

  async #lane(): Promise<void> {
    try {
      for (;;) {
        const units = await this.#take();
        if (!units) return;
        this.#busy++;
        try {
          await this.#answer(units);
        } finally {
          this.#busy--;
        }
        if (this.#isDry) this.#wake();
      }
    } catch (error) {
      this.#finish({ type: "failed", error });
    }
  }

  /** The next units for one call; undefined when the work has ended. Units of one lease only: they share its money. */
  async #take(): Promise<readonly HeldUnit[] | undefined> {
    const { batch } = this.#work.asking.pace;
    for (;;) {
      if (this.#end) return undefined;
      const [first] = this.#queue;
      if (first && (this.#queue.length >= batch || this.#isDry)) {
        let count = 1;
        while (count < batch && this.#queue[count]?.lease === first.lease) count++;
        const units = this.#queue.splice(0, count);
        if (!this.#isDry && this.#queue.length < this.#work.lanes * batch) void this.#claimOnce();
        return units;
      }
      await this.#claimOnce();
    }
  }

  #claimOnce(): Promise<void> {
    this.#claiming ??= this.#claim()
      .catch((error: unknown) => this.#finish({ type: "failed", error }))
      .finally(() => (this.#claiming = undefined));
    return this.#claiming;
  }

  async #claim(): Promise<void> {
    const { jobs, jobId, scope, isComplete } = this.#work;
    // Asked first: what is added between the two questions is found by the next claim.
    const wasComplete = await isComplete();
    const answer = await jobs.claim(jobId, this.#wish());
    if (answer.type === "units") return this.#hold(answer, scope);
    // While more may come, a batch is not sent half-full.
    this.#isDry = wasComplete || answer.type !== "empty";
    if (this.#end || (this.#isDry && this.#queue.length > 0)) return;
    const isBusy = this.#busy > 0 || !this.#settler.isIdle;
    if (answer.type === "cancelled") this.#finish({ type: "cancelled" });
    else if (isBusy) await this.#change();
    else if (this.#suspected.length > 0) this.#judge();
    else if (answer.type === "ceiling") this.#finish(answer);
    else if (answer.type === "empty" && wasComplete) this.#finish({ type: "drained" });
    else await this.#change();
  }

  #hold(answer: ClaimAnswer & { type: "units" }, scope: RunScope): void {
    const lease = new Lease(answer, scope, this.#work.keepsAnswers ?? false);
    this.#leases.add(lease);
    this.#isDry = false;
    // One by one: spreading thousands of arguments overflows the stack.
    for (const unit of answer.units) this.#queue.push({ unit, lease });
    if (this.#end || answer.units.length === 0) this.#giveBack(lease);
  }

  #wish(): ClaimWish {
    const { lanes, asking } = this.#work;
    const { batch, ceilingUsd } = asking.pace;
    // Enough for some calls a lane, so that claiming is not what lanes wait for; whole batches.
    const count = Math.ceil(Math.min(2000, Math.max(lanes * 8 * batch, 64)) / batch) * batch;
    const wish = { worker: this.#worker, count, leaseMs: this.#leaseMs };
    if (ceilingUsd === undefined) return wish;
    // Where there is no price, all that is left is asked for: what calls cost is learned from them.
    const wantUsd = Math.max(
      this.#leastUsd,
      (callUsd(this.#work, 8192) ?? ceilingUsd) * Math.min(count, lanes * 4),
    );
    return { ...wish, money: { ceilingUsd, wantUsd, leastUsd: Math.min(this.#leastUsd, ceilingUsd) } };
  }

  async #answer(units: readonly HeldUnit[]): Promise<void> {
    const lease = units[0]?.lease;
    if (!lease) return;
    const { asking } = this.#work;
    const { itemTimeoutMs } = asking.pace;
    const timedOut = (): ModelError =>
      new ModelError(
        "timeout",
        `No answer within the ${(itemTimeoutMs ?? 0) / 1000} s that one item may take.`,
        { retryable: false },
      );
    const begun = lease.begin(itemTimeoutMs, timedOut);
    const startedAt = Date.now();
    try {
      const asked = await ask(asking, begun.scope, units);
      lease.unsettled += asked.length;
      if (asked.some(({ outcome }) => outcome.ok)) await this.#clearSuspicion();
      await this.#settler.add(asked.map((one) => ({ ...one, lease, durationMs: Date.now() - startedAt })));
    } catch (thrown) {
      const { error, attempts, costUsd } = unwrap(thrown);
      if (this.#end || lease.isOver) return;
      if (error instanceof BudgetError) return this.#outOfMoney(lease, error);
      const durationMs = Date.now() - startedAt;
      const outcome = failure(faultOf(error).code, faultOf(error).message);
      const share = costUsd === null ? null : costUsd / units.length;
      lease.unsettled += units.length;
      const failed = units.map(({ unit }) => ({
        unit,
        lease,
        outcome,
        attempts,
        costUsd: share,
        durationMs,
      }));
      const whose = error instanceof ModelError && begun.scope.signal.aborted ? "item" : blame(error);
      if (whose === "job") this.#finish({ type: "failed", error });
      else if (whose === "endpoint") this.#suspect(failed, error);
      else await this.#settler.add(failed);
    } finally {
      begun.end();
      if (lease.isOver) this.#releaseFinished();
    }
  }

  /** Many failures in a row and no success: the endpoint is down, and failing all other items would help nobody. */
  #suspect(failed: readonly Finished[], error: unknown): void {
    this.#suspected.push(...failed);
    const { lanes, asking } = this.#work;
    if (this.#suspected.length >= Math.max(20, 2 * lanes) * asking.pace.batch)
      this.#finish({ type: "failed", error });
  }

  /** The endpoint answers: the failures before were the items' own. */
  async #clearSuspicion(): Promise<void> {
    this.#hasSucceeded = true;
    if (this.#suspected.length > 0) await this.#settler.add(this.#suspected.splice(0));
  }

  /** Nothing else is left: where nothing ever succeeded, the endpoint is to blame. */
  #judge(): void {
    const [first] = this.#suspected;
    if (this.#hasSucceeded || !first || first.outcome.ok) {
      // What the store refuses, the listener hears.
      this.#clearSuspicion().catch(() => {});
      return;
    }
    const { code, message } = first.outcome.error;
    this.#finish({
      type: "failed",
      error: new ModelError(isModelCode(code) ? code : "unreachable", message),
    });
  }

  #outOfMoney(lease: Lease, error: BudgetError): void {
    if (!lease.wasExhaustedBy(error)) return this.#finish({ type: "limit", error });
    // A share that was not enough for one item: the next must be larger, up to all that is left.
    if (lease.settled + lease.unsettled === 0 && !lease.isOver)
      this.#leastUsd = Math.max(this.#leastUsd, (lease.grantUsd ?? 0) * 1.5);
    this.#giveBack(lease);
  }

  /** Waiting units go back to the store; those under way may still end. */
  #giveBack(lease: Lease): void {
    lease.isOver = true;
    this.#queue = this.#queue.filter((held) => held.lease !== lease);
    this.#releaseFinished();
  }

  #releaseFinished(): void {
    for (const lease of this.#leases) if (lease.isFinished) void this.#release(lease);
  }

  async #release(lease: Lease): Promise<void> {
    if (!this.#leases.delete(lease)) return;
    try {
      await this.#work.jobs.release(lease.id, lease.unrecordedUsd);
    } catch (error) {
      this.#finish({ type: "failed", error });
    }
    this.#wake();
  }

  async #renew(): Promise<void> {
    if (this.#isRenewing) {
      // Nobody answers: by now others may have the units, and two would work on them.
      if (Date.now() - this.#renewedAt > this.#leaseMs) for (const lease of this.#leases) this.#lose(lease);
      return;
    }
    const ids = [...this.#leases].map(({ id }) => id);
    this.#isRenewing = true;
    const askedAt = Date.now();
    try {
      const lost = ids.length === 0 ? [] : await this.#work.jobs.renew(ids, this.#leaseMs);
      for (const lease of this.#leases) if (lost.includes(lease.id)) this.#lose(lease);
      this.#renewedAt = askedAt;
    } catch (error) {
      // A store that can't be reached now may be in a moment; the next renewal finds out what was lost.
      this.#work.scope.emit({
        type: "notice",
        text: `Leases could not be renewed: ${faultOf(error).message}`,
      });
    } finally {
      this.#isRenewing = false;
    }
  }

  #lose(lease: Lease): void {
    this.#leases.delete(lease);
    lease.abort(new ModelError("timeout", "The lease was lost to another worker."));
    this.#queue = this.#queue.filter((held) => held.lease !== lease);
    this.#wake();
  }

  #finish(ending: Ending): void {
    if (this.#end) return;
    this.#end = ending;
    this.#queue = [];
    const reason = ending.type === "failed" ? ending.error : new Error(`The work has ended: ${ending.type}.`);
    for (const lease of this.#leases) lease.abort(reason);
    this.#wake();
  }

  /** Resolves after the next commit or release, or after a while: others may have changed something. */
  #change(): Promise<void> {
    if (this.#end) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, 200);
      this.#wakers.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #wake(): void {
    for (const wake of this.#wakers.splice(0)) wake();
  }
}

async function ask(asking: Asking, scope: RunScope, units: readonly HeldUnit[]): Promise<readonly Asked[]> {
  const { output, pace, agent } = asking;
  const [first, ...more] = units;
  if (!first) return [];
  if (pace.batch > 1 && output && !agent)
    return askBatch(
      { ...asking, output },
      scope,
      units.map(({ unit }) => unit),
    );
  const asked = await askItem(asking, scope, first.unit);
  return more.length === 0 ? [asked] : [asked, ...(await ask(asking, scope, more))];
}

/** What one call may cost with at most so many tokens of output; undefined where no price is known. */
function callUsd({ asking: { model, pace } }: Work, most: number): number | undefined {
  const outputTokens = Math.min(most, pace.maxOutputTokens ?? most, model.maxOutputTokens ?? most);
  const usage = { inputTokens: 2000, cachedInputTokens: 0, outputTokens, reasoningTokens: 0 };
  return costOf(usage, model.price);
}

function unwrap(thrown: unknown): { error: unknown; attempts: number; costUsd: number | null } {
  if (!(thrown instanceof AskingError)) return { error: thrown, attempts: 0, costUsd: 0 };
  return { error: thrown.cause, attempts: thrown.attempts, costUsd: thrown.costUsd };
}

function endingOf(reason: unknown): Ending {
  return reason instanceof BudgetError ? { type: "limit", error: reason } : { type: "failed", error: reason };
}

function isModelCode(code: string): code is ModelError["code"] {
  return ["rate_limited", "overloaded", "unreachable", "timeout", "bad_request"].includes(code);
}
