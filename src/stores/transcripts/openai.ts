/** Reads lists of messages as OpenAI's chat API takes them: a JSON array, an object with `messages`, or one a line. */
import { z } from "zod";
import { ConfigError, messageOf as textOfError } from "../../core/errors.ts";
import type { Json } from "../../core/json.ts";
import type { AssistantPart, Message, UserPart } from "../../core/message.ts";
import { fileOf } from "./codex.ts";
import { messagesOfLines, parsedOr } from "./transcript.ts";
import type { TranscriptMessage } from "./transcript.ts";

/** Messages by their place in the list. Throws ConfigError "invalid_input" where the text is no such list. */
export function openAiMessages(text: string): AsyncIterable<TranscriptMessage> {
  const toolNames = new Map<string, string>();
  return messagesOfLines(linesOf(text), (value, line) => {
    const parsed = messageSchema.safeParse(value);
    if (!parsed.success) return undefined;
    const messages = [messageOf(parsed.data, toolNames)];
    return { messages, key: `message-${line}`, parent: undefined, at: undefined };
  });
}

/** Messages of a list one by one: as they are written where that can be told, else as JSON. */
function linesOf(text: string): readonly string[] {
  const start = text.trimStart()[0];
  if (start !== "[" && !(start === "{" && isWhole(text)))
    return text.split("\n").filter((line) => line.trim() !== "");
  const parsed = listSchema.safeParse(jsonOf(text));
  if (!parsed.success) {
    throw new ConfigError(
      "invalid_input",
      'Expected a list of messages: a JSON array, an object with "messages", or one message a line.',
    );
  }
  const list = "messages" in parsed.data ? parsed.data.messages : parsed.data;
  return list.map((message) => JSON.stringify(message));
}

function isWhole(text: string): boolean {
  return listSchema.safeParse(attempt(text)).success;
}

function attempt(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // One message a line then.
    return undefined;
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ConfigError("invalid_input", `The list of messages is no JSON: ${textOfError(error)}.`, {
      cause: error,
    });
  }
}

const json: z.ZodType<Json> = z.json();
const listSchema = z.union([z.array(json), z.looseObject({ messages: z.array(json) })]);
const partSchema = z.union([
  z.looseObject({ type: z.literal("text"), text: z.string() }),
  z.looseObject({ type: z.literal("refusal"), refusal: z.string() }),
  z.looseObject({ type: z.literal("image_url"), image_url: z.looseObject({ url: z.string() }) }),
  z.looseObject({ type: z.string() }).transform((other) => ({ type: "other" as const, other })),
]);
const messageSchema = z.looseObject({
  role: z.enum(["system", "developer", "user", "assistant", "tool", "function"]),
  content: z.union([z.string(), z.array(partSchema)]).nullish(),
  name: z.string().optional(),
  refusal: z.string().nullish(),
  reasoning_content: z.string().nullish(),
  tool_calls: z
    .array(
      z.looseObject({
        id: z.string(),
        function: z.looseObject({ name: z.string(), arguments: z.string() }),
      }),
    )
    .nullish(),
  tool_call_id: z.string().optional(),
});
type ChatMessage = z.infer<typeof messageSchema>;

function messageOf(message: ChatMessage, toolNames: Map<string, string>): Message {
  const parts = partsOf(message.content ?? "");
  switch (message.role) {
    case "user":
      return { role: "user", content: parts };
    case "assistant":
      return { role: "assistant", content: assistantParts(message, parts, toolNames) };
    case "tool":
    case "function": {
      const toolCallId = message.tool_call_id ?? message.name ?? "unknown";
      const toolName = toolNames.get(toolCallId) ?? message.name ?? "unknown";
      return {
        role: "tool",
        content: [{ type: "tool-result", toolCallId, toolName, output: textOf(parts) }],
      };
    }
    case "system":
    case "developer":
      return { role: "system", content: textOf(parts) };
  }
}

function assistantParts(
  { refusal, reasoning_content: reasoning, tool_calls: calls }: ChatMessage,
  parts: readonly UserPart[],
  toolNames: Map<string, string>,
): AssistantPart[] {
  const thought: AssistantPart[] = reasoning ? [{ type: "reasoning", text: reasoning }] : [];
  const refused: AssistantPart[] = refusal ? [{ type: "text", text: refusal }] : [];
  const called = (calls ?? []).map(({ id, function: { name, arguments: input } }): AssistantPart => {
    toolNames.set(id, name);
    return { type: "tool-call", toolCallId: id, toolName: name, input: parsedOr(input) };
  });
  return [...thought, ...parts, ...refused, ...called];
}

function partsOf(content: string | readonly z.infer<typeof partSchema>[]): UserPart[] {
  if (typeof content === "string") return content === "" ? [] : [{ type: "text", text: content }];
  return content.map((part): UserPart => {
    switch (part.type) {
      case "text":
        return { type: "text", text: part.text };
      case "refusal":
        return { type: "text", text: part.refusal };
      case "image_url":
        return fileOf(part.image_url.url);
      case "other":
        return { type: "text", text: JSON.stringify(part.other) };
    }
  });
}

function textOf(parts: readonly UserPart[]): string {
  return parts.map((part) => (part.type === "text" ? part.text : JSON.stringify(part))).join("\n");
}
