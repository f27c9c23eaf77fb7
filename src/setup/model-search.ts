/** Looks for the endpoint and the id of each model that was wished for. It asks local servers, and makes no model. */
import { ConfigError } from "../core/errors.ts";
import type { Model } from "../core/model.ts";
import { servedModels, type ServedModel } from "../models/served-models.ts";
import type { Config } from "./config.ts";
import {
  configuredEndpoints,
  defaultModels,
  isGeneralKey,
  levels,
  localServers,
  localTimeoutMs,
  serverOf,
  type Endpoint,
  type EndpointFlags,
  type EndpointKind,
  type Environment,
  type Level,
  type LocalServer,
} from "./endpoints.ts";

export interface ModelFlags extends EndpointFlags {
  readonly model?: string | undefined;
  readonly subModel?: string | undefined;
  /** Of the root model. It comes before what is known otherwise. */
  readonly contextWindow?: number | undefined;
  readonly subContextWindow?: number | undefined;
}

export interface Surroundings {
  readonly flags: ModelFlags;
  readonly config: Config;
  readonly environment: Environment;
  /** Makes the built-in reader. */
  readonly reader: () => Model;
  readonly signal?: AbortSignal | undefined;
  /** @default the usual ports of Ollama, LM Studio, vLLM and llama.cpp */
  readonly locals?: readonly LocalServer[];
}

/** A model as someone named it. */
export interface Wish {
  readonly text: string;
  readonly level: Level;
}

export interface Choice {
  readonly id: string;
  readonly endpoint: Endpoint;
  readonly level: Level;
  /** True where nobody named a model and it is the vendor's default. */
  readonly isDefault: boolean;
}

export class ModelSearch {
  readonly #around: Surroundings;
  readonly #endpoints: readonly Endpoint[];
  /** What the user should hear about the choices so far. */
  readonly notices: string[] = [];

  constructor(surroundings: Surroundings) {
    const { flags, config, environment } = surroundings;
    this.#around = surroundings;
    this.#endpoints = configuredEndpoints(flags, config, environment);
  }

  rootWish(): Wish | undefined {
    const { flags, config, environment } = this.#around;
    return firstWish([flags.model, config.model, environment["UNABRIDGED_MODEL"]]);
  }

  /** Undefined for the built-in reader. */
  async root(): Promise<Choice | undefined> {
    const wish = this.rootWish();
    if (wish?.text === "reader") return undefined;
    if (wish !== undefined) return this.choose(wish);
    const [endpoint] = this.#endpoints;
    if (endpoint !== undefined) return this.#defaultOf(endpoint);
    return this.#firstLocal();
  }

  /** A sub-model set at a lower level than the root's belongs to another root, and its texts may not go there. */
  async sub(root: Choice): Promise<Choice> {
    const { flags, config, environment } = this.#around;
    const wish = firstWish([flags.subModel, config.subModel, environment["UNABRIDGED_SUB_MODEL"]]);
    if (wish !== undefined && wish.level >= root.level) return this.choose(wish, root.endpoint);
    if (wish !== undefined) {
      this.notices.push(
        `The sub-model "${wish.text}" is not used: it was set together with another root model than "${root.id}". Name it with --sub-model to use both.`,
      );
    }
    const { kind } = root.endpoint;
    return root.isDefault && kind !== "openai-compatible" ? { ...root, id: defaultModels[kind].sub } : root;
  }

