/** Hands a request on as it is, credentials aside, and its answer back as it comes. Nothing is read but how it was counted. */
import { request as send, type Dispatcher } from "undici";
import { ModelError } from "../core/errors.ts";
import type { Model } from "../core/model.ts";
import { costOf, type Usage } from "../core/usage.ts";
import { providerConnections, type Upstream } from "../setup/service.ts";
import type { Body } from "./body.ts";
import type { Dialect } from "./dialect.ts";
import type { Exchange } from "./exchange.ts";
import { ItemSniffer } from "./issued-items.ts";
import { sniffUsage } from "./sniff-usage.ts";

export interface Passing {
  readonly upstream: Upstream;
  readonly dialect: Dialect;
  readonly model: Model;
  readonly body: Body;
  /** @default the dialect's own path */
  readonly path?: string;
  /** Providers of this dialect may not have the path: then "missing" is the outcome, and the client is told nothing. */
  readonly mayBeMissing?: boolean;
  /** Told of each whole answer, or of each event that ends an item of one. */
  readonly watch?: ((data: unknown) => void) | undefined;
}

/**
 * "answered", or "overflow" where the provider found the request too long and the client was told nothing yet. Throws ModelError
 * "unreachable", or the signal's reason.
 */
export async function passThrough(
  exchange: Exchange,
  { upstream, dialect, model, body, path = dialect.path, mayBeMissing = false, watch }: Passing,
): Promise<"answered" | "overflow" | "missing"> {
  const { signal, request, response } = exchange;
  const answer = await reach(`${upstream.baseUrl}${path}${exchange.query}`, {
    method: "POST",
    headers: headersFor(request.headers, upstream),
    body: bytesFor(body, upstream),
    signal,
    dispatcher: providerConnections(),
  });
  if (answer.statusCode >= 400) {
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    if (isOverflow(answer.statusCode, bytes)) return "overflow";
    if (mayBeMissing && (answer.statusCode === 404 || answer.statusCode === 405)) return "missing";
    const headers = headersBack(answer.headers);
    // Its provider refused the server's key: a client that took it for its own would look in the wrong place.
    if (answer.statusCode === 401 || answer.statusCode === 403)
      throw new ModelError("auth", `The provider of ${model.id} refuses the server's key.`);
    response.writeHead(answer.statusCode, { ...headers, "content-length": bytes.length });
    response.end(bytes);
    return "answered";
  }
  await relay(exchange, answer, model, watch);
  return "answered";
}

async function reach(
  url: string,
  options: NonNullable<Parameters<typeof send>[1]>,
): Promise<Dispatcher.ResponseData<unknown>> {
  try {
    return await send(url, options);
  } catch (error) {
    const { signal } = options;
    if (signal instanceof AbortSignal) signal.throwIfAborted();
    throw new ModelError("unreachable", `The provider at ${new URL(url).host} can't be reached.`, {
      cause: error,
    });
  }
}

async function relay(
  exchange: Exchange,
  answer: Dispatcher.ResponseData<unknown>,
  model: Model,
  watch: Passing["watch"],
): Promise<void> {
  const { response, signal } = exchange;
  const headers = headersBack(answer.headers);
  const isStream = String(headers["content-type"] ?? "").startsWith("text/event-stream");
  if (!isStream) {
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    exchange.tell("cost-usd", costIn(sniffUsage(bytes), model));
    watch?.(tryParse(bytes));
    response.writeHead(answer.statusCode, { ...headers, "content-length": bytes.length });
    response.end(bytes);
    return;
  }
  response.writeHead(answer.statusCode, { ...headers, ...exchange.announced() });
  response.flushHeaders();
  const sniffer = watch && new ItemSniffer(watch);
  const end = new LastBytes();
  try {
    for await (const chunk of answer.body) {
      const piece: Buffer = chunk;
      exchange.write(piece);
      sniffer?.add(piece);
      end.add(piece);
      if (exchange.mustWait) await exchange.drained();
    }
  } catch (error) {
    signal.throwIfAborted();
    // The answer broke off after it had begun: so does ours, and the client sees that it is no end.
    response.destroy(error instanceof Error ? error : undefined);
    return;
  }
  exchange.endEvents(costIn(sniffUsage(end.read()), model));
}

/** Undefined where it is no JSON: it passes all the same. */
function tryParse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}

/** The last events, which hold the counts. Joined once, at the end: pieces come by the thousand. */
class LastBytes {
  #pieces: Buffer[] = [];
  #length = 0;

  add(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
    if (this.#length < 4 * keptEnd) return;
    this.#pieces = [this.read()];
    this.#length = keptEnd;
  }

  read(): Buffer {
    return Buffer.from(Buffer.concat(this.#pieces).subarray(-keptEnd));
  }
}

const keptEnd = 8 * 1024;

function costIn(usage: Usage | undefined, model: Model): number | undefined {
  return usage && costOf(usage, model.price);
}

/** What concerns one connection only, or whose credentials these are. */
const notForwarded: ReadonlySet<string> = new Set([
  ...["host", "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect"],
  ...["authorization", "x-api-key", "api-key", "cookie", "content-length", "accept-encoding"],
  ...["proxy-authorization", "proxy-connection", "forwarded", "via", "origin", "referer"],
  // Whose account it is belongs to the credentials.
  ...["openai-organization", "openai-project"],
]);

function headersFor(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  upstream: Upstream,
): Record<string, string> {
  const forwarded: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || notForwarded.has(name) || name.startsWith("x-forwarded-")) continue;
    forwarded[name] = typeof value === "string" ? value : value.join(", ");
  }
  return { ...forwarded, "accept-encoding": "identity", ...upstream.headers };
}

const notReturned: ReadonlySet<string> = new Set([
  ...["connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "trailer"],
  ...["set-cookie", "alt-svc", "strict-transport-security", "server", "via"],
]);

function headersBack(headers: Dispatcher.ResponseData["headers"]): Record<string, string | string[]> {
  const back: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined && !notReturned.has(name) && !name.startsWith("access-control-"))
      back[name] = value;
  return back;
}

/** Another name of the model is the one thing that is ever changed. */
function bytesFor({ bytes, json }: Body, { modelId }: Upstream): Buffer {
  return json["model"] === modelId ? bytes : Buffer.from(JSON.stringify({ ...json, model: modelId }));
}

function isOverflow(status: number, bytes: Buffer): boolean {
  if (status !== 400 && status !== 413 && status !== 422) return false;
  const text = bytes.subarray(0, 4096).toString("utf8");
  return /context.{0,20}(length|window)|too (long|many tokens)|maximum.{0,30}tokens|exceed.{0,40}(context|tokens)/i.test(
    text,
  );
}
