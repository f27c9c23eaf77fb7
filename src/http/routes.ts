/** Which path is whose work. What a request means is said by its dialect; this only finds who answers it. */
import type { JsonObject } from "../core/json.ts";
import { estimateTokens } from "../core/tokens.ts";
import type { Service } from "../setup/service.ts";
import { anthropicMessages } from "./anthropic.ts";
import { answerAsk, askPrefix } from "./ask-models.ts";
import type { BodySpace } from "./body.ts";
import type { Dialect } from "./dialect.ts";
import type { Exchange } from "./exchange.ts";
import { Refusal } from "./failure.ts";
import type { IssuedItems, Issuer } from "./issued-items.ts";
import type { LosslessModels } from "./lossless.ts";
import { openaiChat } from "./openai-chat.ts";
import { openaiResponses } from "./openai-responses.ts";
import { passThrough } from "./pass-through.ts";

export interface RouteParts {
  readonly service: Service;
  readonly bodies: BodySpace;
  readonly lossless: LosslessModels;
  readonly items: IssuedItems;
}

type Route = (exchange: Exchange, parts: RouteParts) => Promise<void>;

interface Routed {
  readonly method: "GET" | "POST";
  readonly dialect: Dialect;
  readonly answer: Route;
}

/** Undefined where nothing is at a path. Without "/v1" is how some programs write it. */
export function routeOf(path: string): Routed | undefined {
  const known = routes.get(path.replace(/^\/v1(?=\/)/, "").replace(/\/+$/, ""));
  if (known) return known;
  if (!/^(\/v1)?\/models\/[^?]+$/.test(path)) return undefined;
  return { method: "GET", dialect: openaiChat, answer: oneModel };
}

const routes: ReadonlyMap<string, Routed> = new Map<string, Routed>([
  ["/models", { method: "GET", dialect: openaiChat, answer: listModels }],
  ["/chat/completions", { method: "POST", dialect: openaiChat, answer: generate(openaiChat) }],
  ["/responses", { method: "POST", dialect: openaiResponses, answer: generate(openaiResponses) }],
  ["/messages", { method: "POST", dialect: anthropicMessages, answer: generate(anthropicMessages) }],
  ["/messages/count_tokens", { method: "POST", dialect: anthropicMessages, answer: countTokens }],
]);

/** How failures are written at a path where nothing is, or to a program that speaks Anthropic's dialect. */
export function dialectFor(exchange: Exchange): Dialect {
  if (exchange.request.headers["anthropic-version"] !== undefined) return anthropicMessages;
  return routeOf(exchange.path)?.dialect ?? openaiChat;
}

function generate(dialect: Dialect): Route {
  return async (exchange, { service, bodies, lossless, items }) => {
    const body = await bodies.read(exchange.request, () => exchange.proceed());
    try {
      const name = nameIn(body.json);
      exchange.tell("model", name);
      const { tenant } = exchange;
      const hasItems = dialect.name === "openai-responses";
      const see = (issuer: Issuer) => (data: unknown) => items.see(tenant, data, issuer);
      if (hasItems) exchange.watch = see("us");
      const { json, namesOurs } = hasItems
        ? items.resolve(tenant, body.json)
        : { json: body.json, namesOurs: false };
      const watch = hasItems ? see("provider") : undefined;
      if (name.startsWith(askPrefix)) await answerAsk(service, exchange, dialect, json, name);
      else await lossless.answer(exchange, dialect, { body, json, mayPass: !namesOurs, watch }, name);
    } finally {
      body.release();
    }
  };
}

function nameIn({ model }: JsonObject): string {
  if (typeof model === "string" && model !== "" && model.length <= longestName) return model;
  throw new Refusal(400, "invalid_input", 'Expected "model" to name a model. GET /v1/models lists them.');
}

const longestName = 256;

async function listModels(exchange: Exchange, { service }: RouteParts): Promise<void> {
  const names = await served(service);
  const data = names.map((id) => modelEntry(id, exchange));
  const [first] = names;
  exchange.json(200, {
    ...{ object: "list", data },
    ...(first !== undefined && { has_more: false, first_id: first, last_id: names.at(-1) ?? first }),
  });
}

async function oneModel(exchange: Exchange, { service }: RouteParts): Promise<void> {
  const id = decode(exchange.path.replace(/^(\/v1)?\/models\//, ""));
  if (!(await served(service)).includes(id))
    throw new Refusal(
      404,
      "model_not_found",
      `The model "${id}" is not served here. GET /v1/models lists what is.`,
    );
  exchange.json(200, modelEntry(id, exchange));
}

async function served(service: Service): Promise<readonly string[]> {
  const names = await service.names();
  return [...names, ...names.map((name) => `${askPrefix}${name}`)];
}

/** Both vendors' members, so that either's programs find theirs. */
function modelEntry(id: string, { request }: Exchange): JsonObject {
  const isAnthropic = request.headers["anthropic-version"] !== undefined;
  return isAnthropic
    ? { type: "model", id, display_name: id, created_at: "2026-01-01T00:00:00Z" }
    : { id, object: "model", created: 1_767_225_600, owned_by: "unabridged" };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Refusal(400, "invalid_path", "The path is not well encoded.");
  }
}

/** Counted by the provider where it can, else estimated; never refused for length, because no length is. */
async function countTokens(exchange: Exchange, { service, bodies }: RouteParts): Promise<void> {
  const body = await bodies.read(exchange.request, () => exchange.proceed());
  try {
    const name = nameIn(body.json);
    const { messages, tools } = anthropicMessages.read(body.json);
    const bare = name.startsWith(askPrefix) ? name.slice(askPrefix.length) : name;
    const [model, upstream] = await Promise.all([service.model(bare), service.upstream(bare)]);
    if (upstream?.dialects.includes("anthropic") && bare === name) {
      const passing = { upstream, model, body, dialect: anthropicMessages, path: "/messages/count_tokens" };
      if ((await passThrough(exchange, { ...passing, mayBeMissing: true })) === "answered") return;
    }
    exchange.json(200, { input_tokens: Math.ceil(estimateTokens(JSON.stringify([messages, tools])) * 1.1) });
  } finally {
    body.release();
  }
}
