/** Writes a run's events to the store behind the run's back: in batches, in order, and without ever stopping the run. */
import { messageOf } from "../core/errors.ts";
import type { RunId } from "../core/ids.ts";
import type { RunStore } from "../core/store.ts";
import type { TraceEvent } from "../core/trace.ts";

export class Recorder {
  readonly #store: RunStore;
  readonly #runId: RunId;
  readonly #onFailure: (message: string) => void;
  #waiting: TraceEvent[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<unknown> = Promise.resolve();
  #hasFailed = false;

  /** @param onFailure told once: what is recorded ends there, the run goes on */
  constructor(store: RunStore, runId: RunId, onFailure: (message: string) => void) {
    this.#store = store;
    this.#runId = runId;
    this.#onFailure = onFailure;
  }

  record(event: TraceEvent): void {
    // Pieces of a reply come again, whole, with its model-end; progress is only for those who watch.
    if (this.#hasFailed || event.type === "model-delta" || event.type === "corpus-progress") return;
    this.#waiting.push(event);
    if (this.#waiting.length >= mostWaiting) this.#write();
    else this.#timer ??= setTimeout(() => this.#write(), longestWaitMs);
  }

  /** Resolves when all that was recorded so far is in the store. */
  async flush(): Promise<void> {
    this.#write();
    await this.#writing;
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const events = this.#waiting;
    if (events.length === 0) return;
    this.#waiting = [];
    this.#writing = Promise.all([this.#writing, this.#append(events)]);
  }

  async #append(events: readonly TraceEvent[]): Promise<void> {
    if (this.#hasFailed) return;
    try {
      await this.#store.append(this.#runId, events);
    } catch (error) {
      this.#hasFailed = true;
      this.#onFailure(messageOf(error));
    }
  }
}

const mostWaiting = 256;
const longestWaitMs = 100;
