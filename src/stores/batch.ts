/** What crosses between the threads of a store, and how one batch of it becomes one transaction. */
import type { DatabaseSync } from "node:sqlite";
import { storeFailure } from "./failure.ts";
import type { DatabaseName, NamedOperation, OpenSchema } from "./schema.ts";

/** An operation's name and its arguments. */
export type Call = readonly [name: string, ...values: readonly unknown[]];

export interface WorkerData {
  readonly name: DatabaseName;
  readonly path: string;
}

export type ToWorker = readonly Call[] | "close";

/** One outcome for each call of a batch. The first message is the outcome of opening the database. */
export interface FromWorker {
  readonly outcomes: readonly Outcome[];
}

export type Outcome = { readonly value: unknown } | { readonly failure: Failure };

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly cause: unknown;
}

/**
 * Runs calls in their order, all writes among them in one transaction: either each is committed when this returns,
 * or those that could not be say why. A read sees the writes before it and is answered only after their commit.
 */
export function runBatch(
  database: DatabaseSync,
  schema: OpenSchema,
  path: string,
  calls: readonly Call[],
): Outcome[] {
  const runners = calls.map(([name, ...values]) => ({ operation: operationOf(schema, name), values }));
  const writes = runners.some(({ operation }) => operation.writes);
  try {
    // Reads alone share a transaction as well: it saves taking the file's lock for each.
    if (writes || calls.length > 1) database.exec(writes ? "begin immediate" : "begin");
  } catch (error) {
    const failure = failureOf(error, path);
    return runners.map((runner) => (runner.operation.writes ? { failure } : attempt(runner)));
  }
  try {
    const outcomes = runners.map((runner) => (runner.operation.writes ? perform(runner) : attempt(runner)));
    if (database.isTransaction) database.exec("commit");
    return outcomes;
  } catch (error) {
    // SQLite ends the transaction itself after some failures, for instance on a full disk.
    if (database.isTransaction) database.exec("rollback");
    schema.forget();
    if (calls.length === 1) return [{ failure: failureOf(error, path) }];
    // One bad write must not take its neighbours with it: each gets a transaction of its own.
    return calls.flatMap((call) => runBatch(database, schema, path, [call]));
  }

  function attempt(runner: Runner): Outcome {
    try {
      return perform(runner);
    } catch (error) {
      return { failure: failureOf(error, path) };
    }
  }
}

export function failureOf(error: unknown, path: string): Failure {
  const { code, message, cause } = storeFailure(error, path);
  return { code, message, cause: cause instanceof Error ? cause.stack : undefined };
}

interface Runner {
  readonly operation: NamedOperation;
  readonly values: readonly unknown[];
}

function perform({ operation, values }: Runner): Outcome {
  return { value: operation.run(...values) };
}

function operationOf(schema: OpenSchema, name: string): NamedOperation {
  const operation = schema.operations.get(name);
  if (!operation) throw new TypeError(`Expected the name of a store operation, got "${name}".`);
  return operation;
}
