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

  async *[Symbol.asyncIterator](): AsyncIterator<TraceEvent> {
    if (this.#ended) {
      await this.#result;
      return;
    }
    const subscriber = new Subscriber();
    this.#subscribers.add(subscriber);
    try {
      for (;;) {
        const item = await subscriber.next();
        if (item.type === "event") yield item.event;
        else if (item.type === "error") throw item.error;
        else return;
      }
    } finally {
      this.#subscribers.delete(subscriber);
    }
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

class Subscriber {
  #items: Item[] = [];
  #read = 0;
  #wake: (() => void) | undefined;

  push(item: Item): void {
    this.#items.push(item);
    this.#wake?.();
  }

  async next(): Promise<Item> {
    for (;;) {
      const item = this.#items[this.#read];
      if (item) {
        this.#read++;
        if (this.#read === this.#items.length) {
          this.#items = [];
          this.#read = 0;
        }
        return item;
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
  }
}
