/** What models are sent and answer with. Provider-opaque data is kept verbatim beside the parts, never inside. */
import type { Json, JsonObject } from "./json.ts";

export type Message =
  | { readonly role: "system"; readonly content: string; readonly opaque?: JsonObject }
  | { readonly role: "user"; readonly content: readonly UserPart[]; readonly opaque?: JsonObject }
  | { readonly role: "assistant"; readonly content: readonly AssistantPart[]; readonly opaque?: JsonObject }
  | { readonly role: "tool"; readonly content: readonly ToolResultPart[]; readonly opaque?: JsonObject };

export interface TextPart {
  readonly type: "text";
  readonly text: string;
}
/** An image or another file, as base64 bytes or a URL the provider fetches. */
export interface FilePart {
  readonly type: "file";
  readonly mediaType: string;
  readonly data: string;
  readonly filename?: string;
}
export interface ReasoningPart {
  readonly type: "reasoning";
  readonly text: string;
  readonly opaque?: JsonObject;
}
export interface ToolCallPart {
  readonly type: "tool-call";
  readonly toolCallId: string;
  readonly toolName: string;
  readonly input: Json;
  /** What the provider wants back with the call, for instance a thought signature. */
  readonly opaque?: JsonObject;
}
export interface ToolResultPart {
  readonly type: "tool-result";
  readonly toolCallId: string;
  readonly toolName: string;
  readonly output: Json;
  readonly isError?: boolean;
}
export type UserPart = TextPart | FilePart;
export type AssistantPart = TextPart | ReasoningPart | ToolCallPart | FilePart;

export function system(content: string): Message {
  return { role: "system", content };
}
export function user(text: string): Message {
  return { role: "user", content: [{ type: "text", text }] };
}
export function assistant(text: string): Message {
  return { role: "assistant", content: [{ type: "text", text }] };
}

/** All text of a message, tool calls and results as JSON: what token estimates and logs go by. */
export function textOfMessage(message: Message): string {
  if (message.role === "system") return message.content;
  return message.content.map(textOfPart).join("\n");
}

function textOfPart(part: UserPart | AssistantPart | ToolResultPart): string {
  switch (part.type) {
    case "text":
    case "reasoning":
      return part.text;
    case "file":
      return `[${part.mediaType}]`;
    case "tool-call":
      return `${part.toolName}(${JSON.stringify(part.input)})`;
    case "tool-result":
      return typeof part.output === "string" ? part.output : JSON.stringify(part.output);
  }
}
