/**
 * A model with lossless context: what fits is handed on as it is; what doesn't is answered from the conversation that it is
 * recognised as. It translates; what is shown of a conversation is decided by the conversation.
 */
import { isUnabridgedError, ModelError } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import type { Message } from "../core/message.ts";
import type { Model } from "../core/model.ts";
import { estimateTokens } from "../core/tokens.ts";
import {
  requestTokens,
  type ChatResult,
  type ContextReport,
  type Engine,
  type Recognised,
} from "../engine/index.ts";
import type { Service, Upstream } from "../setup/service.ts";
import type { Body } from "./body.ts";
import type { ClientRequest, Dialect } from "./dialect.ts";
import type { Exchange } from "./exchange.ts";
import { logLine } from "./failure.ts";
import { passThrough } from "./pass-through.ts";
import { OpenOnes } from "./open-ones.ts";
import { newHead } from "./reply-head.ts";
import { RootCalls, serveRun } from "./served-run.ts";

export class LosslessModels {
  readonly #service: Service;
  readonly #log: (line: string) => void;
  readonly #open = new Map<Engine, OpenOnes>();

  constructor(service: Service, log: (line: string) => void) {
    this.#service = service;
    this.#log = log;
  }

  async answer(exchange: Exchange, dialect: Dialect, asked: Asked, name: string): Promise<void> {
    const [model, found] = await Promise.all([this.#service.model(name), this.#service.upstream(name)]);
    const mayPass = found?.dialects.includes(dialect.name) === true && asked.mayPass;
    const upstream = mayPass ? found : undefined;
    const read = tryRead(dialect, asked.json);
    if (upstream && this.#fits(asked, model)) {
      // Kept while the provider answers: what fits waits for nothing of ours.
      const kept = "request" in read ? this.#keep(exchange, read.request, name) : undefined;
      tellAsSent(exchange);
      const outcome = await passThrough(exchange, { upstream, dialect, model, ...asked });
      await kept;
      if (outcome === "answered") return;
    }
    if (!("request" in read)) throw read.fault;
    await this.#converse(exchange, { dialect, asked, name, model, upstream, request: read.request });
  }

  /** By the estimate that conversations go by before a model is known better. */
  #fits({ body: { bytes, json: sent }, json }: Asked, model: Model): boolean {
    const window = model.contextWindow ?? assumedWindow;
    // No text has more tokens than bytes; the largest is not even looked at.
    if (bytes.length > window * 8) return false;
    const text = json === sent ? bytes.toString("utf8") : JSON.stringify(json);
    return estimateTokens(text) * cautious <= window * softShare;
  }

  async #keep(exchange: Exchange, { messages }: ClientRequest, name: string): Promise<void> {
    try {
      const recognised = await this.#recognise(await this.#service.engine(exchange.tenant, name), messages);
      recognised.release();
    } catch (error) {
      // It is sent whole again with the next request, and kept then.
      this.#log(`A conversation was not kept: ${logLine(error)}`);
    }
  }

  async #converse(exchange: Exchange, turn: Turn): Promise<void> {
    const { dialect, asked, name, model, upstream, request } = turn;
    const engine = await this.#service.engine(exchange.tenant, name);
    const recognised = await this.#recognise(engine, request.messages);
    try {
      const { conversation, instructions } = recognised;
      const client = { model: withSettings(model, request), instructions };
      const { tools } = request;
      const { signal } = exchange;
      tellWhich(exchange, recognised);
      const report = await conversation.context({ tools, client, signal });
      const isWhole = report.items.every(
        (item) => item.type !== "label" && (item.type !== "message" || item.form === "verbatim"),
      );
      if (upstream && isWhole) {
        tellAsSent(exchange);
        if ((await passThrough(exchange, { upstream, dialect, model, ...asked })) === "answered") return;
      }
      exchange.tell("context", report.reason);
      exchange.tell("tokens-saved", isWhole ? 0 : savedBy(report, request));
      const run = conversation.reply({ client, tools, signal });
      await serveConversation(exchange, turn, run);
    } finally {
      recognised.release();
    }
  }

  async #recognise(engine: Engine, messages: readonly Message[]): Promise<Recognised> {
    const open = this.#open.get(engine) ?? new OpenOnes(engine);
    // The last used stand last.
    this.#open.delete(engine);
    this.#open.set(engine, open);
    this.#closeOldest();
    return open.recognise(messages);
  }

  #closeOldest(): void {
    for (const [engine, open] of this.#open) {
      if (this.#open.size <= mostEngines) return;
      if (!open.isIdle) continue;
      this.#open.delete(engine);
      open.close().catch(() => undefined); // Only settles what has ended; nobody is left to be told.
    }
  }

  /** Ends what is made for conversations while nobody waits. */
  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((open) => open.close()));
  }
}

