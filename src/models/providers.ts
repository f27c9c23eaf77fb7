/** The providers we can name. Each loads its package at the first call, so that listing models costs nothing. */
import { ConfigError } from "../core/errors.ts";
import { sha256 } from "../core/json.ts";
import type { Model } from "../core/model.ts";
import { lazyModel, type AiSdkModel, type ModelFacts } from "./from-ai-sdk.ts";

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
  return providerModel("openai-compatible", baseURL, options, async (common) => {
    const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible");
    const provider = createOpenAICompatible({
      ...common,
      name: "openaiCompatible",
      baseURL,
      // Without it, streams of most servers end without usage.
      includeUsage: true,
      supportsStructuredOutputs: options.structuredOutputs ?? false,
    });
    return provider.chatModel(options.id);
  });
}

interface Common {
  readonly apiKey?: string;
  readonly headers: Record<string, string>;
  readonly fetch: typeof globalThis.fetch;
}

function providerModel(
  provider: string,
  baseURL: string,
  options: ProviderOptions & { readonly apiKey?: string | undefined },
  create: (common: Common) => Promise<AiSdkModel>,
): Model {
  const { apiKey } = options;
  const host = new URL(baseURL).host;
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
    provider,
    host,
    endpoint: apiKey === undefined ? host : `${host}#${sha256(apiKey).slice(0, 8)}`,
    keySource: apiKey === undefined ? undefined : (options.keySource ?? "the option apiKey"),
  });
}

/** The URL without its last slash. Throws ConfigError where it is none. */
function checkUrl(text: string): string {
  const valid = URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
  if (!valid)
    throw new ConfigError(
      "invalid_option",
      `Expected the base URL to begin with http:// or https://, got "${text}". For a local server it may be "http://localhost:11434/v1".`,
    );
  return text.replace(/\/+$/, "");
}
