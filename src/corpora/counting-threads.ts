/** The threads that help to count large texts: one for each processor to spare, while there is something to count. */
import { availableParallelism } from "node:os";
import type { Worker } from "node:worker_threads";
import type { BlockRange, CountedBlocks } from "./count-blocks.ts";
import { startThread } from "./thread.ts";

/** Blocks [first, end) of a text. */
export interface Stretch {
  readonly first: number;
  readonly end: number;
}

export interface CountRequest extends Stretch {
  readonly range: BlockRange;
}

export type CountResponse = { readonly ok: true; readonly counted: CountedBlocks } | { readonly ok: false };

/** A text that wants to be counted. */
export interface Helped {
  /** What a thread shall count next; nothing where there is nothing to do. */
  nextRequest(): CountRequest | undefined;
  /** Called once for each. Nothing came of it where the thread could not: then the text finds out why by itself. */
  helped(request: Stretch, counted: CountedBlocks | undefined): void;
}

const mostThreads = Math.min(4, availableParallelism() - 1);
/** A thread takes 30 ms to start, and holds some megabytes. */
const restMs = 10_000;

const threads = new Set<CountingThread>();
/** False once one ended before it was there: where the system gives no threads, texts are counted without. */
let canStart = true;
const waiting = new Set<Helped>();

/** Has threads take what the text gives them, until it has nothing more. They keep no process alive. */
export function help(text: Helped): void {
  waiting.add(text);
  while (canStart && threads.size < mostThreads) threads.add(new CountingThread());
  for (const thread of threads) thread.goOn();
}

export function stopHelping(text: Helped): void {
  waiting.delete(text);
}

class CountingThread {
  readonly #worker: Worker = startThread("count-worker");
  /** "starting" threads are given nothing: what they hold could be counted elsewhere by then. */
  #state: "starting" | "idle" | { readonly text: Helped; readonly request: CountRequest } = "starting";
  readonly #rest: NodeJS.Timeout;

  constructor() {
    this.#rest = setTimeout(() => void this.#worker.terminate(), restMs).unref();
    this.#worker.on("message", (response: CountResponse | "ready") => {
      this.#settle(response !== "ready" && response.ok ? response.counted : undefined);
      this.#state = "idle";
      this.goOn();
    });
    this.#worker.on("error", () => {}); // "exit" follows.
    this.#worker.on("exit", () => {
      threads.delete(this);
      if (this.#state === "starting") canStart = false;
      clearTimeout(this.#rest);
      this.#settle(undefined);
    });
  }

  /** Takes the next request, if it has nothing to do. */
  goOn(): void {
    if (this.#state !== "idle") return;
    for (const text of waiting) {
      const request = text.nextRequest();
      if (!request) {
        waiting.delete(text);
        continue;
      }
      this.#state = { text, request };
      this.#rest.refresh();
      this.#worker.postMessage(request);
      return;
    }
  }

  #settle(counted: CountedBlocks | undefined): void {
    if (typeof this.#state === "object") this.#state.text.helped(this.#state.request, counted);
  }
}
