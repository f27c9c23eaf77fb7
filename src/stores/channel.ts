/** The calling thread's end of a database: gathers calls into batches for the worker. It knows no SQL and no table. */
import { Worker } from "node:worker_threads";
import { StoreError } from "../core/errors.ts";
import type { StoreErrorCode } from "../core/errors.ts";
import type { Call, Failure, FromWorker, Outcome, ToWorker, WorkerData } from "./batch.ts";
import type { DatabaseName, Operations } from "./schema.ts";

/** Keeps a transaction to some milliseconds, so that a read behind it does not wait for long. */
const batchCalls = 256;

type Arguments<F> = F extends (...values: infer Values) => unknown ? Values : never;
type Result<F> = F extends (...values: never[]) => infer Value ? Value : never;

/** What a store asks of its database. */
export interface Calls<Name extends DatabaseName> {
  call<Part extends keyof Operations[Name] & string, Operation extends keyof Operations[Name][Part] & string>(
    part: Part,
    operation: Operation,
    ...values: Arguments<Operations[Name][Part][Operation]>
  ): Promise<Result<Operations[Name][Part][Operation]>>;
  /** Carries out what was called, then closes. */
  close(): Promise<void>;
}

/**
 * Contract: calls are carried out in the order in which they were made. One batch is with the worker at a time;
 * what is called meanwhile makes up the next one, so that many small writes share a commit.
 */
export class Channel<Name extends DatabaseName = "unabridged"> implements Calls<Name> {
  readonly #worker: Worker;
  readonly #path: string;
  #waiting: Pending[] = [];
  readonly #opened: Promise<unknown>;
  #inFlight: Pending[] = [];
  #scheduled = false;
  #whenIdle: (() => void)[] = [];
  #closing: Promise<void> | undefined;
  #broken: StoreError | undefined;

  /** Starts the worker and resolves once it has the database open. Throws StoreError. */
  static async open<Name extends DatabaseName>(name: Name, path: string): Promise<Channel<Name>> {
    // A plain build has this file and the worker as .js, a checkout has both as .ts.
    const file = import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js";
    const worker = new Worker(new URL(file, import.meta.url), {
      name: "store",
      workerData: { name, path } satisfies WorkerData,
      // Node 22 warns of its SQLite on each start. The caller's own warnings stay on.
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    const channel = new Channel<Name>(worker, path);
    await channel.#opened;
    return channel;
  }

  private constructor(worker: Worker, path: string) {
    this.#worker = worker;
    this.#path = path;
    this.#opened = new Promise((resolve, reject) =>
      this.#inFlight.push({ call: ["open"], succeed: resolve, fail: reject }),
    );
    worker.on("message", ({ outcomes }: FromWorker) => this.#settle(outcomes));
    worker.on("error", (error) => this.#fail(broken(path, error)));
    worker.on("exit", () => this.#fail(broken(path)));
  }

  call<Part extends keyof Operations[Name] & string, Operation extends keyof Operations[Name][Part] & string>(
    part: Part,
    operation: Operation,
    ...values: Arguments<Operations[Name][Part][Operation]>
  ): Promise<Result<Operations[Name][Part][Operation]>> {
    const refusal = (this.#closing && closed(this.#path)) ?? this.#broken;
    if (refusal) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      // The worker runs the operation of this very name, so its value is of that operation's type.
      const succeed = (value: unknown): void => resolve(value as Result<Operations[Name][Part][Operation]>);
      this.#waiting.push({ call: [`${part}.${operation}`, ...values], succeed, fail: reject });
      this.#schedule();
    });
  }

  /** Carries out what was called, then closes the file. */
  close(): Promise<void> {
    return (this.#closing ??= this.#shut());
  }

  async #shut(): Promise<void> {
    while (!this.#broken && (this.#waiting.length > 0 || this.#inFlight.length > 0)) {
      await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    }
    if (this.#broken) return;
    const ended = new Promise<void>((resolve) => this.#worker.once("exit", () => resolve()));
    this.#worker.ref();
    this.#post("close");
    await ended;
  }

  #schedule(): void {
    if (this.#scheduled || this.#inFlight.length > 0) return;
    this.#scheduled = true;
    // After all that is ready to run now: what it calls belongs to the same batch.
    process.nextTick(() => {
      this.#scheduled = false;
      this.#send();
    });
  }

  #send(): void {
    if (this.#broken || this.#waiting.length === 0) return;
    this.#inFlight = this.#waiting.splice(0, batchCalls);
    this.#worker.ref();
    this.#post(this.#inFlight.map(({ call }) => call));
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #settle(outcomes: readonly Outcome[]): void {
    const answered = this.#inFlight;
    this.#inFlight = [];
    answered.forEach(({ succeed, fail }, index) => {
      const outcome = outcomes[index];
      if (outcome && "value" in outcome) succeed(outcome.value);
      else fail(outcome ? errorOf(outcome.failure) : broken(this.#path));
    });
    if (this.#waiting.length > 0) this.#schedule();
    else this.#rest();
  }

  #rest(): void {
    this.#worker.unref();
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  #fail(error: StoreError): void {
    this.#broken ??= error;
    const lost = [...this.#inFlight, ...this.#waiting];
    this.#inFlight = [];
    this.#waiting = [];
    for (const { fail } of lost) fail(this.#broken);
    this.#rest();
  }
}

interface Pending {
  readonly call: Call;
  succeed(value: unknown): void;
  fail(error: StoreError): void;
}

function errorOf({ code, message, cause }: Failure): StoreError {
  // Only StoreErrors are made into failures, in the worker.
  return new StoreError(code as StoreErrorCode, message, { cause });
}

function closed(path: string): StoreError {
  return new StoreError("unavailable", `The store at "${path}" was closed. Open it again to read or write.`);
}

function broken(path: string, cause?: unknown): StoreError {
  return new StoreError(
    "unavailable",
    `The thread of the store at "${path}" ended unexpectedly. What was acknowledged is kept; open the store again.`,
    { cause },
  );
}
