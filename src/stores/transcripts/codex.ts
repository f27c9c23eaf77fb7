/** Reads rollouts of Codex: one JSON object a line, each a response item or something about the session. */
import { z } from "zod";
import type { Json } from "../../core/json.ts";
import type { Message, UserPart } from "../../core/message.ts";
import { messagesOfLines, parsedOr, timeOf } from "./transcript.ts";
import type { TranscriptMessage } from "./transcript.ts";

/** Messages in the order of the file, which only ever grows: the number of a line is its name. */
export function codexMessages(
  lines: AsyncIterable<string> | Iterable<string>,
): AsyncIterable<TranscriptMessage> {
  const toolNames = new Map<string, string>();
  return messagesOfLines(lines, (value, line) => {
    const wrapped = lineSchema.safeParse(value);
    // Older files have the items bare.
    const item = itemSchema.safeParse(wrapped.success ? wrapped.data.payload : value);
    if (!item.success || (wrapped.success && wrapped.data.type !== "response_item")) return undefined;
    const message = messageOf(item.data, toolNames);
    const at = wrapped.success ? timeOf(wrapped.data.timestamp) : undefined;
    return message && { messages: [message], key: `line-${line}`, parent: undefined, at };
  });
}

const lineSchema = z.looseObject({
  type: z.string(),
  payload: z.unknown(),
  timestamp: z.string().optional(),
});
const json: z.ZodType<Json> = z.json();
const contentSchema = z.union([
  z.looseObject({ type: z.enum(["input_text", "output_text", "text"]), text: z.string() }),
  z.looseObject({ type: z.literal("input_image"), image_url: z.string() }),
  z.looseObject({ type: z.string() }).transform((other) => ({ type: "other" as const, other })),
]);
const itemSchema = z.union([
  z.looseObject({ type: z.literal("message"), role: z.string(), content: z.array(contentSchema) }),
  z.looseObject({
    type: z.literal("reasoning"),
    id: z.string().nullish(),
    summary: z.array(z.looseObject({ text: z.string() })).default([]),
    content: z.array(z.looseObject({ text: z.string() })).nullish(),
    encrypted_content: z.string().nullish(),
  }),
  z.looseObject({
    type: z.literal("function_call"),
    name: z.string(),
    arguments: z.string(),
    call_id: z.string(),
  }),
  z.looseObject({
    type: z.literal("custom_tool_call"),
    name: z.string(),
    input: z.string(),
    call_id: z.string(),
  }),
  z.looseObject({ type: z.literal("local_shell_call"), call_id: z.string().nullish(), action: json }),
  z.looseObject({
    type: z.enum(["function_call_output", "custom_tool_call_output"]),
    call_id: z.string(),
    output: json,
  }),
]);

function messageOf(item: z.infer<typeof itemSchema>, toolNames: Map<string, string>): Message | undefined {
  switch (item.type) {
    case "message":
      return said(item.role, item.content.map(partOf));
    case "reasoning": {
      const text = [...item.summary, ...(item.content ?? [])].map((piece) => piece.text).join("\n");
      const openai = {
        ...(item.id ? { itemId: item.id } : {}),
        ...(item.encrypted_content ? { reasoningEncryptedContent: item.encrypted_content } : {}),
      };
      return { role: "assistant", content: [{ type: "reasoning", text, opaque: { openai } }] };
    }
    case "function_call":
      return called(item.call_id, item.name, parsedOr(item.arguments), toolNames);
    case "custom_tool_call":
      return called(item.call_id, item.name, item.input, toolNames);
    case "local_shell_call":
      return called(item.call_id ?? "unknown", "local_shell", item.action, toolNames);
    case "function_call_output":
    case "custom_tool_call_output": {
      const toolName = toolNames.get(item.call_id) ?? "unknown";
      const result = {
        type: "tool-result",
        toolCallId: item.call_id,
        toolName,
        output: item.output,
      } as const;
      return { role: "tool", content: [result] };
    }
  }
}

function said(role: string, parts: readonly UserPart[]): Message {
  if (role === "assistant") return { role, content: parts };
  if (role === "user") return { role, content: parts };
  // "developer" and "system" are instructions; they have text only.
  const texts = parts.map((part) => (part.type === "text" ? part.text : JSON.stringify(part)));
  return { role: "system", content: texts.join("\n") };
}

function called(toolCallId: string, toolName: string, input: Json, toolNames: Map<string, string>): Message {
  toolNames.set(toolCallId, toolName);
  return { role: "assistant", content: [{ type: "tool-call", toolCallId, toolName, input }] };
}

function partOf(content: z.infer<typeof contentSchema>): UserPart {
  switch (content.type) {
    case "input_text":
    case "output_text":
    case "text":
      return { type: "text", text: content.text };
    case "input_image":
      return fileOf(content.image_url);
    case "other":
      return { type: "text", text: JSON.stringify(content.other) };
  }
}

/** From a data URL its bytes, from any other the address. */
export function fileOf(url: string): UserPart {
  const [, mediaType, data] = /^data:([^;,]+);base64,(.*)$/s.exec(url) ?? [];
  return { type: "file", mediaType: mediaType ?? "image/*", data: data ?? url };
}
