/** A provider's answer as undici receives it, made a `Response`: whole where it is whole, flowing where it is an event stream. */
import type { Dispatcher } from "undici";
import { arrived, lightResponse, type Incoming } from "./light-response.ts";

type Headers = Parameters<NonNullable<Dispatcher.DispatchHandler["onResponseStart"]>>[2];
type Connection = Dispatcher.DispatchController;

/**
 * Takes undici's own callbacks: its `request` puts a Node stream between, which costs a small call a fifth of its time and
 * each piece of a stream more than it takes to parse.
 */
export class Answer implements Dispatcher.DispatchHandler {
  /** Rejects with what undici says, or with the signal's reason. */
  readonly response: Promise<Response>;
  readonly #resolve: (response: Response) => void;
  readonly #reject: (error: unknown) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => this.#connection?.abort(asError(this.#signal?.reason));
  #connection: Connection | undefined;
  #status = 0;
  #headers: Record<string, string> = {};
  #pieces: Buffer[] = [];
  #flow: Flow | undefined;

  constructor(signal: AbortSignal | undefined) {
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    [this.response, this.#resolve, this.#reject] = [promise, resolve, reject];
    this.#signal = signal;
    signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  onRequestStart(connection: Connection): void {
    this.#connection = connection;
    if (this.#signal?.aborted) this.#onAbort();
  }

  onResponseStart(connection: Connection, status: number, headers: Headers): void {
    if (status < 200) return; // Only says that the answer is still to come.
    this.#status = status;
    this.#headers = flatten(headers);
    if (this.#headers["content-type"]?.startsWith("text/event-stream") !== true) return;
    this.#flow = new Flow(connection);
    this.#resolve(lightResponse(status, this.#headers, this.#flow));
  }

  onResponseData(_connection: Connection, chunk: Buffer): void {
    if (this.#flow) this.#flow.push(chunk);
    else this.#pieces.push(chunk);
  }

  onResponseEnd(): void {
    this.#forget();
    if (this.#flow) this.#flow.end();
    else this.#resolve(responseOf(this.#status, this.#headers, this.#pieces));
  }

  onResponseError(_connection: Connection, error: Error): void {
    this.fail(error);
  }

  fail(error: unknown): void {
    this.#forget();
    const reason: unknown = this.#signal?.aborted ? this.#signal.reason : error;
    this.#flow?.fail(reason);
    this.#reject(reason);
  }

  #forget(): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
  }
}

/** Pieces between the socket and whoever reads them; the socket rests while several wait. */
class Flow implements Incoming {
  readonly #connection: Connection;
  readonly #waiting: Uint8Array[] = [];
  #reader: PromiseWithResolvers<Uint8Array | undefined> | undefined;
  #end: { readonly error?: unknown } | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  readonly read = (): Promise<Uint8Array | undefined> => {
    const next = this.#waiting.shift();
    if (next !== undefined) {
      if (this.#waiting.length === 0 && this.#connection.paused) this.#connection.resume();
      return Promise.resolve(next);
    }
    this.#reader = Promise.withResolvers();
    const { promise } = this.#reader;
    this.#settle();
    return promise;
  };

  push(piece: Uint8Array): void {
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader) return reader.resolve(piece);
    this.#waiting.push(piece);
    if (this.#waiting.length >= mostWaiting) this.#connection.pause();
  }

  end(): void {
    this.#end ??= {};
    this.#settle();
  }

  fail(error: unknown): void {
    this.#end ??= { error };
    this.#settle();
  }

  cancel(reason: unknown): void {
    if (this.#end) return;
    this.end();
    this.#connection.abort(asError(reason));
  }

  #settle(): void {
    if (!this.#end || !this.#reader) return;
    if ("error" in this.#end) this.#reader.reject(this.#end.error);
    else this.#reader.resolve(undefined);
    this.#reader = undefined;
  }
}

const mostWaiting = 4;

function responseOf(status: number, headers: Record<string, string>, pieces: readonly Buffer[]): Response {
  const [first = new Uint8Array(), ...others] = pieces;
  const bytes = others.length === 0 ? first : Buffer.concat(pieces);
  if (status === 200) return lightResponse(status, headers, arrived(bytes));
  const hasNone = status === 204 || status === 304;
  return new Response(hasNone ? null : new Uint8Array(bytes), { status, headers });
}

function flatten(headers: Headers): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name === "set-cookie") continue;
    flat[name] = typeof value === "string" ? value : value.join(", ");
  }
  return flat;
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new DOMException("Nobody waits for it any more.", "AbortError");
}
