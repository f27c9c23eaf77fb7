/** One `fetch` for all providers: undici with HTTP/2 and kept connections. It knows no provider and never retries. */
import { Agent, EnvHttpProxyAgent, fetch as undiciFetch, request, type Dispatcher } from "undici";
import { wholeResponse } from "./whole-response.ts";

/**
 * A `fetch` that costs a third less CPU than the global one and opens a handful of HTTP/2 connections where that opens
 * thousands. It sets no deadline of its own: the signal of the call ends it. Redirects are not followed, because a
 * redirected POST means a wrong base URL, which the caller should hear of.
 */
export const providerFetch: typeof globalThis.fetch = async (input, init) => {
  const body = init?.body;
  if (input instanceof Request) {
    const { url, method, headers, signal } = input;
    const whole = input.body === null ? null : await input.arrayBuffer();
    return throughUndiciFetch(url, { method, headers: [...headers], body: whole, signal, ...init });
  }
  if (body !== undefined && body !== null && typeof body !== "string") return throughUndiciFetch(input, init);
  const response = await request(input, {
    method: init?.method === "POST" ? "POST" : init?.method === undefined ? "GET" : asMethod(init.method),
    headers: { ...headersOf(init?.headers), "accept-encoding": "identity" },
    body: body ?? null,
    signal: init?.signal ?? null,
    dispatcher: sharedDispatcher(),
  });
  return toResponse(response);
};

let dispatcher: Dispatcher | undefined;

/** The one pool of connections of this process. Idle sockets don't keep the process alive. */
export function sharedDispatcher(): Dispatcher {
  dispatcher ??= openDispatcher(process.env);
  return dispatcher;
}

/** Closes all kept connections; the next call opens new ones. */
export async function closeConnections(): Promise<void> {
  const closing = dispatcher;
  dispatcher = undefined;
  await closing?.close();
}

function openDispatcher(environment: NodeJS.ProcessEnv): Dispatcher {
  const options = {
    allowH2: true,
    // HTTP/1 servers get a socket per call in flight; how many those are is the limiter's decision, not ours.
    connections: 4096,
    maxConcurrentStreams: 1000,
    // A reasoning model may think for many minutes before its first byte. The caller's deadline ends the wait.
    headersTimeout: 0,
    bodyTimeout: 0,
  } as const;
  const proxied = ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"].some(
    (name) => environment[name],
  );
  if (!proxied) return new Agent(options);
  const spared = environment["no_proxy"] ?? environment["NO_PROXY"];
  // A local server is never behind the company's proxy, whatever was forgotten in NO_PROXY.
  const noProxy = [spared, "localhost", "127.0.0.1", "::1"].filter(Boolean).join(",");
  return new EnvHttpProxyAgent({ ...options, noProxy });
}

/** A whole body in one piece is half the price of a stream of it; only event streams need to flow. */
async function toResponse(response: Dispatcher.ResponseData): Promise<Response> {
  const headers = flatten(response.headers);
  const flows = headers["content-type"]?.startsWith("text/event-stream") === true;
  const empty = response.statusCode === 204 || response.statusCode === 304;
  if (!flows) {
    const bytes = await response.body.bytes();
    if (response.statusCode === 200) return wholeResponse(200, headers, bytes);
    return new Response(empty ? null : new Uint8Array(bytes), { status: response.statusCode, headers });
  }
  return new Response(flowing(response.body), { status: response.statusCode, headers });
}

/** A web stream over a Node one that hands on chunks as they are and passes cancellation down to the socket. */
function flowing(body: Dispatcher.ResponseData["body"]): ReadableStream<Uint8Array> {
  const chunks: AsyncIterator<Uint8Array> = body[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    cancel() {
      body.destroy();
    },
  });
}

async function throughUndiciFetch(
  input: Parameters<typeof fetch>[0],
  init: RequestInit | undefined,
): Promise<Response> {
  // The global types and undici's own describe the same objects; only their declarations differ.
  const send = undiciFetch as unknown as (input: unknown, init: unknown) => Promise<Response>;
  return send(input, { ...init, dispatcher: sharedDispatcher() });
}

function asMethod(method: string): Dispatcher.HttpMethod {
  return method.toUpperCase() as Dispatcher.HttpMethod;
}

function headersOf(headers: RequestInit["headers"]): Record<string, string> {
  if (headers === undefined) return {};
  if (headers instanceof Headers || Array.isArray(headers)) return Object.fromEntries(new Headers(headers));
  const present: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) if (typeof value === "string") present[name] = value;
  return present;
}

function flatten(headers: Dispatcher.ResponseData["headers"]): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name === "set-cookie") continue;
    flat[name] = typeof value === "string" ? value : value.join(", ");
  }
  return flat;
}
