/** A run under way: its events as they happen, its result when it ends. */
import type { TraceEvent } from "./trace.ts";
import type { RunId } from "./ids.ts";

/**
 * Iterate it for the events from now on, or just await `result()`. A failure ends both: the iteration throws what
 * `result()` rejects with. Nothing is buffered for an iteration that was never begun.
 */
export class Run<Result> implements AsyncIterable<TraceEvent> {
  readonly id: RunId;
  readonly #result: Promise<Result>;
  readonly #subscribers = new Set<Subscriber>();
  #ended = false;

  /** @param start does the work; it is begun on the next turn of the event loop, so that no event is missed. */
  constructor(id: RunId, start: (emit: (event: TraceEvent) => void) => Promise<Result>) {
    this.id = id;
    this.#result = new Promise<void>((resolve) => setImmediate(resolve)).then(() =>
      start((event) => this.#publish(event)),
    );
    this.#result.then(
      () => this.#end({ type: "end" }),
      (error: unknown) => this.#end({ type: "error", error }),
    );
  }

  result(): Promise<Result> {
    return this.#result;
  }

  [Symbol.asyncIterator](): AsyncIterator<TraceEvent, undefined> {
    return new Subscriber(this.#subscribers, () => (this.#ended ? this.#result : undefined));
  }

  #publish(event: TraceEvent): void {
    for (const subscriber of this.#subscribers) subscriber.push({ type: "event", event });
  }

  #end(item: Item): void {
    this.#ended = true;
    for (const subscriber of this.#subscribers) subscriber.push(item);
  }
}

type Item =
  | { readonly type: "event"; readonly event: TraceEvent }
  | { readonly type: "error"; readonly error: unknown }
  | { readonly type: "end" };

type Reading = IteratorResult<TraceEvent, undefined>;

/** One iteration over a run. Written by hand: a generator would take as long for each streamed piece as all else does. */
class Subscriber implements AsyncIterator<TraceEvent, undefined> {
  readonly #all: Set<Subscriber>;
  /** How the run ended, if it has. */
  readonly #ended: () => Promise<unknown> | undefined;
  #items: Item[] = [];
  #read = 0;
  readonly #waiting: PromiseWithResolvers<Reading>[] = [];
  #state: "new" | "reading" | "done" = "new";

  constructor(all: Set<Subscriber>, ended: () => Promise<unknown> | undefined) {
    this.#all = all;
    this.#ended = ended;
  }

  push(item: Item): void {
    const first = this.#waiting.shift();
    if (first) this.#settle(first, item);
    else this.#items.push(item);
  }

  next(): Promise<Reading> {
    if (this.#state === "new") {
      const ended = this.#ended();
      if (ended) return this.#afterwards(ended);
      this.#state = "reading";
      this.#all.add(this);
    }
    const item = this.#items[this.#read];
    if (item === undefined && this.#state === "done") return Promise.resolve(over);
    const asked = Promise.withResolvers<Reading>();
    if (item === undefined) this.#waiting.push(asked);
    else {
      this.#read++;
      if (this.#read === this.#items.length) [this.#items, this.#read] = [[], 0];
      this.#settle(asked, item);
    }
    return asked.promise;
  }

  return(): Promise<Reading> {
    this.#leave();
    return Promise.resolve(over);
  }

  #settle(asked: PromiseWithResolvers<Reading>, item: Item): void {
    if (item.type === "event") return asked.resolve({ done: false, value: item.event });
    this.#leave();
    if (item.type === "error") asked.reject(item.error);
    else asked.resolve(over);
  }

  async #afterwards(ended: Promise<unknown>): Promise<Reading> {
    this.#state = "done";
    await ended;
    return over;
  }

  #leave(): void {
    this.#state = "done";
    this.#all.delete(this);
    [this.#items, this.#read] = [[], 0];
    for (const asked of this.#waiting.splice(0)) asked.resolve(over);
  }
}

const over: Reading = { done: true, value: undefined };
