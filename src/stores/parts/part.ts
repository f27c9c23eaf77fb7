/** What a part of the database is: its own tables with the named operations on them, run inside the worker. */
import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import { StoreError } from "../../core/errors.ts";

export interface Part<Operations extends object> {
  /** First word of the names of its operations and migrations. */
  readonly name: string;
  /** For docs/schema.md: what is kept here. */
  readonly about: string;
  /** Steps in the order in which they are applied, once each. A step that was released never changes. */
  readonly migrations: readonly Migration[];
  /** Operations that write nothing. All others run in a transaction. */
  readonly reads: readonly (keyof Operations & string)[];
  open(database: DatabaseSync, texts: Texts): OpenPart<Operations>;
}

/** Long texts of a database, kept once each: see texts.ts. */
export interface Texts {
  /** Replaces every long string in serialised JSON by a reference to it, after keeping it. */
  fold(json: string): string;
  /** The JSON that `fold` was given, character for character. */
  unfold(folded: string): string;
}

export interface OpenPart<Operations extends object> {
  /** Arguments and results cross threads: strings, numbers, null, and plain objects and arrays of them. */
  readonly operations: Operations;
  /** Called after a transaction was rolled back: what was remembered of it is forgotten. */
  forget(): void;
}

export interface Migration {
  readonly name: string;
  readonly sql: string;
}

export type Row = Record<string, SQLOutputValue>;

export function textIn(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw unexpected(column, "a text", value);
  return value;
}

export function numberIn(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== "number") throw unexpected(column, "a number", value);
  return value;
}

export function numberOrNullIn(row: Row, column: string): number | null {
  return row[column] === null ? null : numberIn(row, column);
}

export function bytesIn(row: Row, column: string): Uint8Array {
  const value = row[column];
  if (!(value instanceof Uint8Array)) throw unexpected(column, "bytes", value);
  return value;
}

/** Prepares statements when they are first used: most processes use few of them. */
export function statement(database: DatabaseSync, sql: string): () => StatementSync {
  let prepared: StatementSync | undefined;
  return () => (prepared ??= database.prepare(sql));
}

function unexpected(column: string, type: string, value: unknown): StoreError {
  return new StoreError(
    "corrupt",
    `Expected ${type} in the column "${column}", found ${typeof value}. The database was changed by another program; restore it from a backup.`,
  );
}
