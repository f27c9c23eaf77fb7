/** The server: who may come in, how much at once, for how long, and how it ends. What is answered is said elsewhere. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isIP } from "node:net";
import type { AddressInfo } from "node:net";
import { ConfigError } from "../core/errors.ts";
import type { Service } from "../setup/service.ts";
import { BodySpace } from "./body.ts";
import { Exchange } from "./exchange.ts";
import { failureOf, logLine, Refusal } from "./failure.ts";
import { IssuedItems } from "./issued-items.ts";
import { KeyRing, type KeyHash } from "./keys.ts";
import { LosslessModels } from "./lossless.ts";
import { dialectFor, routeOf, type RouteParts } from "./routes.ts";

export interface HttpOptions {
  /** @default "127.0.0.1" */
  readonly host?: string;
  /** 0 takes any that is free. @default 8787 */
  readonly port?: number;
  /** Each stands for a tenant with data of its own. Without any, only this machine may come in. */
  readonly keys?: readonly KeyHash[];
  readonly limits?: Partial<HttpLimits>;
  /** Takes a line for what the person who runs the server should know. @default nobody */
  readonly log?: (line: string) => void;
}

export interface HttpLimits {
  /** Of one body. @default 64 MiB */
  readonly bodyBytes: number;
  /** Of all bodies at once. @default 256 MiB */
  readonly allBodyBytes: number;
  /** Requests at once. @default 1000 */
  readonly requests: number;
  /** For the headers to arrive. @default 10 s */
  readonly headersMs: number;
  /** For the whole request to arrive. @default 120 s */
  readonly arrivalMs: number;
  /** A client that takes nothing of its response for so long is cut off. @default 60 s */
  readonly stallMs: number;
}

export const defaultHttpLimits: HttpLimits = {
  bodyBytes: 64 * 1024 * 1024,
  allBodyBytes: 256 * 1024 * 1024,
  requests: 1000,
  headersMs: 10_000,
  arrivalMs: 120_000,
  stallMs: 60_000,
};

export interface HttpServer {
  /** "http://127.0.0.1:8787" */
  readonly url: string;
  readonly port: number;
  /** Takes nothing new, lets what is under way end for so long, then ends it. @default 30 s */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

/** Throws ConfigError where others than this machine could come in without a key, or the address is taken. */
export async function startHttp(service: Service, options: HttpOptions = {}): Promise<HttpServer> {
  const host = options.host ?? "127.0.0.1";
  const keys = new KeyRing(options.keys ?? []);
  if (keys.isEmpty && !isLoopback(host))
    throw new ConfigError(
      "missing_key",
      `Others can reach "${host}", so a key is required: make one with --new-key and give it with --key or --key-file. Or leave --host out.`,
    );
  const limits = { ...defaultHttpLimits, ...options.limits };
  const log = options.log ?? (() => {});
  const gate = new Gate(service, keys, limits, log);
  const server = createServer(
    {
      ...{ maxHeaderSize: 16 * 1024, headersTimeout: limits.headersMs, requestTimeout: limits.arrivalMs },
      ...{ keepAliveTimeout: 65_000, connectionsCheckingInterval: Math.min(1000, limits.headersMs) },
      ...{ insecureHTTPParser: false, requireHostHeader: true, noDelay: true },
    },
    (request, response) => void gate.enter(request, response),
  );
  server.maxHeadersCount = 100;
  server.maxConnections = limits.requests * 2;
  server.on("checkContinue", (request, response) => void gate.enter(request, response, true));
  server.on("clientError", (error, socket) => refuseBytes(error, socket));
  await listen(server, options.port ?? 8787, host);
  // Without a port there is no address, which `listen` would have rejected on.
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://${isIP(host) === 6 ? `[${host}]` : host}:${port}`,
    close: ({ graceMs = 30_000 } = {}) => gate.drain(server, graceMs),
  };
}

class Gate {
  readonly #keys: KeyRing;
  readonly #limits: HttpLimits;
  readonly #log: (line: string) => void;
  readonly #parts: RouteParts;
  readonly #closing = new AbortController();
  readonly #inside = new Set<Promise<void>>();
  #isDraining = false;

  constructor(service: Service, keys: KeyRing, limits: HttpLimits, log: (line: string) => void) {
    this.#keys = keys;
    this.#limits = limits;
    this.#log = log;
    const bodies = new BodySpace({ mostBytes: limits.bodyBytes, mostTogether: limits.allBodyBytes });
    this.#parts = { service, bodies, lossless: new LosslessModels(service, log), items: new IssuedItems() };
  }

