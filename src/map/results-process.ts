/** The process behind `Results`: a temporary SQLite database that rows are loaded into and queries read from. */
import { constants, DatabaseSync, type StatementSync } from "node:sqlite";
import type { SettledRow } from "../core/job-store.ts";
import { isPlainObject, type Json, type JsonObject } from "../core/json.ts";

export type ToResults =
  | { readonly type: "begin"; readonly name: string; readonly schema: JsonObject | undefined }
  | { readonly type: "rows"; readonly name: string; readonly rows: readonly SettledRow[] }
  | { readonly type: "end"; readonly name: string }
  | { readonly type: "query"; readonly query: string; readonly values: readonly (string | number | null)[] };

export interface ResultRows {
  readonly columns: readonly string[];
  /** Each row's values in the order of `columns`. */
  readonly rows: readonly (readonly Json[])[];
}

export type FromResults = ResultRows | { readonly error: string };

const nothing: ResultRows = { columns: [], rows: [] };
/** SQLite allows 2,000; what is beyond is still in the JSON. */
const mostColumns = 500;

class ResultsDatabase {
  // An empty name is a temporary file that SQLite deletes: pages go there once the cache is full.
  readonly #database = new DatabaseSync("");
  readonly #tables = new Map<string, Table>();
  #isSealed = false;

  constructor() {
    this.#database.exec("pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -65536");
    this.#database.setAuthorizer((action) =>
      this.#isSealed && !reading.has(action) ? constants.SQLITE_DENY : constants.SQLITE_OK,
    );
  }

  answer(message: ToResults): ResultRows {
    if (message.type === "query") return this.#query(message.query, message.values);
    this.#isSealed = false;
    const [results, failures, items] = namesOf(message.name);
    switch (message.type) {
      case "begin": {
        const own = ["position", "key"];
        this.#tables.set(results, new Table(this.#database, results, [...own, "result", "agreement"]));
        this.#tables.set(
          failures,
          new Table(this.#database, failures, [...own, "code", "message", "attempts"]),
        );
        this.#tables.set(items, new Table(this.#database, items, [...own, "item"]));
        const properties = message.schema?.["properties"];
        if (isPlainObject(properties))
          for (const name of Object.keys(properties)) this.#tables.get(results)?.column(name);
        return nothing;
      }
      case "rows":
        this.#database.exec("begin");
        for (const row of message.rows) this.#insert(row, results, failures, items);
        this.#database.exec("commit");
        return nothing;
      case "end":
        return nothing;
    }
  }

  #insert(
    { position, key, item, attempts, outcome }: SettledRow,
    results: string,
    failures: string,
    items: string,
  ): void {
    const own = { position, key };
    if (outcome.ok) {
      const values = { ...own, result: toSql(outcome.result), agreement: outcome.agreement ?? null };
      this.#tables.get(results)?.insert(values, isPlainObject(outcome.result) ? outcome.result : {});
    } else {
      this.#tables.get(failures)?.insert({ ...own, ...outcome.error, attempts }, {});
    }
    if (item !== undefined)
      this.#tables.get(items)?.insert({ ...own, item: toSql(item) }, isPlainObject(item) ? item : {});
  }

  #query(query: string, values: readonly (string | number | null)[]): ResultRows {
    for (const table of this.#tables.values()) table.finish();
    this.#isSealed = true;
    try {
      const prepared = this.#database.prepare(query);
      prepared.setReturnArrays(true);
      const columns = prepared.columns().map(({ name }) => name);
      // With arrays asked for, each row is one.
      const rows = prepared.all(...values) as unknown as unknown[][];
      return { columns, rows: rows.map((row) => row.map(toJson)) };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const known = [...this.#tables]
        .map(([name, table]) => `${name}(${table.columns.join(", ")})`)
        .join(", ");
      const only = reason.includes("not authorized")
        ? "Only a select can be run here"
        : `The query failed: ${reason}`;
      throw new Error(`${only}. The tables are ${known}.`, { cause: error });
    }
  }
}

/** SQLite's codes for what a select does: read, select, call a function, recurse. */
const reading: ReadonlySet<number> = new Set([
  constants.SQLITE_READ,
  constants.SQLITE_SELECT,
  constants.SQLITE_FUNCTION,
  constants.SQLITE_RECURSIVE,
]);

/** A table that gets a column for each name that its rows bring. */
class Table {
  readonly #database: DatabaseSync;
  readonly #name: string;
  readonly #byMember = new Map<string, string>();
  readonly columns: string[];
  #insert: StatementSync | undefined;

  constructor(database: DatabaseSync, name: string, columns: readonly string[]) {
    this.#database = database;
    this.#name = name;
    this.columns = [...columns];
    database.exec(
      `create table ${name} (position integer primary key, ${columns.slice(1).map(quoted).join(", ")})`,
    );
  }

  /** The column of a member. One that has the name of a column of ours gets "_" before it. */
  column(member: string): string | undefined {
    const known = this.#byMember.get(member);
    if (known !== undefined || this.columns.length >= mostColumns) return known;
    let column = member === "" ? "_" : member;
    // SQLite takes names that differ in case for one.
    while (this.columns.some((taken) => taken.toLowerCase() === column.toLowerCase())) column = `_${column}`;
    this.#database.exec(`alter table ${this.#name} add column ${quoted(column)}`);
    this.columns.push(column);
    this.#byMember.set(member, column);
    this.#insert = undefined;
    return column;
  }

  insert(
    own: Readonly<Record<string, string | number | null>>,
    members: Readonly<Record<string, unknown>>,
  ): void {
    const values = new Map<string, string | number | null>(Object.entries(own));
    for (const [member, value] of Object.entries(members)) {
      const column = this.column(member);
      if (column !== undefined) values.set(column, toSql(value));
    }
    this.#insert ??= this.#database.prepare(
      `insert into ${this.#name} (${this.columns.map(quoted).join(", ")}) values (${this.columns.map(() => "?").join(", ")})`,
    );
    this.#insert.run(...this.columns.map((column) => values.get(column) ?? null));
  }

  finish(): void {
    this.#insert = undefined;
  }
}

function namesOf(name: string): readonly [string, string, string] {
  return name === "" ? ["results", "failures", "items"] : [name, `${name}_failures`, `${name}_items`];
}

/** Texts as they are, so that they compare as texts; lists and objects as JSON, for json_each. */
function toSql(value: unknown): string | number | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "string" || typeof value === "number") return value;
  return typeof value === "boolean" ? Number(value) : JSON.stringify(value);
}

function toJson(value: unknown): Json {
  if (typeof value === "bigint") return Number(value);
  return typeof value === "string" || typeof value === "number" ? value : null;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

const database = new ResultsDatabase();
process.on("message", (message: ToResults) => {
  let reply: FromResults;
  try {
    reply = database.answer(message);
  } catch (error) {
    reply = { error: error instanceof Error ? error.message : String(error) };
  }
  process.send?.(reply);
});
// Who asked is gone: there is nobody to answer.
process.on("disconnect", () => process.exit());
