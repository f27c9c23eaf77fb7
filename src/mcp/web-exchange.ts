/** Between node's HTTP and the web's requests and responses, which the protocol's library speaks. */
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";

/** The signal of the request fires when its client goes before it was answered. */
export function requestOf(incoming: IncomingMessage, outgoing: ServerResponse): Request {
  const gone = new AbortController();
  outgoing.once("close", () => {
    if (!outgoing.writableFinished) gone.abort(new DOMException("The client has gone.", "AbortError"));
  });
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers))
    for (const one of Array.isArray(value) ? value : [value ?? ""]) headers.append(name, one);
  const { method = "GET", url = "/" } = incoming;
  const hasBody = method !== "GET" && method !== "HEAD";
  // What follows the path of an odd target must not become a host.
  const address = new URL("http://localhost");
  const [pathname = "/", search = ""] = url.split("?", 2);
  address.pathname = pathname;
  address.search = search;
  return new Request(address, {
    ...{ method, headers, signal: gone.signal },
    ...(hasBody && { body: Readable.toWeb(incoming) as ReadableStream<Uint8Array>, duplex: "half" as const }),
  });
}

/** Longest time in which a client takes nothing of what is waiting for it. */
const stallMs = 60_000;

export async function respond(response: Response, outgoing: ServerResponse): Promise<void> {
  const isUnread = !outgoing.req.complete;
  outgoing.writeHead(response.status, {
    ...Object.fromEntries(response.headers),
    // What is left of a body that nobody reads must not be taken for the next request.
    ...(isUnread && { connection: "close" }),
  });
  if (!response.body) return void outgoing.end();
  outgoing.flushHeaders();
  const reader = response.body.getReader();
  outgoing.once("close", () => void reader.cancel().catch(() => {}));
  for (;;) {
    const { done, value } = await reader.read();
    if (done || outgoing.destroyed) break;
    if (!outgoing.write(value)) await drained(outgoing);
  }
  if (!outgoing.destroyed) outgoing.end();
}

async function drained(outgoing: ServerResponse): Promise<void> {
  const late = setTimeout(() => outgoing.destroy(), stallMs);
  try {
    await Promise.race([once(outgoing, "drain"), once(outgoing, "close")]);
  } finally {
    clearTimeout(late);
  }
}
