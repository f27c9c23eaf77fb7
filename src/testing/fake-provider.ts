/** A real HTTP server on this machine that answers as a language model's provider would, faults included. For tests. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { isPlainObject } from "../core/json.ts";
import { estimateTokens } from "../core/tokens.ts";
import type { Dialect, WireEvent, WireMessage, WireReply, WireToolCall, WireUsage } from "./wire/dialect.ts";
import { anthropicMessages } from "./wire/anthropic.ts";
import { googleGenerateContent } from "./wire/google.ts";
import { openaiChat } from "./wire/openai-chat.ts";
import { openaiResponses } from "./wire/openai-responses.ts";

/** What the server was asked. */
export interface FakeRequest {
  readonly dialect: Dialect["name"];
  readonly model: string;
  readonly stream: boolean;
  readonly messages: readonly WireMessage[];
  /** The text of the last message: what most tests answer to. */
  readonly text: string;
  /** The parsed body as it was sent. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

export interface CallInfo {
  /** Counts calls from 1. */
  readonly call: number;
  /** Calls being answered, this one included. */
  readonly inFlight: number;
}

/** A reply, or a fault. A bare string is a reply of that text. */
export interface FakeReply {
  /** null is sent as null. @default "" */
  readonly text?: string | null;
  readonly reasoning?: string;
  readonly toolCalls?: readonly WireToolCall[];
  /** @default "stop", or "tool_calls" where there are some */
  readonly finishReason?: WireReply["finishReason"];
  /** null sends none. @default estimated from the texts */
  readonly usage?: WireUsage | null;
  /** The pieces of a streamed text. @default words */
  readonly pieces?: readonly string[];
  /** Wait before answering. @default 0 */
  readonly delayMs?: number;
  /** Above 399 a failure whose message is `text`. @default 200 */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as the body instead of anything else. */
  readonly raw?: string;
  /** Never answers; with "mid-stream", stops after the first pieces. */
  readonly hang?: boolean | "mid-stream";
  /** Closes the socket instead of answering, or in the middle of the answer. */
  readonly reset?: boolean | "mid-stream";
  /** Ends the answer properly but half-way. */
  readonly breakOff?: boolean;
}

export type Reply = (
  request: FakeRequest,
  info: CallInfo,
) => string | FakeReply | Promise<string | FakeReply>;

export interface FakeProviderOptions {
  readonly reply: Reply;
  /** What GET /v1/models lists: ids, or whole entries. @default one model, "fake-model" */
  readonly models?: readonly (string | Readonly<Record<string, unknown>>)[];
  /** Where set, calls with another key are refused with 401. */
  readonly apiKey?: string;
  /** How many requests `requests` keeps, the newest ones. @default 1000 */
  readonly record?: number;
  /** @default any free port */
  readonly port?: number;
}

