/** Makes the models of a run: flags come first, then configuration, environment, a local server, the built-in reader. */
import type { Model } from "../core/model.ts";
import {
  anthropic,
  google,
  openai,
  openaiCompatible,
  openrouter,
  type ProviderOptions,
} from "../models/providers.ts";
import { servedWindow } from "../models/served-models.ts";
import type { Config, ModelSettings } from "./config.ts";
import { levels, serverOf, type Endpoint } from "./endpoints.ts";
import { ModelSearch, type Choice, type Surroundings } from "./model-search.ts";

export type { ModelFlags, Surroundings } from "./model-search.ts";

export interface FoundModels {
  readonly model: Model;
  readonly subModel: Model;
  readonly modelsByDepth: readonly Model[] | undefined;
  /** One line for people: which models, where, and what made us take them. */
  readonly found: string;
  /** What the user should know about the choice. */
  readonly notices: readonly string[];
  /** True where no language model was found, or the reader was asked for. */
  readonly isReader: boolean;
}

/**
 * `--model` takes an id ("gpt-6-sol"), a provider and an id ("openai/gpt-6-sol", "openrouter/vendor/id", "ollama/id") or
 * "reader". Together with a base URL of the same level the whole text is the id. A wrong key or an unknown id shows at
 * the first call. Throws ConfigError where a model was asked for and there is no way to it.
 */
export async function findModels(surroundings: Surroundings): Promise<FoundModels> {
  const { flags, config, reader } = surroundings;
  const search = new ModelSearch(surroundings);
  const root = await search.root();
  if (root === undefined) {
    const model = reader();
    const asked = search.rootWish()?.text === "reader";
    const found = asked
      ? "the built-in reader, as asked for"
      : "the built-in reader: no language model was found";
    return {
      model,
      subModel: model,
      modelsByDepth: undefined,
      found,
      notices: asked ? [] : [noModelNotice],
      isReader: true,
    };
  }
  const sub = await search.sub(root);
  const rootWindow = flags.contextWindow ?? config.contextWindow;
  const sameModel = sub.id === root.id && sub.endpoint === root.endpoint;
  const subWindow = flags.subContextWindow ?? config.subContextWindow ?? (sameModel ? rootWindow : undefined);
  const notices = new Set<string>(search.notices);
  const model = await buildModel(root, rootWindow, surroundings, notices);
  const same = sameModel && subWindow === rootWindow;
  const subModel = same ? model : await buildModel(sub, subWindow, surroundings, notices);
  const deeper = await Promise.all(
    (root.level > levels.config ? [] : (config.modelsByDepth ?? [])).map((text) =>
      search.choose({ text, level: levels.config }),
    ),
  );
  const modelsByDepth = await Promise.all(
    deeper.map((choice) => buildModel(choice, undefined, surroundings, notices)),
  );
  return {
    ...{ model, subModel, notices: [...notices], isReader: false },
    modelsByDepth: modelsByDepth.length === 0 ? undefined : modelsByDepth,
    found: describe(root, sub),
  };
}

const noModelNotice =
  "No language model was found, so the built-in reader answers: it quotes passages and is not a language model. To connect one, set OPENAI_API_KEY, ANTHROPIC_API_KEY, OPENROUTER_API_KEY or GOOGLE_GENERATIVE_AI_API_KEY, give --base-url, or start Ollama.";

/** A model as it was chosen, with the window that its server gives it. */
export async function buildModel(
  choice: Choice,
  window: number | undefined,
  around: Surroundings,
  notices: Set<string>,
): Promise<Model> {
  const { endpoint, id } = choice;
  const settings = settingsOf(id, around.config);
  const options = { ...settings, id, contextWindow: window ?? settings.contextWindow };
  const model = adapterFor(endpoint, options);
  if (model.contextWindow !== undefined || endpoint.kind !== "openai-compatible") return model;
  const told = await servedWindow(serverOf(endpoint), id, { timeoutMs: 2000, signal: around.signal });
  if (told?.notice !== undefined) notices.add(told.notice);
  return told === undefined ? model : adapterFor(endpoint, { ...options, contextWindow: told.contextWindow });
}

function adapterFor(endpoint: Endpoint, options: ProviderOptions): Model {
  const { kind, baseUrl, apiKey, keySource } = endpoint;
  if (kind === "openai-compatible")
    return openaiCompatible({ ...options, apiKey, keySource, baseUrl: baseUrl ?? "" });
  return { openai, anthropic, google, openrouter }[kind]({ ...options, apiKey, keySource, baseUrl });
}

/** The user's own facts, under the id as given or as the model is called without its vendor. */
function settingsOf(id: string, { models, prices }: Config): ModelSettings {
  const bare = id.replace(/^.*\//, "");
  const price = prices?.[id] ?? prices?.[bare];
  return { ...(models?.[id] ?? models?.[bare]), ...(price !== undefined && { price }) };
}

function describe(root: Choice, sub: Choice): string {
  const { endpoint } = root;
  const place = endpoint.baseUrl === undefined ? endpoint.kind : new URL(endpoint.baseUrl).host;
  const subs = sub.id === root.id ? "" : `, sub-calls by ${sub.id}`;
  const key =
    endpoint.keySource === undefined || endpoint.keySource === endpoint.source
      ? ""
      : `, key from ${endpoint.keySource}`;
  return `${root.id}${subs} at ${place} (from ${endpoint.source}${key})`;
}
