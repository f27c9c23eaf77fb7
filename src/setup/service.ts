/** What a server gives its clients: an engine for each tenant and model, and the way to the provider itself. */
import { ConfigError } from "../core/errors.ts";
import type { Model } from "../core/model.ts";
import { Engine, type EngineModels, type EngineParts, type RunLimits } from "../engine/index.ts";
import { builtInReader } from "../models/reader.ts";
import { servedModels } from "../models/served-models.ts";
import { storeHome } from "../stores/index.ts";
import { readConfig } from "./config.ts";
import { serverOf, type Endpoint } from "./endpoints.ts";
import { buildModel, findModels } from "./find-model.ts";
import { tenantHome } from "./keys.ts";
import { limitsOf, type LaunchFlags, type Surroundings } from "./launch.ts";
import { ModelSearch, type Choice, type Surroundings as ModelSurroundings } from "./model-search.ts";
import { BuiltInParts } from "./open-engine.ts";

/** The pool that all calls of providers go through, proxies and HTTP/2 included. */
export { sharedDispatcher as providerConnections } from "../models/http.ts";

/** Contract: tenants share models and the sandbox, and nothing that is stored. */
export interface Service {
  readonly homeFolder: string;
  /** @param tenant undefined for the person whose machine it is. Throws ConfigError "no_model", "unknown_model". */
  engine(tenant: string | undefined, model: string): Promise<Engine>;
  /** Throws as `engine` does. */
  model(name: string): Promise<Model>;
  /** Where a request may be passed on as it is; undefined where there is no such place. */
  upstream(name: string): Promise<Upstream | undefined>;
  /** Names that clients may use, the preferred one first. */
  names(): Promise<readonly string[]>;
  close(): Promise<void>;
}

export type UpstreamDialect = "openai-chat" | "openai-responses" | "anthropic";

/** A provider's own API. */
export interface Upstream {
  /** What "/chat/completions", "/responses" or "/messages" is put after. */
  readonly baseUrl: string;
  readonly dialects: readonly UpstreamDialect[];
  /** As the provider calls the model. */
  readonly modelId: string;
  /** The credentials. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Throws ConfigError where a configuration file is none. Models are looked for when they are first needed. */
export async function openService(flags: LaunchFlags, around: Surroundings): Promise<Service> {
  const { workingFolder, environment } = around;
  const homeFolder = storeHome({ environment });
  const config = await readConfig({ workingFolder, homeFolder });
  const models = new ServedModels({ flags, config, environment, reader: builtInReader });
  const sandbox = flags.sandbox ?? config.sandbox;
  return serviceOf({
    homeFolder,
    models,
    limits: limitsOf(config, flags.limits),
    parts: (home) => new BuiltInParts({ home, ...(sandbox && { sandbox }) }, () => models.preferred()),
  });
}

/** The models of a service, however they are found. */
export interface ModelSource {
  find(name: string): Promise<{ readonly models: EngineModels; readonly upstream: Upstream | undefined }>;
  names(): Promise<readonly string[]>;
}

export interface ServiceParts {
  readonly homeFolder: string;
  readonly models: ModelSource;
  readonly limits: RunLimits;
  /** Makes the parts of one tenant, whose stores are in the folder. */
  parts(home: string): EngineParts;
}

export function serviceOf({ homeFolder, models, limits, parts }: ServiceParts): Service {
  const tenants = new Map<string, EngineParts>();
  const engines = new Map<string, Promise<Engine>>();
  const partsOf = (tenant: string | undefined): EngineParts => {
    const home = tenant === undefined ? homeFolder : tenantHome(homeFolder, tenant);
    const known = tenants.get(home) ?? parts(home);
    tenants.set(home, known);
    return known;
  };
  const newEngine = async (tenant: string | undefined, name: string): Promise<Engine> => {
    const found = await models.find(name);
    const own = partsOf(tenant);
    // One sandbox for all: each session in it is a cage of its own, and interpreters in reserve are large.
    const shared = {
      models: () => Promise.resolve(found.models),
      sandbox: () => partsOf(undefined).sandbox(),
    };
    return new Engine(borrowed(own, shared), { limits });
  };
  return {
    homeFolder,
    async engine(tenant, name) {
      const key = JSON.stringify([tenant ?? null, name]);
      const engine = engines.get(key) ?? newEngine(tenant, name);
      // The last used stand last. Who is at work with one that falls out keeps it until it has ended.
      engines.delete(key);
      engines.set(key, engine);
      const [oldest] = engines.keys();
      if (engines.size > mostNames && oldest !== undefined) engines.delete(oldest);
      // A model that was not found may be there later.
      engine.catch(() => engines.delete(key));
      return engine;
    },
    model: async (name) => (await models.find(name)).models.model,
    upstream: async (name) => (await models.find(name)).upstream,
    names: () => models.names(),
    async close() {
      const open = await Promise.allSettled(engines.values());
      await Promise.allSettled(
        open.map(async (engine) => (engine.status === "fulfilled" ? engine.value.close() : undefined)),
      );
      await Promise.allSettled([...tenants.values()].map((each) => each.close()));
    },
  };
}

/** Parts whose end is another's business. */
function borrowed(parts: EngineParts, own: Pick<EngineParts, "models" | "sandbox">): EngineParts {
  return {
    ...own,
    store: () => parts.store(),
    conversations: () => parts.conversations(),
    jobs: () => parts.jobs(),
    scratchJobs: () => parts.scratchJobs(),
    openItems: (items, options) => parts.openItems(items, options),
    openCorpus: (input, options) => parts.openCorpus(input, options),
    sliceCorpus: (from, pieces, options) => parts.sliceCorpus(from, pieces, options),
    close: () => Promise.resolve(),
  };
}

interface Served {
  readonly models: EngineModels;
  readonly upstream: Upstream | undefined;
}

/**
 * Every model of the endpoints that are configured, by the id that its provider knows. Where a model is named by flag, only
 * that one and its sub-model are served.
 */
class ServedModels implements ModelSource {
  readonly #around: ModelSurroundings;
  readonly #found = new Map<string, Promise<Served>>();
  #root: Promise<{ readonly root: Choice | undefined; readonly sub: Choice | undefined }> | undefined;
  #preferred: Promise<EngineModels> | undefined;

