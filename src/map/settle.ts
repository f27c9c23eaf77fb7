/** Records outcomes in the store: those of many lanes in one commit. */
import type { JobId } from "../core/ids.ts";
import type { JobStore } from "../core/job-store.ts";
import type { RunScope } from "../core/scope.ts";
import type { Asked } from "./asking.ts";
import type { Lease } from "./lease.ts";

export interface Finished extends Asked {
  readonly lease: Lease;
  readonly durationMs: number;
}

export interface SettleListener {
  /** Called after each commit. */
  onSettled(): void;
  onFailed(error: unknown): void;
}

const mostAtOnce = 1000;

export class Settler {
  readonly #jobs: JobStore;
  readonly #jobId: JobId;
  readonly #emit: RunScope["emit"];
  readonly #listener: SettleListener;
  #waiting: Finished[] = [];
  /** Of those that wait, none is recorded before all are. */
  #recorded = newPromise();
  #flushing: Promise<void> | undefined;
  #isScheduled = false;
  #isBroken = false;

  constructor(jobs: JobStore, jobId: JobId, emit: RunScope["emit"], listener: SettleListener) {
    this.#jobs = jobs;
    this.#jobId = jobId;
    this.#emit = emit;
    this.#listener = listener;
  }

  get isIdle(): boolean {
    return this.#waiting.length === 0 && !this.#flushing;
  }

  /**
   * Resolves when these are recorded: a lane that waits for it has at most one call that a killed process would pay for
   * twice. Rejects with what the store said.
   */
  add(finished: readonly Finished[]): Promise<void> {
    // What the store said once it says to all who come later.
    if (this.#isBroken) return this.flush();
    this.#waiting.push(...finished);
    const recorded = this.#recorded.promise;
    if (!this.#flushing && !this.#isScheduled) {
      this.#isScheduled = true;
      // On the next turn: what ends in this one shares the commit.
      setImmediate(() => {
        this.#isScheduled = false;
        this.#begin();
      });
    }
    return recorded;
  }

  async flush(): Promise<void> {
    while (!this.isIdle) {
      this.#begin();
      await this.#flushing;
    }
  }

  #begin(): void {
    if (this.#flushing || this.#waiting.length === 0) return;
    const flushing = this.#drain();
    this.#flushing = flushing;
    flushing.then(
      () => (this.#flushing = undefined),
      // The promise stays where it is: `flush` tells of it again.
      (error: unknown) => {
        this.#isBroken = true;
        this.#listener.onFailed(error);
      },
    );
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const finished = this.#waiting.splice(0);
      const { resolve, reject } = this.#recorded;
      this.#recorded = newPromise();
      try {
        for (let start = 0; start < finished.length; start += mostAtOnce)
          await this.#record(finished.slice(start, start + mostAtOnce));
        resolve();
      } catch (error) {
        reject(error);
        this.#recorded.reject(error);
        throw error;
      }
    }
  }

  async #record(chunk: readonly Finished[]): Promise<void> {
    await this.#jobs.settle(
      this.#jobId,
      chunk.map(({ unit, lease, attempts, costUsd, outcome }) => ({
        ...{ unit: unit.unit, lease: lease.id, attempts, costUsd, outcome },
      })),
    );
    for (const finished of chunk) this.#account(finished);
    this.#listener.onSettled();
  }

  #account({ lease, unit, outcome, attempts, costUsd, durationMs }: Finished): void {
    lease.remaining--;
    lease.unsettled--;
    lease.settled++;
    lease.recordedUsd += costUsd ?? 0;
    this.#emit({
      ...{ type: "item-end", jobId: this.#jobId, position: unit.position, key: unit.key },
      ...{ ok: outcome.ok, attempts, costUsd, durationMs },
      ...(outcome.ok ? {} : { error: outcome.error }),
      ...(outcome.ok && outcome.agreement !== undefined ? { agreement: outcome.agreement } : {}),
    });
  }
}

/** One that may fail with nobody waiting: the listener hears of it in any case. */
function newPromise(): PromiseWithResolvers<void> {
  const created = Promise.withResolvers<void>();
  created.promise.catch(() => {});
  return created;
}
