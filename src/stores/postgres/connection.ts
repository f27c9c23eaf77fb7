/** Connections to a PostgreSQL server: transactions, patience while it can't be reached, errors that say what to do. */
import type { Pool, QueryResultRow } from "pg";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf, StoreError } from "../../core/errors.ts";
import { migrations, schemaName } from "./schema.ts";

export interface PostgresOptions {
  /** For instance "postgres://user@host:5432/database". */
  readonly url: string;
  /** How long a server that can't be reached is waited for, in milliseconds. @default 120000 */
  readonly patienceMs?: number;
}

/** Runs a statement and gives its rows. */
export type Query = <Row extends QueryResultRow>(sql: string, values?: readonly unknown[]) => Promise<Row[]>;

export class Connection {
  readonly #pool: Pool;
  readonly #place: string;
  readonly #patienceMs: number;
  #isClosed = false;

  /** Throws StoreError where the server can't be reached, or has tables of a newer version. */
  static async open({ url, patienceMs = 120_000 }: PostgresOptions): Promise<Connection> {
    const { Pool } = (await import("pg")).default;
    const pool = new Pool({
      connectionString: url,
      max: 5,
      // A network that swallows packets answers nothing at all: then time is all there is to go by.
      ...{
        connectionTimeoutMillis: 5_000,
        query_timeout: 20_000,
        keepAlive: true,
        application_name: "unabridged",
      },
      options: `-c search_path=${schemaName}`,
    });
    // An idle connection that breaks is replaced by the next query; without a listener it would end the process.
    pool.on("error", () => undefined);
    const connection = new Connection(pool, placeOf(url), patienceMs);
    try {
      await migrate(pool, connection.#place);
    } catch (error) {
      await pool.end();
      throw failure(error, connection.#place);
    }
    return connection;
  }

  private constructor(pool: Pool, place: string, patienceMs: number) {
    this.#pool = pool;
    this.#place = place;
    this.#patienceMs = patienceMs;
  }

  /** One statement, again and again while the server can't be reached. */
  query<Row extends QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    return this.#patiently(async () => (await this.#pool.query<Row>(sql, [...values])).rows);
  }

  /**
   * All or nothing. Contract: `act` may be run again where the server can't be reached, even after a commit whose
   * confirmation was lost, so running it twice must do no harm.
   */
  transaction<Value>(act: (query: Query) => Promise<Value>): Promise<Value> {
    return this.#patiently(async () => {
      const client = await this.#pool.connect();
      let broken = false;
      const onError = (): void => void (broken = true);
      client.on("error", onError);
      try {
        await client.query("begin");
        const value = await act(async (sql, values = []) => (await client.query(sql, [...values])).rows);
        await client.query("commit");
        return value;
      } catch (error) {
        broken ||= isUnreachable(error);
        if (!broken) await client.query("rollback").catch(() => (broken = true));
        throw error;
      } finally {
        client.off("error", onError);
        client.release(broken);
      }
    });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#pool.end();
  }

  async #patiently<Value>(act: () => Promise<Value>): Promise<Value> {
    const giveUpAt = Date.now() + this.#patienceMs;
    for (let attempt = 1; ; attempt++) {
      if (this.#isClosed)
        throw new StoreError(
          "unavailable",
          `The store at ${this.#place} was closed. Open it again to read or write.`,
        );
      try {
        return await act();
      } catch (error) {
        // A deadlock or a conflict of two transactions is solved by running one of them again.
        const isPassing = isUnreachable(error) || ["40001", "40P01"].includes(codeOf(error));
        if (!isPassing || Date.now() > giveUpAt) throw failure(error, this.#place);
        await sleep(Math.min(2_000, 50 * 2 ** attempt));
      }
    }
  }
}

async function migrate(pool: Pool, place: string): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    // One process at a time, whichever comes first.
    await client.query("select pg_advisory_xact_lock(7161390)");
    await client.query(`create schema if not exists ${schemaName}`);
    await client.query(
      "create table if not exists migrations (name text primary key, at timestamptz not null default now())",
    );
    const applied = (await client.query<{ name: string }>("select name from migrations")).rows.map(
      ({ name }) => name,
    );
    const unknown = applied.filter((name) => !migrations.some((migration) => migration.name === name));
    if (unknown.length > 0)
      throw new StoreError(
        "newer_schema",
        `The store at ${place} was made by a newer version of unabridged (it has "${unknown.join('", "')}"). Install that version on this machine.`,
      );
    for (const { name, sql } of migrations) {
      if (applied.includes(name)) continue;
      await client.query(sql);
      await client.query("insert into migrations (name) values ($1)", [name]);
    }
    await client.query("commit");
  } catch (error) {
    // The first error is the one to tell of.
    await client.query("rollback").catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}

/** The server may come back: connections refused, lost or timed out, and a server that starts or stops. */
function isUnreachable(error: unknown): boolean {
  const code = codeOf(error);
  if (/^(ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|08|57P0)/.test(code)) return true;
  return /connection terminated|timeout exceeded|query read timeout|connection ended|not queryable/i.test(
    messageOf(error),
  );
}

function failure(error: unknown, place: string): StoreError {
  if (error instanceof StoreError) return error;
  const reason = messageOf(error) || codeOf(error);
  if (codeOf(error) === "53100")
    return new StoreError(
      "disk_full",
      `The server at ${place} has no room left (${reason}). Free some space there.`,
      { cause: error },
    );
  return new StoreError(
    "unavailable",
    `The store at ${place} can't be read or written (${reason}). Check that the server is running and that the address, user and password are right.`,
    { cause: error },
  );
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** The address without its password. */
function placeOf(url: string): string {
  try {
    const { host, pathname } = new URL(url);
    return `postgres://${host}${pathname}`;
  } catch {
    return "the given address"; // It may hold a password: not repeated.
  }
}
