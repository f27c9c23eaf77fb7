/** Records outcomes in the store, many in one commit, while the next are being worked on. */
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
/** More than this unrecorded, and lanes wait: what isn't recorded is lost with the process. */
const mostWaiting = 4000;

export class Settler {
  readonly #jobs: JobStore;
  readonly #jobId: JobId;
  readonly #emit: RunScope["emit"];
  readonly #listener: SettleListener;
  #waiting: Finished[] = [];
  #flushing: Promise<void> | undefined;
  #isScheduled = false;

  constructor(jobs: JobStore, jobId: JobId, emit: RunScope["emit"], listener: SettleListener) {
    this.#jobs = jobs;
    this.#jobId = jobId;
    this.#emit = emit;
    this.#listener = listener;
  }

  get isIdle(): boolean {
    return this.#waiting.length === 0 && !this.#flushing;
  }

  /** Resolves at once while the store keeps up. Rejects with what the store said, as does every later call. */
  async add(finished: readonly Finished[]): Promise<void> {
    this.#waiting.push(...finished);
    if (!this.#flushing && !this.#isScheduled) {
      this.#isScheduled = true;
      // On the next turn: what ends in this one shares the commit.
      setImmediate(() => {
        this.#isScheduled = false;
        this.#begin();
      });
    }
    if (this.#waiting.length > mostWaiting) await this.flush();
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
      (error: unknown) => this.#listener.onFailed(error),
    );
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const chunk = this.#waiting.splice(0, mostAtOnce);
      await this.#jobs.settle(
        this.#jobId,
        chunk.map(({ unit, lease, attempts, costUsd, outcome }) => ({
          ...{ unit: unit.unit, lease: lease.id, attempts, costUsd, outcome },
        })),
      );
      for (const finished of chunk) this.#account(finished);
      this.#listener.onSettled();
    }
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
