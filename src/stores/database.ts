/** Opens the database file and brings its tables up to date. Runs in the worker; it knows no single table's use. */
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StoreError } from "../core/errors.ts";
import { busyTimeoutMs } from "./failure.ts";
import type { Migration } from "./parts/part.ts";
import { textIn } from "./parts/part.ts";

export function openDatabase(path: string, migrations: readonly Migration[]): DatabaseSync {
  // What is stored is private: other users may read neither the folder nor the file.
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, "a", 0o600));
  const database = new DatabaseSync(path, { timeout: busyTimeoutMs });
  try {
    // The log is copied into the file less often than by default: pages that hold hashes change again and again.
    database.exec("pragma synchronous = normal; pragma cache_size = -8000; pragma wal_autocheckpoint = 4000");
    // Three texts of two thousand characters fit a page of 8 KiB, but only one of them a page of 4.
    database.exec("pragma page_size = 8192; pragma journal_size_limit = 67108864");
    // Before anything is written: a file that a newer version made, or that is no database, stays as it is.
    const applied = appliedMigrations(database);
    refuseNewer(path, applied, migrations);
    useWriteAheadLog(database);
    if (migrations.some(({ name }) => !applied.includes(name))) migrate(database, path, migrations);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function migrate(database: DatabaseSync, path: string, migrations: readonly Migration[]): void {
  database.exec("begin immediate");
  try {
    database.exec(
      `create table if not exists migrations (
  number integer primary key,
  name text not null unique,
  at real not null -- milliseconds since the epoch
) strict`,
    );
    // Read again under the lock: another process may have been first.
    const applied = appliedMigrations(database);
    refuseNewer(path, applied, migrations);
    for (const { name, sql } of migrations) {
      if (applied.includes(name)) continue;
      database.exec(sql);
      database.prepare("insert into migrations (name, at) values (?, ?)").run(name, Date.now());
    }
    database.exec("commit");
  } catch (error) {
    // On a full disk SQLite has ended the transaction itself.
    if (database.isTransaction) database.exec("rollback");
    throw error;
  }
}

function appliedMigrations(database: DatabaseSync): readonly string[] {
  const exists = database.prepare("select 1 from sqlite_schema where name = 'migrations'").get();
  if (!exists) return [];
  return database
    .prepare("select name from migrations order by number")
    .all()
    .map((row) => textIn(row, "name"));
}

function refuseNewer(path: string, applied: readonly string[], migrations: readonly Migration[]): void {
  const unknown = applied.filter((name) => !migrations.some((migration) => migration.name === name));
  if (unknown.length === 0) return;
  throw new StoreError(
    "newer_schema",
    `"${path}" was written by a newer version of unabridged (it has "${unknown.join('", "')}"). Install that version with "npm install unabridged@latest", or set UNABRIDGED_HOME to another folder.`,
  );
}

/** Two processes that open a new file at once block each other here, and SQLite waits for neither. */
function useWriteAheadLog(database: DatabaseSync): void {
  const giveUpAt = Date.now() + busyTimeoutMs;
  for (;;) {
    try {
      database.exec("pragma journal_mode = wal");
      return;
    } catch (error) {
      const isBusy = error instanceof Error && "errcode" in error && (Number(error.errcode) & 0xff) === 5;
      if (!isBusy || Date.now() > giveUpAt) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}
