/** Port: a language model at an endpoint. Adapters translate; budget, retries, cache and limits are not theirs. */
import type { JsonObject } from "./json.ts";
import type { AssistantPart, Message } from "./message.ts";
import type { Price, Usage } from "./usage.ts";

export interface Model {
  /** As its provider knows it, for instance "gpt-5-mini". */
  readonly id: string;
  /** Which dialect is spoken, for instance "openai-compatible". Part of the answer cache's key. */
  readonly provider: string;
  /** Models that share a rate limit share this string: host and a fingerprint of the key. */
  readonly endpoint: string;
  /** Input and output together, in tokens; undefined where nobody knows. */
  readonly contextWindow: number | undefined;
  /** Most tokens of one reply; undefined where nobody knows. */
  readonly maxOutputTokens: number | undefined;
  readonly price: Price | undefined;
  /** True where replies carry hidden thinking that counts as output. */
  readonly reasoning: boolean;
  /** True where a JSON Schema in the request is enforced by the provider. */
  readonly structuredOutputs: boolean;
  /**
   * Sends one request. Contract: throws only ModelError, or the signal's reason once it fired; never retries;
   * settles promptly after the signal fired. With `onDelta` the reply is streamed and each piece of text handed
   * over as it comes; the returned reply is whole either way.
   */
  generate(request: ModelRequest, options: GenerateOptions): Promise<ModelReply>;
  /** Begins what the first call would wait for, without calling anybody. Contract: never throws, may be called again. */
  warm?(): void;
}

export interface GenerateOptions {
  readonly signal: AbortSignal;
  readonly onDelta?: (delta: ModelDelta) => void;
  readonly cache?: CacheHints;
}

/** For the provider's prompt cache. Hints change what a call costs, never what it answers, so no request holds them. */
export interface CacheHints {
  /** Requests with the same key share most of their beginning: a provider may send them to the same machine. */
  readonly key: string;
  /** Ends of beginnings that later requests will share, in order; at most four. */
  readonly breakpoints: readonly CacheBreakpoint[];
}

export interface CacheBreakpoint {
  /** Index of the last message of the beginning. */
  readonly after: number;
  readonly lifetime: "5m" | "1h";
}

export interface ModelDelta {
  readonly type: "text" | "reasoning";
  readonly text: string;
}

export interface ModelRequest {
  readonly messages: readonly Message[];
  readonly tools?: readonly ToolDefinition[];
  /** Ask for a JSON value of this schema. */
  readonly output?: { readonly schema: JsonObject; readonly name: string };
  readonly maxOutputTokens?: number;
  readonly temperature?: number;
  readonly reasoningEffort?: "minimal" | "low" | "medium" | "high";
  readonly passedOn?: PassedOn;
}

/** What another program asks of its provider and we only hand on, as far as the provider takes it. */
export interface PassedOn {
  readonly topP?: number;
  readonly topK?: number;
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  readonly seed?: number;
  readonly stopSequences?: readonly string[];
  readonly toolChoice?: "auto" | "none" | "required" | { readonly toolName: string };
  /** By the dialect whose they are, as they were written. */
  readonly others?: Readonly<Record<string, JsonObject>>;
}

export interface ToolDefinition {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: JsonObject;
}

export interface ModelReply {
  readonly content: readonly AssistantPart[];
  /** What the provider sent, to the letter, where the parts don't hold all of it. */
  readonly verbatim?: string;
  /** The text parts joined; empty where the model only called tools. */
  readonly text: string;
  readonly stopReason: "stop" | "length" | "tool-calls" | "refused" | "other";
  readonly usage: Usage;
  /** The cost in US dollars where the provider reports it itself. */
  readonly costUsd?: number;
  /** True where the provider gave no usage and the counts are ours. */
  readonly usageEstimated?: boolean;
}
