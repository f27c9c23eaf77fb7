/** Talks to the one thread that indexes passages for all open corpora. It starts with the first index, ends with the last. */
import type { Worker } from "node:worker_threads";
import { ConfigError } from "../core/errors.ts";
import { startThread } from "./thread.ts";
import type { PassageHit, Region } from "./passage-index.ts";

export type PassageRequest = { readonly id: number; readonly index: number } & (
  | { readonly type: "build"; readonly regions: readonly Region[] }
  | {
      readonly type: "find";
      readonly expression: string;
      readonly limit: number;
      readonly regions: readonly number[] | undefined;
    }
  | { readonly type: "drop" }
);

export type PassageResponse = { readonly id: number } & (
  | { readonly ok: true; readonly hits: readonly PassageHit[] }
  | { readonly ok: false; readonly message: string }
);

/** An index in the thread. */
export interface RemoteIndex {
  find(expression: string, limit: number, regions?: readonly number[]): Promise<readonly PassageHit[]>;
  drop(): Promise<void>;
}

export async function buildIndex(regions: readonly Region[]): Promise<RemoteIndex> {
  const thread = (current ??= new PassageThread());
  const index = thread.nextIndex();
  const drop = async (): Promise<void> => {
    await thread.ask({ type: "drop", index }).catch(() => {}); // A thread that has ended holds no index.
    await thread.release();
  };
  try {
    await thread.ask({ type: "build", index, regions });
  } catch (error) {
    await drop();
    throw error;
  }
  return {
    find: (expression, limit, chosen) =>
      thread.ask({ type: "find", index, expression, limit, regions: chosen }),
    drop,
  };
}

let current: PassageThread | undefined;

type WithoutId<T> = T extends unknown ? Omit<T, "id"> : never;

interface Waiting {
  readonly resolve: (hits: readonly PassageHit[]) => void;
  readonly reject: (error: Error) => void;
}

class PassageThread {
  readonly #worker: Worker = startThread("passage-worker");
  readonly #waiting = new Map<number, Waiting>();
  #requests = 0;
  #indexes = 0;
  #open = 0;
  #ended: Error | undefined;

  constructor() {
    this.#worker.on("message", (response: PassageResponse) => this.#settle(response));
    this.#worker.on("error", (error) => this.#fail(error));
    this.#worker.on("exit", () => this.#fail(new Error("the thread ended")));
  }

  nextIndex(): number {
    this.#open++;
    return ++this.#indexes;
  }

  /** The last one out ends the thread. */
  async release(): Promise<void> {
    if (--this.#open > 0) return;
    if (current === this) current = undefined;
    await this.#worker.terminate();
  }

  ask(request: WithoutId<PassageRequest>): Promise<readonly PassageHit[]> {
    if (this.#ended) return Promise.reject(searchError(this.#ended.message));
    const id = ++this.#requests;
    const { promise, resolve, reject } = Promise.withResolvers<readonly PassageHit[]>();
    this.#waiting.set(id, { resolve, reject });
    this.#worker.ref();
    this.#worker.postMessage({ ...request, id });
    return promise;
  }

  #settle(response: PassageResponse): void {
    const waiting = this.#waiting.get(response.id);
    this.#waiting.delete(response.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if (response.ok) waiting?.resolve(response.hits);
    else waiting?.reject(searchError(response.message));
  }

  #fail(error: Error): void {
    if (current === this) current = undefined;
    this.#ended = error;
    for (const { reject } of this.#waiting.values()) reject(searchError(error.message));
    this.#waiting.clear();
  }
}

function searchError(reason: string): ConfigError {
  return new ConfigError("unreadable", `The passages could not be searched: ${reason}. Try grep instead.`);
}