/** One for each tenant and model. Names of models are the clients' to choose, so they must not fill the memory. */
const mostEngines = 256;

const softShare = 0.6;
const cautious = 1.1;
const assumedWindow = 32_768;

export interface Asked {
  readonly body: Body;
  /** The body with all that it only names. */
  readonly json: JsonObject;
  /** False where it names what its provider can't know. */
  readonly mayPass: boolean;
  /** Sees what a provider answers to a request that is handed on. */
  readonly watch?: ((data: unknown) => void) | undefined;
}

interface Turn {
  readonly dialect: Dialect;
  readonly asked: Asked;
  readonly name: string;
  readonly model: Model;
  readonly upstream: Upstream | undefined;
  readonly request: ClientRequest;
}

/** What we can't read may still be what its provider can. */
function tryRead(
  dialect: Dialect,
  json: JsonObject,
): { readonly request: ClientRequest } | { readonly fault: Error } {
  try {
    return { request: dialect.read(json) };
  } catch (error) {
    if (!isUnabridgedError(error)) throw error;
    return { fault: error };
  }
}

function tellAsSent(exchange: Exchange): void {
  exchange.tell("context", "as sent");
  exchange.tell("tokens-saved", 0);
}

function tellWhich(exchange: Exchange, { conversation, branchedAt }: Recognised): void {
  exchange.tell("conversation", `${conversation.id} ${conversation.branchName}`);
  exchange.tell("branched-at", branchedAt);
}

/** The client's own settings on each request of its conversation. */
function withSettings(model: Model, { settings }: ClientRequest): Model {
  const { id, provider, endpoint, contextWindow, maxOutputTokens, price, reasoning, structuredOutputs } =
    model;
  const own = structuredOutputs ? settings : withWrittenFormat(settings);
  return {
    ...{ id, provider, endpoint, contextWindow, maxOutputTokens, price, reasoning, structuredOutputs },
    async generate(request, options) {
      const most = Math.min(own.maxOutputTokens ?? Infinity, request.maxOutputTokens ?? Infinity);
      const limit = Number.isFinite(most) ? { maxOutputTokens: most } : {};
      try {
        return await model.generate({ ...request, ...own, ...limit }, options);
      } catch (error) {
        throw asClientsHear(error);
      }
    },
  };
}

/** A provider that wants to be left alone for long: the client has its own way to wait, and nobody else waits for it. */
function asClientsHear(error: unknown): unknown {
  if (!(error instanceof ModelError) || (error.retryAfterMs ?? 0) <= longestWaitMs) return error;
  return new ModelError(error.code, error.message, { retryable: false, cause: error });
}

const longestWaitMs = 20_000;

/** Where we would not trust a server with a schema, a client that sends one still has it sent. */
function withWrittenFormat(settings: ClientRequest["settings"]): ClientRequest["settings"] {
  const { output, passedOn } = settings;
  if (output === undefined) return settings;
  const { name, schema } = output;
  const format = { response_format: { type: "json_schema", json_schema: { name, schema } } };
  const others = passedOn?.others ?? {};
  const openaiCompatible = { ...format, ...others["openaiCompatible"] };
  return { ...settings, passedOn: { ...passedOn, others: { ...others, openaiCompatible } } };
}

/** Both counted alike, and as the model counts. */
function savedBy({ tokens, request }: ContextReport, { messages, tools }: ClientRequest): number {
  const factor = tokens / Math.max(1, requestTokens(request, 1));
  return Math.max(0, Math.round(requestTokens({ messages, tools }, factor) - tokens));
}

async function serveConversation(
  exchange: Exchange,
  { dialect, asked, name, request }: Turn,
  run: ReturnType<Recognised["conversation"]["reply"]>,
): Promise<void> {
  const calls = new RootCalls();
  await serveRun<ChatResult>(exchange, {
    ...{ run, dialect, head: newHead(name, request.wantsUsage), isStream: asked.json["stream"] === true },
    showsReasoning: request.showsReasoning,
    piecesOf(event) {
      const piece = calls.read(event);
      return piece ? [piece] : [];
    },
    endOf(result) {
      exchange.signal.throwIfAborted();
      const { toolCalls, costUsd, status, limit } = result;
      // A limit in the middle is the end of a reply that was cut.
      const stopReason = status === "tool-calls" ? "tool-calls" : limit ? "length" : calls.stopReason;
      return { pieces: [], end: { toolCalls, stopReason, usage: calls.usage }, costUsd };
    },
    tell: () => exchange.tell("run", run.id),
  });
}