  constructor(around: ModelSurroundings) {
    this.#around = around;
  }

  preferred(): Promise<EngineModels> {
    return (this.#preferred ??= findModels(this.#around));
  }

  async names(): Promise<readonly string[]> {
    const { root, sub } = await this.#choices();
    if (!root) return ["reader"];
    const own = [root.id, ...(sub ? [sub.id] : [])];
    if (this.#isFixed || root.endpoint.baseUrl === undefined) return [...new Set(own)];
    const served = await servedModels(serverOf(root.endpoint), { timeoutMs: 2000 });
    return [...new Set([...own, ...(served ?? []).filter(({ chats }) => chats).map(({ id }) => id)])];
  }

  async find(name: string): Promise<Served> {
    const found = this.#found.get(name) ?? this.#find(name);
    if (this.#found.size > mostNames) this.#found.clear();
    this.#found.set(name, found);
    found.catch(() => this.#found.delete(name));
    return found;
  }

  get #isFixed(): boolean {
    return this.#around.flags.model !== undefined;
  }

  async #find(name: string): Promise<Served> {
    const { root, sub } = await this.#choices();
    const preferred = await this.preferred();
    if (root === undefined) {
      if (name === "reader") return { models: preferred, upstream: undefined };
      throw new ConfigError(
        "no_model",
        `There is no way to the model "${name}": the server found no endpoint, only its own "reader". Start it with a key such as OPENAI_API_KEY, or with --base-url.`,
      );
    }
    if (name === root.id) return { models: preferred, upstream: upstreamOf(root) };
    if (sub && name === sub.id)
      return { models: { ...preferred, model: preferred.subModel }, upstream: upstreamOf(sub) };
    if (this.#isFixed)
      throw new ConfigError(
        "unknown_model",
        `The model "${name}" is not served here: use ${[root.id, ...(sub ? [sub.id] : [])].map((id) => `"${id}" or "ask/${id}"`).join(", ")}.`,
      );
    const choice = await new ModelSearch(this.#around).choose(
      { text: name, level: root.level },
      root.endpoint,
    );
    const notices = new Set<string>();
    const model = await buildModel(choice, undefined, this.#around, notices);
    return {
      models: { model, subModel: model, modelsByDepth: undefined, notices: [...notices] },
      upstream: upstreamOf(choice),
    };
  }

  #choices(): Promise<{ readonly root: Choice | undefined; readonly sub: Choice | undefined }> {
    this.#root ??= (async () => {
      const search = new ModelSearch(this.#around);
      const root = await search.root();
      return { root, sub: root && (await search.sub(root)) };
    })();
    this.#root.catch(() => (this.#root = undefined));
    return this.#root;
  }
}

/** Names are the clients' to choose, so they must not fill the memory. */
const mostNames = 256;

function upstreamOf({ endpoint, id }: Choice): Upstream | undefined {
  const { kind, apiKey } = endpoint;
  const baseUrl = (endpoint.baseUrl ?? ownUrls[kind])?.replace(/\/+$/, "");
  const dialects = spoken[kind];
  if (baseUrl === undefined || dialects.length === 0) return undefined;
  return { baseUrl, dialects, modelId: id, headers: credentials(kind, apiKey) };
}

const ownUrls: Readonly<Partial<Record<Endpoint["kind"], string>>> = {
  openai: "https://api.openai.com/v1",
  anthropic: "https://api.anthropic.com/v1",
  openrouter: "https://openrouter.ai/api/v1",
};

const spoken: Readonly<Record<Endpoint["kind"], readonly UpstreamDialect[]>> = {
  openai: ["openai-chat", "openai-responses"],
  anthropic: ["anthropic"],
  openrouter: ["openai-chat"],
  "openai-compatible": ["openai-chat"],
  google: [],
};

function credentials(kind: Endpoint["kind"], apiKey: string | undefined): Readonly<Record<string, string>> {
  if (apiKey === undefined) return {};
  return kind === "anthropic" ? { "x-api-key": apiKey } : { authorization: `Bearer ${apiKey}` };
}
