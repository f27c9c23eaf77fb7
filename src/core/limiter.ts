/**
 * Decides when model calls start: a ceiling over everything in flight, and per endpoint a width that gives way to
 * overload and grows back (additive increase, multiplicative decrease) and a pace learned from refusals. It knows nothing
 * of budgets or retries.
 */
import { Pace } from "./pace.ts";

export interface Slot {
  /** Contract: called exactly once. `overloaded` halves the endpoint's width and pauses it as long as it asked. */
  release(
    outcome:
      { readonly type: "ok" | "failed" } | { readonly type: "overloaded"; readonly retryAfterMs?: number },
  ): void;
}

/** An endpoint refused a call for being asked too often. */
export interface EndpointRefusal {
  readonly endpoint: string;
  readonly retryAfterMs: number | undefined;
}

interface Endpoint {
  readonly name: string;
  readonly pace: Pace;
  width: number;
  inFlight: number;
  pausedUntil: number;
  /** No second halving for calls that were already under way at the first. */
  lastHalvedAt: number;
  readonly queue: Waiter[];
  timer: NodeJS.Timeout | undefined;
}

interface Waiter {
  readonly startedAt: number;
  start(slot: Slot): void;
}

export class CallLimiter {
  readonly concurrency: number;
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #listeners = new Set<(refusal: EndpointRefusal) => void>();
  #inFlight = 0;

  /** @param concurrency most calls in flight over all endpoints, from 1 */
  constructor(concurrency: number) {
    this.concurrency = concurrency;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Resolves when a call may start, in order of asking. Rejects with the signal's reason once it fires. */
  acquire(endpointName: string, signal: AbortSignal): Promise<Slot> {
    const endpoint = this.#endpoint(endpointName);
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = (): void => {
        const index = endpoint.queue.indexOf(waiter);
        if (index >= 0) endpoint.queue.splice(index, 1);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        startedAt: Date.now(),
        start: (slot) => {
          signal.removeEventListener("abort", onAbort);
          resolve(slot);
        },
      };
      signal.addEventListener("abort", onAbort, { once: true });
      endpoint.queue.push(waiter);
      this.#admit(endpoint);
    });
  }

  /** Calls `listener` for refusals of this process's own calls; returns what ends that. */
  onRefusal(listener: (refusal: EndpointRefusal) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Another process that shares an endpoint was refused there: it is spared from here as well. */
  refused(endpointName: string, retryAfterMs: number | undefined): void {
    const now = Date.now();
    giveWay(this.#endpoint(endpointName), now, retryAfterMs);
  }

  #admitAll(): void {
    for (const endpoint of this.#endpoints.values()) this.#admit(endpoint);
  }

  #admit(endpoint: Endpoint): void {
    while (endpoint.queue.length > 0) {
      if (this.#inFlight >= this.concurrency || endpoint.inFlight >= Math.floor(endpoint.width)) return;
      const now = Date.now();
      const waitMs = Math.max(0, endpoint.pausedUntil - now) || endpoint.pace.take(now);
      if (waitMs > 0) return this.#admitLater(endpoint, waitMs);
      const waiter = endpoint.queue.shift();
      if (!waiter) return;
      this.#inFlight++;
      endpoint.inFlight++;
      waiter.start(this.#slot(endpoint));
    }
  }

  #admitLater(endpoint: Endpoint, waitMs: number): void {
    endpoint.timer ??= setTimeout(() => {
      endpoint.timer = undefined;
      this.#admit(endpoint);
    }, waitMs);
  }

  #slot(endpoint: Endpoint): Slot {
    const startedAt = Date.now();
    let released = false;
    return {
      release: (outcome) => {
        if (released) throw new Error("A slot was released twice.");
        released = true;
        this.#inFlight--;
        endpoint.inFlight--;
        if (outcome.type === "ok") {
          endpoint.width = Math.min(this.concurrency, endpoint.width + 1 / endpoint.width);
          endpoint.pace.accepted(Date.now());
        }
        if (outcome.type === "overloaded") {
          giveWay(endpoint, startedAt, outcome.retryAfterMs);
          const refusal = { endpoint: endpoint.name, retryAfterMs: outcome.retryAfterMs };
          for (const listener of this.#listeners) listener(refusal);
        }
        this.#admitAll();
      },
    };
  }

  #endpoint(name: string): Endpoint {
    let endpoint = this.#endpoints.get(name);
    if (!endpoint) {
      endpoint = {
        ...{ name, pace: new Pace() },
        width: this.concurrency,
        inFlight: 0,
        pausedUntil: 0,
        lastHalvedAt: 0,
        queue: [],
        timer: undefined,
      };
      this.#endpoints.set(name, endpoint);
    }
    return endpoint;
  }
}

function giveWay(endpoint: Endpoint, startedAt: number, retryAfterMs: number | undefined): void {
  const now = Date.now();
  if (retryAfterMs !== undefined) endpoint.pausedUntil = Math.max(endpoint.pausedUntil, now + retryAfterMs);
  // A server that says when to come back counts calls; one that is merely overloaded is helped by fewer at a time.
  if (retryAfterMs !== undefined) endpoint.pace.refused(now, startedAt, retryAfterMs);
  if (startedAt < endpoint.lastHalvedAt) return;
  endpoint.lastHalvedAt = now;
  endpoint.width = Math.max(1, endpoint.width / 2);
}
