/** What the fake provider needs to know of a vendor's wire format. Each dialect only covers what our adapters use. */
import type { Json } from "../../core/json.ts";

export interface Dialect {
  readonly name: "openai-chat" | "openai-responses" | "anthropic" | "google";
  /** The model's id and whether a stream is wanted, where the path and the body are this dialect's. */
  read(path: string, body: Record<string, unknown>): WireRequest;
  /** The body of a whole reply. */
  whole(reply: WireReply, model: string): unknown;
  /** The data of each server-sent event, with its event name where the dialect names them. */
  events(reply: WireReply, model: string): readonly WireEvent[];
  /** The body of a failure. */
  failure(status: number, message: string): unknown;
}

export interface WireRequest {
  readonly model: string;
  readonly stream: boolean;
  readonly messages: readonly WireMessage[];
}

export interface WireMessage {
  readonly role: string;
  /** All text of the message; tool calls and results as JSON. */
  readonly text: string;
}

export interface WireEvent {
  readonly event?: string;
  readonly data: unknown;
}

/** A reply with everything filled in. */
export interface WireReply {
  /** null is sent as a missing content. */
  readonly text: string | null;
  readonly reasoning: string | undefined;
  readonly toolCalls: readonly WireToolCall[];
  /** In OpenAI's words; other dialects translate. */
  readonly finishReason: "stop" | "length" | "tool_calls" | "content_filter";
  readonly usage: WireUsage | undefined;
  /** The pieces that a stream sends the text in. */
  readonly pieces: readonly string[];
}

export interface WireToolCall {
  readonly id: string;
  readonly name: string;
  readonly input: Json;
}

export interface WireUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cachedInputTokens?: number;
  readonly reasoningTokens?: number;
  /** In US dollars, as OpenRouter reports it. */
  readonly cost?: number;
}

/** The text of a message's content in any dialect: strings, parts with a text, or else the JSON of the part. */
export function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (content === null || content === undefined) return "";
  if (!Array.isArray(content)) return JSON.stringify(content);
  return content.map(textOfPart).join("\n");
}

function textOfPart(part: unknown): string {
  if (typeof part === "object" && part !== null && "text" in part && typeof part.text === "string")
    return part.text;
  return typeof part === "string" ? part : JSON.stringify(part);
}
