/** One request and its response: headers, events, the end by disconnection. It knows no dialect. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { JsonObject } from "../core/json.ts";
import type { SseEvent } from "./dialect.ts";

interface ExchangeOptions {
  readonly stallMs: number;
  readonly closing: AbortSignal;
  /** The client asks before it sends its body. */
  readonly waits: boolean;
}

const costHeader = "x-unabridged-cost-usd";

export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The path, without what follows a question mark. */
  readonly path: string;
  /** What follows, with the question mark. */
  readonly query: string;
  /** Of whom; undefined for the person whose machine it is. */
  tenant: string | undefined;
  /** Sees what of our own is sent. */
  watch: ((data: JsonObject) => void) | undefined;
  #unsent: Buffer[] = [];
  readonly #gone = new AbortController();
  readonly #stallMs: number;
  #waits: boolean;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    { stallMs, closing, waits }: ExchangeOptions,
  ) {
    this.request = request;
    this.response = response;
    const url = (request.url ?? "/").replace(/#.*$/s, "");
    this.path = url.replace(/\?.*$/s, "");
    this.query = url.slice(this.path.length);
    this.#stallMs = stallMs;
    this.#waits = waits;
    const end = (): void => this.#gone.abort(closing.reason);
    closing.addEventListener("abort", end, { once: true });
    response.once("close", () => {
      closing.removeEventListener("abort", end);
      if (!response.writableFinished)
        this.#gone.abort(new DOMException("The client has gone.", "AbortError"));
    });
  }

  /** The client may send its body. */
  proceed(): void {
    if (this.#waits) this.response.writeContinue();
    this.#waits = false;
  }

  /** Fires when the client has gone, or the server must. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** A header that says what only we know. Without effect once the response has begun. */
  tell(name: string, value: string | number | null | undefined): void {
    if (value === null || value === undefined || this.response.headersSent) return;
    this.response.setHeader(`x-unabridged-${name}`, String(value).replace(/[^\x20-\x7e]/g, "?"));
  }

  json(status: number, body: JsonObject, headers: Readonly<Record<string, string>> = {}): void {
    if (this.response.destroyed) return;
    this.watch?.(body);
    const bytes = Buffer.from(JSON.stringify(body));
    this.response.writeHead(status, {
      ...headers,
      "content-type": "application/json",
      "content-length": bytes.length,
    });
    this.response.end(bytes);
  }

  /** Trailers carry what is known only at the end. HTTP/1.0, which proxies still speak, has none. */
  announced(): Readonly<Record<string, string>> {
    return this.request.httpVersion === "1.0" ? {} : { trailer: costHeader };
  }

  beginEvents(): void {
    this.response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
      ...this.announced(),
    });
    this.response.flushHeaders();
  }

  send({ event, data }: SseEvent): void {
    if (this.response.destroyed) return;
    if (typeof data !== "string") this.watch?.(data);
    const text = typeof data === "string" ? data : JSON.stringify(data);
    this.write(event === undefined ? `data: ${text}\n\n` : `event: ${event}\ndata: ${text}\n\n`);
  }

  /**
   * Sent at the end of this turn of the event loop: one write for all that came for this client, and right after those for
   * the others. Where two hundred streams flow, a write by itself wakes the other side each time, which costs more than it.
   */
  write(piece: string | Buffer): void {
    if (this.response.destroyed) return;
    if (this.#unsent.length === 0) setImmediate(this.#sendOff);
    this.#unsent.push(typeof piece === "string" ? Buffer.from(piece) : piece);
  }

  readonly #sendOff = (): void => {
    const [first, ...others] = this.#unsent;
    if (first === undefined || this.response.destroyed) return;
    this.#unsent = [];
    this.response.write(others.length === 0 ? first : Buffer.concat([first, ...others]));
  };

  /** A line that clients skip: proxies on the way see that something still comes. */
  comment(text: string): void {
    this.write(`: ${text.replace(/[\r\n]+/g, " ")}\n\n`);
  }

  endEvents(costUsd?: number | null): void {
    if (this.response.destroyed) return;
    this.#sendOff();
    if (costUsd !== undefined && costUsd !== null)
      this.response.addTrailers({ [costHeader]: String(costUsd) });
    this.response.end();
  }

  /** The client has not taken yet what it was sent. Asked at each piece, where waiting for nothing would cost. */
  get mustWait(): boolean {
    return this.response.writableNeedDrain;
  }

  /** Waits while the client takes nothing; one that takes nothing for too long is cut off. */
  async drained(): Promise<void> {
    const { response } = this;
    if (!response.writableNeedDrain || response.destroyed) return;
    await new Promise<void>((resolve) => {
      const stalled = setTimeout(() => response.destroy(), this.#stallMs);
      const done = (): void => {
        clearTimeout(stalled);
        response.off("drain", done).off("close", done);
        resolve();
      };
      response.on("drain", done).on("close", done);
    });
  }
}
