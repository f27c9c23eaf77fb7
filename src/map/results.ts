/**
 * Questions over results without a model: SQL and its shorthands, by SQLite, in a process that can be ended. The same
 * results and the same query give the same rows.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { ConfigError } from "../core/errors.ts";
import type { SettledRow } from "../core/job-store.ts";
import type { Json, JsonObject } from "../core/json.ts";
import type { FromResults, ResultRows, ToResults } from "./results-process.ts";

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
  readonly #worker: ChildProcess;
  readonly #signal: AbortSignal;
  #last: Promise<unknown> = Promise.resolve();

  /** Loads rows into a temporary database on disk: memory stays flat. */
  static async open(rows: AsyncIterable<readonly SettledRow[]>, options: ResultsOptions): Promise<Results> {
    const file = import.meta.url.endsWith(".ts") ? "./results-process.ts" : "./results-process.js";
    // A process, because SQLite in a thread runs a query to its end whatever the thread is told.
    const worker = fork(fileURLToPath(new URL(file, import.meta.url)), {
      serialization: "advanced",
      execArgv: ["--disable-warning=ExperimentalWarning"],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
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

  private constructor(worker: ChildProcess, signal: AbortSignal) {
    this.#worker = worker;
    this.#signal = signal;
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
    this.#worker.kill("SIGKILL");
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
    if (this.#worker.exitCode !== null || this.#worker.killed) throw closed();
    const ended = new AbortController();
    const kill = (): void => void this.#worker.kill("SIGKILL");
    this.#signal.addEventListener("abort", kill, { once: true, signal: ended.signal });
    this.#keepAlive(true);
    try {
      const answer = once(this.#worker, "message", { signal: ended.signal });
      const exit = once(this.#worker, "exit", { signal: ended.signal }).then(() => undefined);
      // Whichever comes second is given up below.
      answer.catch(() => undefined);
      exit.catch(() => undefined);
      this.#worker.send(message);
      const answered = await Promise.race([answer, exit]);
      this.#signal.throwIfAborted();
      if (!answered) throw closed();
      // Only the process below sends, and only these.
      const reply = answered[0] as FromResults;
      if ("error" in reply) throw new ConfigError("invalid_input", reply.error);
      return reply;
    } finally {
      ended.abort();
      this.#keepAlive(false);
    }
  }

  /** Results that are open but idle don't keep the caller's process alive. */
  #keepAlive(busy: boolean): void {
    const { channel } = this.#worker;
    if (busy) {
      this.#worker.ref();
      channel?.ref();
    } else {
      this.#worker.unref();
      channel?.unref();
    }
  }
}

function closed(): ConfigError {
  return new ConfigError("invalid_input", "The results were closed. Open them again to ask more of them.");
}

export function objectsOf({ columns, rows }: ResultRows): readonly JsonObject[] {
  return rows.map((row) => Object.fromEntries(columns.map((column, index) => [column, row[index] ?? null])));
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
