/** A real HTTP server on this machine that answers as a language model's provider would, faults included. For tests. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { isPlainObject } from "../core/json.ts";
import type { FakeReply, FakeRequest } from "./fake-reply.ts";
import { sendJson, sendReply } from "./fake-reply.ts";
import type { Dialect } from "./wire/dialect.ts";
import { anthropicMessages } from "./wire/anthropic.ts";
import { googleGenerateContent } from "./wire/google.ts";
import { openaiChat } from "./wire/openai-chat.ts";
import { openaiResponses } from "./wire/openai-responses.ts";

export interface CallInfo {
  /** Counts calls from 1. */
  readonly call: number;
  /** Calls being answered, this one included. */
  readonly inFlight: number;
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
  /** Calls being answered; one whose socket is still open counts. */
  readonly inFlight: number;
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
    get inFlight() {
      return state.inFlight;
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

class ProviderState {
  reply: Reply;
  calls = 0;
  maxInFlight = 0;
  requests: FakeRequest[] = [];
  inFlight = 0;
  readonly #options: FakeProviderOptions;

  constructor(options: FakeProviderOptions) {
    this.#options = options;
    this.reply = options.reply;
  }

  reset(): void {
    this.calls = 0;
    this.maxInFlight = this.inFlight;
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
      raw: bytes,
      headers: flatten(request),
    };
    this.calls++;
    this.inFlight++;
    this.maxInFlight = Math.max(this.maxInFlight, this.inFlight);
    response.once("close", () => this.inFlight--);
    this.#record(call);
    const info = { call: this.calls, inFlight: this.inFlight };
    const reply = await this.reply(call, info);
    await sendReply(response, dialect, call, typeof reply === "string" ? { text: reply } : reply);
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