  enter(request: IncomingMessage, response: ServerResponse, waits = false): Promise<void> {
    const { stallMs } = this.#limits;
    const exchange = new Exchange(request, response, { stallMs, closing: this.#closing.signal, waits });
    const work = this.#serve(exchange)
      .catch((error: unknown) => this.#fail(exchange, error))
      .catch((error: unknown) => {
        // Not even the failure could be told: one response must not end the server.
        this.#log(`${request.method} ${exchange.path}: ${logLine(error)}`);
        response.destroy();
      });
    this.#inside.add(work);
    return work.finally(() => this.#inside.delete(work));
  }

  async drain(server: Server, graceMs: number): Promise<void> {
    this.#isDraining = true;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    const late = setTimeout(() => {
      this.#closing.abort(new DOMException("The server is closing.", "AbortError"));
      setTimeout(() => server.closeAllConnections(), 1000).unref();
    }, graceMs);
    await Promise.allSettled(this.#inside);
    await this.#parts.lossless.close();
    server.closeIdleConnections();
    await closed;
    clearTimeout(late);
  }

  async #serve(exchange: Exchange): Promise<void> {
    const { request, path } = exchange;
    if (path === "/healthz") return this.#health(exchange);
    if (this.#isDraining)
      throw new Refusal(503, "closing", "The server is closing.", {
        connection: "close",
        "retry-after": "5",
      });
    if (this.#inside.size > this.#limits.requests)
      throw new Refusal(503, "busy", "The server answers as many requests as it can.", {
        "retry-after": "2",
      });
    exchange.tenant = this.#tenantOf(request);
    const route = routeOf(path);
    if (!route) throw new Refusal(404, "not_found", `There is nothing at ${path.slice(0, 200)}.`);
    if (request.method !== route.method)
      throw new Refusal(405, "method_not_allowed", `${path} takes ${route.method}.`, { allow: route.method });
    await route.answer(exchange, this.#parts);
  }

  /** Throws Refusal 401, or 403 for a web page that comes by a name of its own. */
  #tenantOf({ headers }: IncomingMessage): string | undefined {
    if (this.#keys.isEmpty) {
      // No key keeps web pages out, so their origin does, and the name by which they found us.
      if (headers.origin !== undefined || !isLoopback(hostIn(headers.host)))
        throw new Refusal(
          403,
          "forbidden",
          "Only programs of this machine may ask a server that has no keys.",
        );
      return undefined;
    }
    const [, bearer] = /^Bearer\s+(\S+)\s*$/i.exec(headers.authorization ?? "") ?? [];
    const given = bearer ?? headers["x-api-key"];
    const tenant =
      typeof given === "string" && given.length <= longestKey ? this.#keys.tenantOf(given) : undefined;
    if (tenant !== undefined) return tenant;
    const message = given === undefined ? "This server needs a key." : "This key is not known here.";
    throw new Refusal(401, "invalid_api_key", message, { "www-authenticate": "Bearer" });
  }

  #health(exchange: Exchange): void {
    exchange.json(this.#isDraining ? 503 : 200, { status: this.#isDraining ? "closing" : "ok" });
  }

  #fail(exchange: Exchange, error: unknown): void {
    const { response, request, signal } = exchange;
    if (signal.aborted || response.destroyed) return void response.destroy();
    const failure = failureOf(error);
    if (failure.status >= 500) this.#log(`${request.method} ${exchange.path}: ${logLine(error)}`);
    if (response.headersSent) return void response.destroy();
    const retryAfter =
      failure.retryAfterMs === undefined
        ? {}
        : { "retry-after": String(Math.ceil(failure.retryAfterMs / 1000)) };
    const own = error instanceof Refusal ? error.headers : {};
    // What is left of a body that nobody reads must not be taken for the next request.
    const isUnread = !request.complete;
    exchange.json(failure.status, dialectFor(exchange).failure(failure), {
      ...{ "x-should-retry": String(failure.mayRetry) },
      ...retryAfter,
      ...(isUnread && { connection: "close" }),
      ...own,
    });
    if (isUnread) discard(request);
  }
}

const longestKey = 512;

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

function hostIn(header: string | undefined): string {
  return (header ?? "").replace(/:\d+$/, "").toLowerCase();
}

/** Lets a client that is still sending read why it is refused: a socket that is closed on it would take the response along. */
function discard(request: IncomingMessage): void {
  let left = mostDiscarded;
  request.on("data", (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) request.pause();
  });
  request.resume();
  setTimeout(() => request.destroy(), discardMs).unref();
}

const mostDiscarded = 16 * 1024 * 1024;
const discardMs = 2_000;

/** What is no HTTP, or too much of it, or too slow. */
function refuseBytes(error: NodeJS.ErrnoException, socket: import("node:stream").Duplex): void {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const status =
    error.code === "HPE_HEADER_OVERFLOW"
      ? "431 Request Header Fields Too Large"
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? "408 Request Timeout"
        : "400 Bad Request";
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
  setTimeout(() => socket.destroy(), 1000).unref();
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const why = error.code === "EADDRINUSE" ? "something else listens there" : error.message;
      reject(
        new ConfigError(
          "invalid_option",
          `${host}:${port} can't be listened on: ${why}. Choose another with --port.`,
          {
            cause: error,
          },
        ),
      );
    });
    server.listen(port, host, () => resolve());
  });
}