  /** @param near the root's endpoint, which a bare id is looked for at first. */
  async choose(wish: Wish, near?: Endpoint): Promise<Choice> {
    const { text, level } = wish;
    const chosen = (endpoint: Endpoint, id: string): Choice => ({ id, endpoint, level, isDefault: false });
    const stated = this.#endpoints.find(
      (endpoint) => endpoint.baseUrl !== undefined && endpoint.level >= level,
    );
    if (stated !== undefined) return chosen(stated, withoutPrefix(text, stated.kind));
    const [, prefix, id] = /^(\w+)\/(.+)$/.exec(text) ?? [];
    if (prefix !== undefined && id !== undefined) {
      const endpoint = this.#named(prefix);
      if (endpoint !== undefined) return chosen(endpoint, id);
    }
    const endpoint = this.#nearest(text, near) ?? (await this.#localWith(text));
    if (endpoint !== undefined) return chosen(endpoint, text);
    throw new ConfigError(
      "no_model",
      `There is no way to the model "${text}": no key is set and no local server lists it. Set a key such as OPENAI_API_KEY, give --base-url, or name a local one as in "ollama/${text}".`,
    );
  }

  /** Where a bare id is looked for: at a base URL that was stated, else at the vendor whose names look like it. */
  #nearest(id: string, near: Endpoint | undefined): Endpoint | undefined {
    const first = near ?? this.#endpoints[0];
    if (first?.baseUrl !== undefined) return first;
    return (
      this.#endpoints.find(({ kind, baseUrl }) => baseUrl === undefined && kind === familyOf(id)) ?? first
    );
  }

  /** The endpoint that a prefix names; undefined where the text before the slash is part of the id. */
  #named(prefix: string): Endpoint | undefined {
    const { locals = localServers } = this.#around;
    const local = locals.find((server) => server.prefix === prefix);
    if (local !== undefined) return localEndpoint(local);
    if (!isVendor(prefix)) return undefined;
    const own = this.#endpoints.filter(({ kind, baseUrl }) => kind === prefix && baseUrl === undefined);
    const endpoint =
      own.find((candidate) => !isGeneralKey(candidate)) ?? own[0] ?? this.#endpoints.find(isGeneralKey);
    if (endpoint !== undefined) return { ...endpoint, kind: prefix };
    if (this.#endpoints.some(({ baseUrl }) => baseUrl !== undefined)) return undefined;
    // No key anywhere: the adapter says which variable it wants.
    const none = { baseUrl: undefined, apiKey: undefined, keySource: undefined, model: undefined };
    return { ...none, kind: prefix, level: levels.flag, source: `the model's prefix "${prefix}/"` };
  }

  async #defaultOf(endpoint: Endpoint): Promise<Choice> {
    const { level, kind } = endpoint;
    if (endpoint.model !== undefined) {
      // A name like "anthropic/…" beside a key and no base URL names the vendor too.
      if (endpoint.baseUrl === undefined) return this.choose({ text: endpoint.model, level });
      return { id: withoutPrefix(endpoint.model, kind), endpoint, level, isDefault: false };
    }
    if (kind !== "openai-compatible")
      return { id: defaultModels[kind].root, endpoint, level, isDefault: true };
    const served = await servedModels(serverOf(endpoint), this.#asking(5000));
    const id = served?.find((model) => model.chats)?.id;
    if (id !== undefined) return { id, endpoint, level, isDefault: false };
    const why = served === undefined ? "does not tell which models it serves" : "serves no model that chats";
    throw new ConfigError(
      "no_model",
      `The server at ${endpoint.baseUrl} (from ${endpoint.source}) ${why}. Check that it runs, or name the model with --model.`,
    );
  }

  /** All are asked at once, so that five servers which aren't there cost as much as one. */
  async #firstLocal(): Promise<Choice | undefined> {
    for (const { endpoint, served } of await this.#askLocals()) {
      const id = served.find((model) => model.chats)?.id;
      if (id !== undefined) return { id, endpoint, level: levels.found, isDefault: false };
    }
    return undefined;
  }

  async #localWith(id: string): Promise<Endpoint | undefined> {
    const answers = await this.#askLocals();
    return answers.find(({ served }) => served.some((model) => model.id === id))?.endpoint;
  }

  async #askLocals(): Promise<readonly { endpoint: Endpoint; served: readonly ServedModel[] }[]> {
    const { locals = localServers } = this.#around;
    const answers = await Promise.all(
      locals.map(async (server) => ({
        endpoint: localEndpoint(server),
        served: await servedModels(server, this.#asking(server.timeoutMs ?? localTimeoutMs)),
      })),
    );
    return answers.flatMap(({ endpoint, served }) => (served === undefined ? [] : [{ endpoint, served }]));
  }

  #asking(timeoutMs: number): { timeoutMs: number; signal: AbortSignal | undefined } {
    return { timeoutMs, signal: this.#around.signal };
  }
}

function firstWish([flag, config, environment]: readonly (string | undefined)[]): Wish | undefined {
  if (flag) return { text: flag, level: levels.flag };
  if (config) return { text: config, level: levels.config };
  return environment ? { text: environment, level: levels.environment } : undefined;
}

function localEndpoint({ name, baseUrl }: LocalServer): Endpoint {
  const source = `${name} on this machine`;
  return {
    kind: "openai-compatible",
    level: levels.found,
    baseUrl,
    apiKey: undefined,
    keySource: undefined,
    model: undefined,
    source,
  };
}

/** "openai/gpt-5" at OpenAI itself is "gpt-5"; at OpenRouter only "openrouter/" before an id is a prefix. */
function withoutPrefix(text: string, kind: EndpointKind): string {
  return text.startsWith(`${kind}/`) ? text.slice(kind.length + 1) : text;
}

function isVendor(text: string): text is Exclude<EndpointKind, "openai-compatible"> {
  return text in defaultModels;
}

function familyOf(id: string): EndpointKind | undefined {
  if (id.startsWith("claude-")) return "anthropic";
  if (id.startsWith("gemini-")) return "google";
  return /^(gpt-\d|chatgpt-|o\d)/.test(id) ? "openai" : undefined;
}
