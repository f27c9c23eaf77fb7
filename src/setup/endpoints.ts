/** Where models can be reached from here, by flags, configuration and environment. Pure: it calls nobody. */
import { ConfigError } from "../core/errors.ts";
import type { Config } from "./config.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Higher comes first. A setting is never mixed with one from a level below that was meant for something else. */
export const levels = { flag: 3, config: 2, environment: 1, found: 0 } as const;
export type Level = (typeof levels)[keyof typeof levels];

export type EndpointKind = "openai" | "anthropic" | "google" | "openrouter" | "openai-compatible";

export interface Endpoint {
  readonly kind: EndpointKind;
  readonly level: Level;
  /** Undefined for the vendor's own API. */
  readonly baseUrl: string | undefined;
  readonly apiKey: string | undefined;
  /** Which setting the key came from. */
  readonly keySource: string | undefined;
  /** The model that was named together with this endpoint. */
  readonly model: string | undefined;
  /** For people: what made us look there. */
  readonly source: string;
}

export interface EndpointFlags {
  readonly baseUrl?: string | undefined;
  readonly apiKey?: string | undefined;
}

export interface LocalServer {
  readonly name: string;
  /** What `--model` calls it: "ollama" in "ollama/llama3". */
  readonly prefix: string;
  readonly baseUrl: string;
  /** How long a busy one may take to list its models; where none runs, the refusal comes at once. @default {@link localTimeoutMs} */
  readonly timeoutMs?: number;
}

export const localTimeoutMs = 1000;

/** Servers on this machine, at the ports that they use by themselves, in the order in which they are preferred. */
export const localServers: readonly LocalServer[] = [
  { name: "Ollama", prefix: "ollama", baseUrl: "http://127.0.0.1:11434/v1" },
  { name: "LM Studio", prefix: "lmstudio", baseUrl: "http://127.0.0.1:1234/v1" },
  { name: "vLLM", prefix: "vllm", baseUrl: "http://127.0.0.1:8000/v1" },
  { name: "llama.cpp", prefix: "llamacpp", baseUrl: "http://127.0.0.1:8080/v1" },
];

/** A root and a sub-model for each vendor, used where only a key is known. */
export const defaultModels: Readonly<
  Record<Exclude<EndpointKind, "openai-compatible">, { root: string; sub: string }>
> = {
  openai: { root: "gpt-6-sol", sub: "gpt-6-luna" },
  anthropic: { root: "claude-sonnet-5-5", sub: "claude-haiku-5-5" },
  google: { root: "gemini-3.5-flash", sub: "gemini-3.5-flash-lite" },
  openrouter: { root: "openai/gpt-6-sol", sub: "openai/gpt-6-luna" },
};

/** Every endpoint that is configured, the one to prefer first. */
export function configuredEndpoints(
  flags: EndpointFlags,
  config: Config,
  environment: Environment,
): readonly Endpoint[] {
  const value = (name: string): string | undefined => environment[name] || undefined;
  const endpoints: Endpoint[] = [];
  if (flags.baseUrl !== undefined) {
    const key = keyForFlag(flags, flags.baseUrl, value);
    endpoints.push(at(flags.baseUrl, { level: levels.flag, ...key, model: undefined, source: "--base-url" }));
  }
  if (config.baseUrl !== undefined) {
    const key = pick([
      [config.apiKey, "the configuration file"],
      [value("UNABRIDGED_API_KEY"), "UNABRIDGED_API_KEY"],
    ]);
    endpoints.push(
      at(config.baseUrl, {
        level: levels.config,
        ...key,
        model: undefined,
        source: "the configuration file",
      }),
    );
  }
  for (const family of families) {
    const baseUrl = family.baseUrl && value(family.baseUrl);
    const apiKey = value(family.apiKey);
    if (baseUrl === undefined && apiKey === undefined) continue;
    const model = family.model && value(family.model);
    const keySource = apiKey === undefined ? undefined : family.apiKey;
    const source = baseUrl === undefined ? family.apiKey : (family.baseUrl ?? family.apiKey);
    const rest = { level: levels.environment, apiKey, keySource, model, source };
    endpoints.push(baseUrl === undefined ? { ...rest, kind: family.kind, baseUrl } : at(baseUrl, rest));
  }
  return endpoints;
}

interface Family {
  readonly kind: EndpointKind;
  readonly apiKey: string;
  readonly baseUrl?: string;
  readonly model?: string;
}

/** Variables that belong together, in the order in which they are looked at. Without a base URL a key is the vendor's. */
const families: readonly Family[] = [
  { kind: "openai", apiKey: "UNABRIDGED_API_KEY", baseUrl: "UNABRIDGED_BASE_URL" },
  { kind: "openai", apiKey: "LLM_API_KEY", baseUrl: "LLM_BASE_URL", model: "LLM_MODEL" },
  { kind: "openai", apiKey: "OPENAI_API_KEY", baseUrl: "OPENAI_BASE_URL", model: "OPENAI_MODEL" },
  { kind: "anthropic", apiKey: "ANTHROPIC_API_KEY" },
  { kind: "openrouter", apiKey: "OPENROUTER_API_KEY" },
  { kind: "google", apiKey: "GOOGLE_GENERATIVE_AI_API_KEY" },
];

/** Keys that belong to no vendor in particular, so that they go with a vendor that is only named by the model. */
const generalKeys: ReadonlySet<string> = new Set(["UNABRIDGED_API_KEY", "LLM_API_KEY"]);

export function isGeneralKey(endpoint: Endpoint): boolean {
  return (
    endpoint.baseUrl === undefined && endpoint.keySource !== undefined && generalKeys.has(endpoint.keySource)
  );
}

export function serverOf({ baseUrl, apiKey }: Endpoint): { baseUrl: string; apiKey: string | undefined } {
  return { baseUrl: baseUrl ?? "", apiKey };
}

type Key = Pick<Endpoint, "apiKey" | "keySource">;

function pick(candidates: readonly (readonly [string | undefined, string])[]): Key {
  const [apiKey, keySource] = candidates.find(([key]) => key !== undefined && key !== "") ?? [];
  return { apiKey, keySource };
}

/** OpenAI's key goes to nobody else's server just because that was named on the command line. */
function keyForFlag(flags: EndpointFlags, baseUrl: string, value: (name: string) => string | undefined): Key {
  const same = hostOf(baseUrl) === hostOf(value("OPENAI_BASE_URL") ?? "https://api.openai.com/v1");
  return pick([
    [flags.apiKey, "--api-key"],
    [value("UNABRIDGED_API_KEY"), "UNABRIDGED_API_KEY"],
    [value("LLM_API_KEY"), "LLM_API_KEY"],
    [same ? value("OPENAI_API_KEY") : undefined, "OPENAI_API_KEY"],
    [hostOf(baseUrl) === "openrouter.ai" ? value("OPENROUTER_API_KEY") : undefined, "OPENROUTER_API_KEY"],
  ]);
}

/** Two hosts have an adapter that does better than the general one. */
function at(baseUrl: string, rest: Omit<Endpoint, "kind" | "baseUrl">): Endpoint {
  const host = hostOf(baseUrl);
  if (host === undefined) {
    throw new ConfigError(
      "invalid_option",
      `Expected ${rest.source} to be a URL that begins with http:// or https://, got "${baseUrl}".`,
    );
  }
  const hasKey = rest.apiKey !== undefined;
  const kind =
    hasKey && host === "api.openai.com"
      ? "openai"
      : hasKey && host === "openrouter.ai"
        ? "openrouter"
        : "openai-compatible";
  return { ...rest, kind, baseUrl };
}

function hostOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).host : undefined;
}
