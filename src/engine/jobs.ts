/** Jobs of `map` as the engine shows them: what there is, what came of it, and how to go on. */
import type { JobCounts, JobStore, SettledRow, StoredJob } from "../core/job-store.ts";
import type { Json, JsonObject } from "../core/json.ts";
import {
  readRecipe,
  resultsOf,
  settledPages,
  type Results,
  type ResultRows,
  type SettledOptions,
} from "../map/index.ts";

export class Jobs {
  readonly #store: () => Promise<JobStore>;

  constructor(store: () => Promise<JobStore>) {
    this.#store = store;
  }

  async list(options: { readonly limit: number }): Promise<readonly StoredJob[]> {
    return (await this.#store()).list(options);
  }

  /** By id or an unambiguous beginning of one. Throws StoreError "not_found". */
  async get(id: string): Promise<StoredJob> {
    return (await this.#store()).get(id);
  }

  async counts(id: string): Promise<JobCounts> {
    const store = await this.#store();
    return store.counts((await store.get(id)).id);
  }

  /** Rows in input order, as far as they are settled. */
  async *results(id: string, options: SettledOptions = {}): AsyncGenerator<SettledRow> {
    const store = await this.#store();
    for await (const page of settledPages(store, (await store.get(id)).id, options)) yield* page;
  }

  /** One statement that only reads, over the tables `results`, `failures` and `items`. */
  async sql(id: string, query: string, options: QueryOptions = {}): Promise<ResultRows> {
    return this.#asked(id, options, (results) => results.sql(query));
  }

  /** How often each value of a field occurs, most often first. */
  async countBy(id: string, field: string, options: QueryOptions = {}): Promise<readonly ValueCount[]> {
    return this.#asked(id, options, (results) => results.countBy(field));
  }

  /** The results with the highest values of a field. */
  async top(
    id: string,
    field: string,
    count = 10,
    options: QueryOptions = {},
  ): Promise<readonly JsonObject[]> {
    return this.#asked(id, options, (results) => results.top(field, count));
  }

  /** Results of a job beside those of another whose key, or the given field, is equal; the other's fields are `other_…`. */
  async join(
    id: string,
    otherId: string,
    { on, ...options }: QueryOptions & { readonly on?: string } = {},
  ): Promise<readonly JsonObject[]> {
    const store = await this.#store();
    const other = await store.get(otherId);
    const { schema } = readRecipe(other.recipe).task;
    return this.#asked(id, options, (results) =>
      results.join("other", settledPages(store, other.id), {
        ...(on !== undefined && { on }),
        ...(schema && { schema }),
      }),
    );
  }

  /** Failed items are pending again; run the map again to have them done. Resolves to how many. */
  async retryFailed(id: string): Promise<number> {
    const store = await this.#store();
    return store.retryFailed((await store.get(id)).id);
  }

  /** Nothing more of it is handed out, here or on other machines, until its map is run again. */
  async cancel(id: string): Promise<void> {
    const store = await this.#store();
    await store.cancel((await store.get(id)).id);
  }

  async #asked<Answer>(
    id: string,
    { signal = new AbortController().signal }: QueryOptions,
    ask: (results: Results) => Promise<Answer>,
  ): Promise<Answer> {
    const results = await resultsOf(await this.#store(), id, signal);
    try {
      return await ask(results);
    } finally {
      await results.close();
    }
  }
}

export interface QueryOptions {
  readonly signal?: AbortSignal;
}

export interface ValueCount {
  readonly value: Json;
  readonly count: number;
}