export interface FakeProvider {
  /** Where OpenAI's dialect begins: "http://127.0.0.1:…/v1". */
  readonly baseUrl: string;
  /** "http://127.0.0.1:…" */
  readonly origin: string;
  /** Calls to a model, failed ones included. */
  readonly calls: number;
  readonly maxInFlight: number;
  readonly requests: readonly FakeRequest[];
  /** Answers differently from here on. */
  setReply(reply: Reply): void;
  /** Forgets what was counted and recorded. */
  reset(): void;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts a server that speaks the dialects of OpenAI (chat completions, responses), Anthropic and Google, whole and streamed. */
export async function startFakeProvider(options: FakeProviderOptions): Promise<FakeProvider> {
  const state = new ProviderState(options);
  const server = createServer((request, response) => {
    state.serve(request, response).catch((error: unknown) => {
      // A test's own mistake in `reply`: shown to the test as the provider's failure, never swallowed.
      if (!response.headersSent)
        sendJson(response, 500, openaiChat.failure(500, `The fake provider's reply threw: ${String(error)}`));
      else response.destroy();
    });
  });
  server.keepAliveTimeout = 60_000;
  await listen(server, options.port ?? 0);
  // Without a port there is no server address, which `listen` would have rejected on.
  const { port } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return {
    origin,
    baseUrl: `${origin}/v1`,
    get calls() {
      return state.calls;
    },
    get maxInFlight() {
      return state.maxInFlight;
    },
    get requests() {
      return state.requests;
    },
    setReply: (reply) => void (state.reply = reply),
    reset: () => state.reset(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Faults as replies, ready to be returned from `reply`. */
export const faults = {
  /** 429 with Retry-After in seconds. */
  rateLimited: (retryAfterSeconds?: number): FakeReply => ({
    ...{ status: 429, text: "Rate limit reached" },
    ...(retryAfterSeconds !== undefined && { headers: { "retry-after": String(retryAfterSeconds) } }),
  }),
  serverError: (): FakeReply => ({ status: 500, text: "The server had an error" }),
  overloaded: (): FakeReply => ({ status: 529, text: "Overloaded" }),
  wrongKey: (): FakeReply => ({ status: 401, text: "Incorrect API key provided" }),
  unknownModel: (model: string): FakeReply => ({
    status: 404,
    text: `The model \`${model}\` does not exist`,
  }),
  contextOverflow: (): FakeReply => ({
    ...{ status: 400 },
    text: "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
  }),
  hang: (): FakeReply => ({ hang: true }),
  reset: (): FakeReply => ({ reset: true }),
  brokenJson: (): FakeReply => ({ raw: '{"choices": [{"message": {"content": "ab' }),
  emptyChoices: (): FakeReply => ({ raw: '{"id": "x", "object": "chat.completion", "choices": []}' }),
  nullContent: (): FakeReply => ({ text: null }),
  /** A stream that ends without saying that it does. */
  brokenOff: (text: string): FakeReply => ({ text, breakOff: true }),
} as const;

class ProviderState {
  reply: Reply;
  calls = 0;
  maxInFlight = 0;
  requests: FakeRequest[] = [];
  #inFlight = 0;
  readonly #options: FakeProviderOptions;

  constructor(options: FakeProviderOptions) {
    this.#options = options;
    this.reply = options.reply;
  }

  reset(): void {
    this.calls = 0;
    this.maxInFlight = this.#inFlight;
    this.requests = [];
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "/";
    const bytes = await readBody(request);
    if (request.method === "GET" && path.endsWith("/models"))
      return sendJson(response, 200, this.#modelList());
    const dialect = dialectOf(path);
    if (dialect === undefined) return sendJson(response, 404, { error: `no such path: ${path}` });
    if (!this.#isAllowed(request))
      return sendJson(response, 401, dialect.failure(401, "Incorrect API key provided"));
    const body: unknown = JSON.parse(bytes);
    if (!isPlainObject(body))
      return sendJson(response, 400, dialect.failure(400, "The body is no JSON object"));
    const wire = dialect.read(path, body);
    const call: FakeRequest = {
      ...wire,
      dialect: dialect.name,
      text: wire.messages.at(-1)?.text ?? "",
      body,
      headers: flatten(request),
    };
    this.calls++;
    this.#inFlight++;
    this.maxInFlight = Math.max(this.maxInFlight, this.#inFlight);
    response.once("close", () => this.#inFlight--);
    this.#record(call);
    const info = { call: this.calls, inFlight: this.#inFlight };
    const reply = await this.reply(call, info);
    await answer(response, dialect, call, typeof reply === "string" ? { text: reply } : reply);
  }

  #record(call: FakeRequest): void {
    const most = this.#options.record ?? 1000;
    if (most === 0) return;
    this.requests.push(call);
    if (this.requests.length > most) this.requests.shift();
  }

  #isAllowed(request: IncomingMessage): boolean {
    const { apiKey } = this.#options;
    if (apiKey === undefined) return true;
    const { authorization } = request.headers;
    return [
      authorization?.replace(/^Bearer /, ""),
      request.headers["x-api-key"],
      request.headers["x-goog-api-key"],
    ].includes(apiKey);
  }

  #modelList(): unknown {
    const models = this.#options.models ?? ["fake-model"];
    return {
      object: "list",
      data: models.map((model) => (typeof model === "string" ? { id: model, object: "model" } : model)),
    };
  }
}

const dialects: readonly (readonly [RegExp, Dialect])[] = [
  [/\/chat\/completions$/, openaiChat],
  [/\/messages$/, anthropicMessages],
  [/:(stream)?generateContent$/i, googleGenerateContent],
  [/\/responses$/, openaiResponses],
];

function dialectOf(path: string): Dialect | undefined {
  const bare = path.replace(/\?.*$/, "");
  return dialects.find(([pattern]) => pattern.test(bare))?.[1];
}

async function answer(
  response: ServerResponse,
  dialect: Dialect,
  request: FakeRequest,
  reply: FakeReply,
): Promise<void> {
  if (reply.delayMs !== undefined && reply.delayMs > 0)
    await new Promise((resolve) => setTimeout(resolve, reply.delayMs));
  if (response.destroyed || reply.hang === true) return;
  if (reply.reset === true) return void response.socket?.resetAndDestroy();
  const status = reply.status ?? 200;
  for (const [name, value] of Object.entries(reply.headers ?? {})) response.setHeader(name, value);
  if (reply.raw !== undefined)
    return send(
      response,
      status,
      request.stream && status < 400 ? `data: ${reply.raw}\n\n` : reply.raw,
      request.stream,
    );
  if (status >= 400) return sendJson(response, status, dialect.failure(status, reply.text ?? ""));
  const wire = fillIn(reply, request);
  if (request.stream) return sendStream(response, dialect.events(wire, request.model), reply);
  sendWhole(response, JSON.stringify(dialect.whole(wire, request.model)), reply);
}

function sendStream(response: ServerResponse, events: readonly WireEvent[], reply: FakeReply): void {
  const lines = events.map(({ event, data }) => {
    const name = event === undefined ? "" : `event: ${event}\n`;
    return `${name}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;
  });
  response.writeHead(200, { "content-type": "text/event-stream" });
  if (!isCut(reply)) return void response.end(lines.join(""));
  const begun = lines.slice(0, Math.max(1, Math.floor(lines.length / 2))).join("");
  if (reply.breakOff === true) return void response.end(begun);
  writeAndStop(response, begun, reply);
}

function sendWhole(response: ServerResponse, body: string, reply: FakeReply): void {
  if (!isCut(reply)) return send(response, 200, body, false);
  const begun = body.slice(0, Math.floor(body.length / 2));
  if (reply.breakOff === true) return send(response, 200, begun, false);
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  writeAndStop(response, begun, reply);
}

function isCut(reply: FakeReply): boolean {
  return reply.hang === "mid-stream" || reply.reset === "mid-stream" || reply.breakOff === true;
}

function writeAndStop(response: ServerResponse, begun: string, reply: FakeReply): void {
  response.write(begun, () => {
    if (reply.reset === "mid-stream") response.socket?.resetAndDestroy();
  });
}

function fillIn(reply: FakeReply, request: FakeRequest): WireReply {
  const text = reply.text === undefined ? "" : reply.text;
  const toolCalls = reply.toolCalls ?? [];
  const estimated = {
    inputTokens: estimateInput(request),
    outputTokens: Math.max(1, estimateTokens(text ?? "")),
  };
  return {
    text: text === "" && toolCalls.length > 0 ? null : text,
    reasoning: reply.reasoning,
    toolCalls,
    finishReason: reply.finishReason ?? (toolCalls.length > 0 ? "tool_calls" : "stop"),
    usage: reply.usage === null ? undefined : (reply.usage ?? estimated),
    pieces: reply.pieces ?? (text ?? "").match(/\s*\S+\s*/g) ?? [],
  };
}

function estimateInput(request: FakeRequest): number {
  return request.messages.reduce((sum, message) => sum + 4 + estimateTokens(message.text), 0);
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, JSON.stringify(body), false);
}

function send(response: ServerResponse, status: number, body: string, streamed: boolean): void {
  const type = streamed && status < 400 ? "text/event-stream" : "application/json";
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) });
  response.end(body);
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return chunks.length === 1 ? String(chunks[0]) : Buffer.concat(chunks).toString("utf8");
}

function flatten(request: IncomingMessage): Record<string, string | undefined> {
  const flat: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(request.headers))
    flat[name] = Array.isArray(value) ? value.join(", ") : value;
  return flat;
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
}
