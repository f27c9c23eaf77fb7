/** The providers we can name. Each loads its package at the first call, so that listing models costs nothing. */
import type { SharedV4ProviderOptions } from "@ai-sdk/provider";
import { ConfigError } from "../core/errors.ts";
import { sha256 } from "../core/json.ts";
import type { CacheHints, Model, ModelRequest } from "../core/model.ts";
import { isReasoningFamily, knownModel, vendorOf } from "./catalogue.ts";
import { lazyModel, type AiSdkModel, type LazyModelFacts, type ModelFacts } from "./from-ai-sdk.ts";

export interface ProviderOptions extends Omit<ModelFacts, "endpoint"> {
  /** As the provider knows the model. */
  readonly id: string;
  /** Where the key came from, for error messages: "OPENAI_API_KEY". @default "the option apiKey" */
  readonly keySource?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export interface OpenAiCompatibleOptions extends ProviderOptions {
  /** Where the API begins: what "/chat/completions" is put after, for instance "http://localhost:11434/v1". */
  readonly baseUrl: string;
  /** @default none is sent */
  readonly apiKey?: string | undefined;
}

/** Any server that speaks OpenAI's chat completions: vLLM, llama.cpp, Ollama, LM Studio and most hosted ones. */
export function openaiCompatible(options: OpenAiCompatibleOptions): Model {
  const baseURL = checkUrl(options.baseUrl);
  const vendor = vendorOf(baseURL);
  const known =
    vendor === undefined ? { reasoning: isReasoningFamily(options.id) } : knownModel(options.id, vendor);
  return providerModel({
    ...{ provider: "openai-compatible", baseURL, apiKey: options.apiKey || undefined },
    options: { ...known, ...given(options) },
    create: async (common) => {
      const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible");
      const provider = createOpenAICompatible({
        ...common,
        ...{ name: "openaiCompatible", baseURL },
        // Without it, streams of most servers end without usage.
        includeUsage: true,
        supportsStructuredOutputs: options.structuredOutputs ?? false,
      });
      return provider.chatModel(options.id);
    },
  });
}

/** A provider of its own: the key is read from its usual environment variable where none is given. */
export interface VendorOptions extends ProviderOptions {
  /** @default the vendor's usual environment variable */
  readonly apiKey?: string | undefined;
  /** For a proxy or a gateway. @default the vendor's own API */
  readonly baseUrl?: string | undefined;
}

/** OpenAI's own API (responses). Nothing is stored there: each request carries its whole conversation. */
export function openai(options: VendorOptions): Model {
  return vendorModel("openai", options, async (common, baseURL) => {
    const { createOpenAI } = await import("@ai-sdk/openai");
    return createOpenAI({ ...common, baseURL }).responses(options.id);
  });
}

/** Anthropic's messages. A conversation that goes on is marked for the prompt cache, a lone question is not. */
export function anthropic(options: VendorOptions): Model {
  return vendorModel("anthropic", options, async (common, baseURL) => {
    const { createAnthropic } = await import("@ai-sdk/anthropic");
    return createAnthropic({ ...common, baseURL }).languageModel(options.id);
  });
}

/** Google's Gemini API. */
export function google(options: VendorOptions): Model {
  return vendorModel("google", options, async (common, baseURL) => {
    const { createGoogle } = await import("@ai-sdk/google");
    return createGoogle({ ...common, baseURL }).languageModel(options.id);
  });
}

/** OpenRouter, which reports each call's cost itself. Ids are "vendor/model". */
export function openrouter(options: VendorOptions): Model {
  return vendorModel("openrouter", options, async (common, baseURL) => {
    const { createOpenRouter } = await import("@openrouter/ai-sdk-provider");
    return createOpenRouter({ ...common, baseURL, compatibility: "strict" }).chat(options.id, {
      usage: { include: true },
    });
  });
}

interface VendorFacts {
  readonly baseUrl: string;
  readonly variable: string;
  readonly structuredOutputs: boolean;
  readonly providerOptions?: (
    request: ModelRequest,
    cache: CacheHints | undefined,
  ) => SharedV4ProviderOptions;
}

const vendors: Readonly<Record<"openai" | "anthropic" | "google" | "openrouter", VendorFacts>> = {
  openai: {
    ...{ baseUrl: "https://api.openai.com/v1", variable: "OPENAI_API_KEY", structuredOutputs: true },
    providerOptions: () => ({ openai: { store: false } }),
  },
  anthropic: {
    ...{ baseUrl: "https://api.anthropic.com/v1", variable: "ANTHROPIC_API_KEY", structuredOutputs: true },
    providerOptions: (request, cache) =>
      cache === undefined && goesOn(request) ? { anthropic: { cacheControl: { type: "ephemeral" } } } : {},
  },
  google: {
    ...{
      baseUrl: "https://generativelanguage.googleapis.com/v1beta",
      variable: "GOOGLE_GENERATIVE_AI_API_KEY",
    },
    structuredOutputs: true,
  },
  // Behind OpenRouter sit models that enforce a schema and models that don't.
  openrouter: {
    baseUrl: "https://openrouter.ai/api/v1",
    variable: "OPENROUTER_API_KEY",
    structuredOutputs: false,
  },
};

/** Writing to the cache costs a quarter more than plain input, so only what will be read again is written. */
function goesOn(request: ModelRequest): boolean {
  return request.messages.some((message) => message.role === "assistant");
}

function vendorModel(
  name: keyof typeof vendors,
  options: VendorOptions,
  create: (common: Common & { readonly apiKey: string }, baseURL: string) => Promise<AiSdkModel>,
): Model {
  const { variable, providerOptions, ...vendor } = vendors[name];
  const apiKey = options.apiKey ?? process.env[variable];
  if (apiKey === undefined || apiKey === "") {
    throw new ConfigError(
      "missing_key",
      `The model "${name}/${options.id}" needs a key: set ${variable}, or pass apiKey.`,
    );
  }
  const baseURL = checkUrl(options.baseUrl ?? vendor.baseUrl);
  // OpenRouter passes the vendors' list prices on, and says what each call really cost.
  const known = knownModel(options.id, name === "openrouter" ? undefined : name);
  const keySource = options.keySource ?? (options.apiKey === undefined ? variable : undefined);
  return providerModel({
    ...{ provider: name, baseURL, providerOptions, apiKey },
    options: { structuredOutputs: vendor.structuredOutputs, ...known, ...given(options), keySource },
    create: (common) => create({ ...common, apiKey }, baseURL),
  });
}

interface Common {
  readonly apiKey?: string;
  readonly headers: Record<string, string>;
  readonly fetch: typeof globalThis.fetch;
}

interface ProviderModel {
  readonly provider: string;
  readonly baseURL: string;
  readonly apiKey: string | undefined;
  readonly options: ProviderOptions;
  readonly providerOptions?: LazyModelFacts["providerOptions"];
  readonly create: (common: Common) => Promise<AiSdkModel>;
}

function providerModel({
  provider,
  baseURL,
  apiKey,
  options,
  providerOptions,
  create,
}: ProviderModel): Model {
  const { host } = new URL(baseURL);
  const load = async (): Promise<AiSdkModel> => {
    const { providerFetch } = await import("./http.ts");
    return create({
      headers: { ...options.headers },
      fetch: providerFetch,
      ...(apiKey !== undefined && { apiKey }),
    });
  };
  return lazyModel(load, {
    ...options,
    ...{ provider, host, apiKey, providerOptions },
    endpoint: apiKey === undefined ? host : `${host}#${sha256(apiKey).slice(0, 8)}`,
    keySource: apiKey === undefined ? undefined : (options.keySource ?? "the option apiKey"),
  });
}

/** Only what was really given, so that an absent option doesn't hide what the catalogue knows. */
function given(options: VendorOptions): VendorOptions {
  return {
    ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
    id: options.id,
  };
}

/** The URL without its last slash. Throws ConfigError where it is none. */
function checkUrl(text: string): string {
  const valid = URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
  if (!valid) {
    throw new ConfigError(
      "invalid_option",
      `Expected the base URL to begin with http:// or https://, got "${text}". For a local server it may be "http://localhost:11434/v1".`,
    );
  }
  return text.replace(/\/+$/, "");
}
