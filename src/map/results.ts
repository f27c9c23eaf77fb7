/**
 * Questions over results without a model: SQL and its shorthands, by SQLite, in a thread that can be ended. The same
 * results and the same query give the same rows.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { ConfigError } from "../core/errors.ts";
import type { SettledRow } from "../core/job-store.ts";
import type { Json, JsonObject } from "../core/json.ts";
import type { FromResults, ToResults } from "./results-worker.ts";

export interface ResultRows {
  readonly columns: readonly string[];
  /** Each row's values in the order of `columns`. */
  readonly rows: readonly (readonly Json[])[];
}

export interface ResultsOptions {
  readonly signal: AbortSignal;
  /** The schema of results: its properties are columns even where no row has them. */
  readonly schema?: JsonObject | undefined;
}

/**
 * Tables: `results` has a row for each item that was answered (`position`, `key`, each member of an object result as a column, and
 * `result`, objects as JSON), `failures` those that were not (`position`, `key`, `code`, `message`, `attempts`), `items` the input
 * (`position`, `key`, each member as a column, and `item`, objects as JSON).
 */
export class Results {
  readonly #worker: Worker;
  readonly #signal: AbortSignal;
  #last: Promise<unknown> = Promise.resolve();

  /** Loads rows into a temporary database on disk: memory stays flat. */
  static async open(rows: AsyncIterable<readonly SettledRow[]>, options: ResultsOptions): Promise<Results> {
    const file = import.meta.url.endsWith(".ts") ? "./results-worker.ts" : "./results-worker.js";
    const worker = new Worker(new URL(file, import.meta.url), {
      name: "results",
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    const results = new Results(worker, options.signal);
    try {
      await results.#ask({ type: "begin", name: "", schema: options.schema });
      await results.#load("", rows);
      return results;
    } catch (error) {
      await results.close();
      throw error;
    }
  }

  private constructor(worker: Worker, signal: AbortSignal) {
    this.#worker = worker;
    this.#signal = signal;
    worker.unref();
  }

  /** Runs one statement that only reads. Throws ConfigError where the query is wrong, with what the tables have. */
  async sql(query: string, values: readonly (string | number | null)[] = []): Promise<ResultRows> {
    return this.#ask({ type: "query", query, values });
  }

  /** How often each value of a field occurs, most often first, then by value. */
  async countBy(field: string): Promise<readonly { readonly value: Json; readonly count: number }[]> {
    const { rows } = await this.sql(
      `select ${quoted(field)}, count(*) from results group by 1 order by 2 desc, 1`,
    );
    return rows.map(([value = null, count]) => ({ value, count: Number(count) }));
  }

  /** The results with the highest values of a field, as objects; of equal values, in input order. */
  async top(field: string, count = 10): Promise<readonly JsonObject[]> {
    return objectsOf(
      await this.sql(`select * from results order by ${quoted(field)} desc, position limit ?`, [count]),
    );
  }

  /** Adds the results of another map as tables `<name>`, `<name>_failures` and `<name>_items`, to be joined in `sql`. */
  async attach(name: string, rows: AsyncIterable<readonly SettledRow[]>, schema?: JsonObject): Promise<void> {
    if (!/^[a-z][a-z0-9_]*$/.test(name) || ["results", "failures", "items"].includes(name))
      throw new ConfigError(
        "invalid_option",
        `Expected a name of small letters, digits and _ that is not taken, got "${name}".`,
      );
    await this.#ask({ type: "begin", name, schema });
    await this.#load(name, rows);
  }

  /** Results beside those of another map whose key, or the given field, is equal; a field that both have is the other's as `<name>_field`. */
  async join(
    name: string,
    rows: AsyncIterable<readonly SettledRow[]>,
    { on = "key", schema }: { on?: string; schema?: JsonObject } = {},
  ): Promise<readonly JsonObject[]> {
    await this.attach(name, rows, schema);
    const { columns } = await this.sql(`select * from ${name} limit 0`);
    const others = columns
      .filter((column) => column !== on && column !== "position")
      .map((column) => `other.${quoted(column)} as ${quoted(`${name}_${column}`)}`);
    const selected = ["results.*", ...others].join(", ");
    return objectsOf(
      await this.sql(
        `select ${selected} from results join ${name} as other on results.${quoted(on)} is other.${quoted(on)} order by results.position, other.position`,
      ),
    );
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  async #load(name: string, rows: AsyncIterable<readonly SettledRow[]>): Promise<void> {
    for await (const page of rows) await this.#ask({ type: "rows", name, rows: page });
    await this.#ask({ type: "end", name });
  }

  /** One question at a time; ends the thread where the signal fires, which is the only way to end a long query. */
  #ask(message: ToResults): Promise<ResultRows> {
    const asked = this.#last.then(() => this.#send(message));
    this.#last = asked.catch(() => undefined); // The one who asked is told.
    return asked;
  }

  async #send(message: ToResults): Promise<ResultRows> {
    this.#signal.throwIfAborted();
    const end = (): void => void this.#worker.terminate();
    this.#signal.addEventListener("abort", end, { once: true });
    this.#worker.ref();
    try {
      this.#worker.postMessage(message);
      const answer = await Promise.race([
        once(this.#worker, "message"),
        once(this.#worker, "exit").then(() => undefined),
      ]);
      this.#signal.throwIfAborted();
      if (!answer) throw new ConfigError("invalid_input", "The results were closed.");
      const reply = answer[0] as FromResults;
      if ("error" in reply) throw new ConfigError("invalid_input", reply.error);
      return reply;
    } finally {
      this.#worker.unref();
      this.#signal.removeEventListener("abort", end);
    }
  }
}

export function objectsOf({ columns, rows }: ResultRows): readonly JsonObject[] {
  return rows.map((row) => Object.fromEntries(columns.map((column, index) => [column, row[index] ?? null])));
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
