/** Reads the prompt of an AI SDK call as messages to be kept. What our form has no room for is kept to the letter beside it. */
import type {
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4ReasoningPart,
  LanguageModelV4ToolResultPart,
  SharedV4ProviderOptions,
} from "@ai-sdk/provider";
import { isDeepStrictEqual } from "node:util";
import { canonicalJson, type Json, type JsonObject } from "../core/json.ts";
import type { AssistantPart, Message, ToolResultPart, UserPart } from "../core/message.ts";
import type { MessageInput } from "../engine/index.ts";
import { toPrompt } from "../models/call-options.ts";
import { splitThinking } from "../models/think-tags.ts";

/** One for each message of the prompt, in order. */
export function clientMessages(prompt: LanguageModelV4Prompt): readonly MessageInput[] {
  return prompt.map((sent): MessageInput => {
    const message = toMessage(sent);
    const [back] = toPrompt([message]);
    // Undefined members are none: what is compared is what would be sent.
    const isWhole = isDeepStrictEqual(toJsonValue(back), toJsonValue(sent));
    return isWhole ? message : { ...message, verbatim: canonicalJson(toJsonValue(sent)) };
  });
}

export function toMessage(sent: LanguageModelV4Message): Message {
  const opaque = sent.providerOptions && { opaque: toJson(sent.providerOptions) };
  switch (sent.role) {
    case "system":
      return { role: "system", content: sent.content, ...opaque };
    case "user":
      return { role: "user", content: sent.content.map(userPart), ...opaque };
    case "assistant":
      return { role: "assistant", content: sent.content.flatMap(assistantParts), ...opaque };
    case "tool":
      return { role: "tool", content: sent.content.flatMap(resultParts), ...opaque };
  }
}

type UserContent = Extract<LanguageModelV4Message, { role: "user" }>["content"][number];
type AssistantContent = Extract<LanguageModelV4Message, { role: "assistant" }>["content"][number];
type ToolContent = Extract<LanguageModelV4Message, { role: "tool" }>["content"][number];

function userPart(part: UserContent): UserPart {
  return part.type === "text" ? { type: "text", text: part.text } : filePart(part);
}

/** What a provider did by itself is no part of the conversation; replies are kept the same way. */
function assistantParts(part: AssistantContent, index: number): readonly AssistantPart[] {
  switch (part.type) {
    case "text":
      return index === 0 ? splitThinking(part.text) : [{ type: "text", text: part.text }];
    case "reasoning":
      return [{ type: "reasoning", text: part.text, ...opaqueOf(part) }];
    case "file":
      return [filePart(part)];
    case "tool-call": {
      const { toolCallId, toolName, input, providerExecuted } = part;
      if (providerExecuted === true) return [];
      return [{ type: "tool-call", toolCallId, toolName, input: toJsonValue(input), ...opaqueOf(part) }];
    }
    case "custom":
    case "reasoning-file":
    case "tool-result":
      return [];
  }
}

function resultParts(part: ToolContent): readonly ToolResultPart[] {
  if (part.type !== "tool-result") return [];
  const { toolCallId, toolName, output } = part;
  return [{ type: "tool-result", toolCallId, toolName, ...outputOf(output) }];
}

function outputOf(
  output: LanguageModelV4ToolResultPart["output"],
): Pick<ToolResultPart, "output" | "isError"> {
  switch (output.type) {
    case "text":
      return { output: output.value };
    case "json":
      return { output: toJsonValue(output.value) };
    case "error-text":
      return { output: output.value, isError: true };
    case "error-json":
      return { output: toJsonValue(output.value), isError: true };
    case "execution-denied":
      return { output: `[denied] ${output.reason ?? ""}`.trimEnd(), isError: true };
    case "content":
      return { output: toJsonValue(output.value) };
  }
}

function filePart({ data, mediaType, filename }: LanguageModelV4FilePart): UserPart & AssistantPart {
  return { type: "file", mediaType, data: dataOf(data), ...(filename !== undefined && { filename }) };
}

function dataOf(data: LanguageModelV4FilePart["data"]): string {
  switch (data.type) {
    case "data":
      return typeof data.data === "string" ? data.data : Buffer.from(data.data).toString("base64");
    case "url":
      return data.url.toString();
    case "text":
      return Buffer.from(data.text).toString("base64");
    case "reference":
      return `reference:${canonicalJson(data.reference)}`;
  }
}

function opaqueOf(part: Pick<LanguageModelV4ReasoningPart, "providerOptions">): { opaque?: JsonObject } {
  return part.providerOptions ? { opaque: toJson(part.providerOptions) } : {};
}

/** As JSON has it: bytes as base64, no undefined members. */
function toJsonValue(value: unknown): Json {
  const text = JSON.stringify(
    value,
    function (this: Readonly<Record<string, unknown>>, key, member: unknown) {
      // Not the member: by now a Buffer has said itself as a list of numbers.
      const bytes = this[key];
      return bytes instanceof Uint8Array ? Buffer.from(bytes).toString("base64") : member;
    },
  );
  // What JSON has no word for, such as undefined, is nothing.
  const parsed: Json = text === undefined ? null : JSON.parse(text);
  return parsed;
}

function toJson(options: SharedV4ProviderOptions): JsonObject {
  const parsed: JsonObject = JSON.parse(JSON.stringify(options));
  return parsed;
}
