/** Jobs of `map` as the engine shows them: what there is, what came of it, and how to go on. */
import type { JobCounts, JobStore, SettledRow, StoredJob } from "../core/job-store.ts";
import { objectsOf, resultsOf, settledPages, type ResultRows } from "../map/index.ts";
import type { JsonObject } from "../core/json.ts";

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
  async *results(id: string, options: { readonly withItems?: boolean } = {}): AsyncGenerator<SettledRow> {
    const store = await this.#store();
    for await (const page of settledPages(store, (await store.get(id)).id, options)) yield* page;
  }

  /** One statement that only reads, over the tables `results`, `failures` and `items`. */
  async sql(id: string, query: string, options: { readonly signal?: AbortSignal } = {}): Promise<ResultRows> {
    const results = await resultsOf(await this.#store(), id, options.signal ?? new AbortController().signal);
    try {
      return await results.sql(query);
    } finally {
      await results.close();
    }
  }

  /** How often each value of a field occurs, most often first. */
  async countBy(id: string, field: string): Promise<readonly JsonObject[]> {
    const quoted = `"${field.replaceAll('"', '""')}"`;
    return objectsOf(
      await this.sql(
        id,
        `select ${quoted} as value, count(*) as count from results group by 1 order by 2 desc, 1`,
      ),
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
}
