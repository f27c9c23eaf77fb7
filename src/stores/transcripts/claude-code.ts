/** Reads transcripts of Claude Code: one JSON object a line, linked by `uuid` and `parentUuid`. */
import { z } from "zod";
import type { Json } from "../../core/json.ts";
import type { AssistantPart, Message, ToolResultPart, UserPart } from "../../core/message.ts";
import { messagesOfLines, timeOf } from "./transcript.ts";
import type { ReadLine, TranscriptMessage } from "./transcript.ts";

/**
 * Messages of the main thread, in the order of the file. A turn that was taken again follows the same parent as the
 * first try; what sub-agents said ("sidechains") is kept with the next message's verbatim text only.
 */
export function claudeCodeMessages(
  lines: AsyncIterable<string> | Iterable<string>,
): AsyncIterable<TranscriptMessage> {
  const toolNames = new Map<string, string>();
  return messagesOfLines(lines, (value) => {
    const parsed = lineSchema.safeParse(value);
    if (!parsed.success || parsed.data.isSidechain === true) return undefined;
    const { uuid, parentUuid, timestamp, message } = parsed.data;
    const parent = parentUuid ?? undefined;
    const read = message === undefined ? [] : messagesOf(message, toolNames);
    return { messages: read, key: uuid, parent, at: timeOf(timestamp) } satisfies ReadLine;
  });
}

const json: z.ZodType<Json> = z.json();
const textBlock = z.looseObject({ type: z.literal("text"), text: z.string() });
const imageBlock = z.looseObject({
  type: z.enum(["image", "document"]),
  source: z.union([
    z.looseObject({ type: z.literal("base64"), media_type: z.string(), data: z.string() }),
    z.looseObject({ type: z.literal("url"), url: z.string() }),
  ]),
});
const block = z.union([
  textBlock,
  imageBlock,
  z.looseObject({ type: z.literal("thinking"), thinking: z.string(), signature: z.string().optional() }),
  z.looseObject({ type: z.literal("redacted_thinking"), data: z.string() }),
  z.looseObject({ type: z.literal("tool_use"), id: z.string(), name: z.string(), input: json }),
  z.looseObject({
    type: z.literal("tool_result"),
    tool_use_id: z.string(),
    content: json.optional(),
    is_error: z.boolean().optional(),
  }),
  // Blocks that are newer than this reader: they stay as text.
  z.looseObject({ type: z.string() }).transform((other) => ({ type: "other" as const, other })),
]);
type Block = z.infer<typeof block>;
const messageSchema = z.looseObject({
  role: z.enum(["user", "assistant"]),
  content: z.union([z.string(), z.array(block)]),
});
const lineSchema = z.looseObject({
  uuid: z.string(),
  parentUuid: z.string().nullish(),
  timestamp: z.string().optional(),
  isSidechain: z.boolean().optional(),
  message: messageSchema.optional(),
});

function messagesOf(
  { role, content }: z.infer<typeof messageSchema>,
  toolNames: Map<string, string>,
): Message[] {
  const blocks: readonly Block[] = typeof content === "string" ? [{ type: "text", text: content }] : content;
  if (role === "assistant") {
    for (const one of blocks) if (one.type === "tool_use") toolNames.set(one.id, one.name);
    return [{ role, content: blocks.map(assistantPart) }];
  }
  const results = blocks.filter((one) => one.type === "tool_result");
  const said = blocks.filter((one) => one.type !== "tool_result");
  const answered: Message = { role: "tool", content: results.map((one) => resultPart(one, toolNames)) };
  const asked: Message = { role: "user", content: said.map(userPart) };
  if (results.length === 0) return [asked];
  return said.length === 0 ? [answered] : [answered, asked];
}

function assistantPart(one: Block): AssistantPart {
  switch (one.type) {
    case "thinking":
      return {
        type: "reasoning",
        text: one.thinking,
        ...(one.signature === undefined ? {} : { opaque: { anthropic: { signature: one.signature } } }),
      };
    case "redacted_thinking":
      return { type: "reasoning", text: "", opaque: { anthropic: { redactedData: one.data } } };
    case "tool_use":
      return { type: "tool-call", toolCallId: one.id, toolName: one.name, input: one.input };
    default:
      return userPart(one);
  }
}

function userPart(one: Block): UserPart {
  switch (one.type) {
    case "text":
      return { type: "text", text: one.text };
    case "image":
    case "document": {
      const { source } = one;
      if (source.type === "url") return { type: "file", mediaType: `${one.type}/*`, data: source.url };
      return { type: "file", mediaType: source.media_type, data: source.data };
    }
    default:
      return { type: "text", text: JSON.stringify(one.type === "other" ? one.other : one) };
  }
}

function resultPart(
  { tool_use_id, content, is_error }: Extract<Block, { type: "tool_result" }>,
  toolNames: ReadonlyMap<string, string>,
): ToolResultPart {
  return {
    type: "tool-result",
    toolCallId: tool_use_id,
    toolName: toolNames.get(tool_use_id) ?? "unknown",
    output: plainText(content ?? "") ?? content ?? "",
    ...(is_error === true ? { isError: true } : {}),
  };
}

/** The text of a result that is text only. */
function plainText(content: Json): string | undefined {
  if (typeof content === "string") return content;
  const texts = z.array(z.strictObject({ type: z.literal("text"), text: z.string() })).safeParse(content);
  return texts.success ? texts.data.map(({ text }) => text).join("\n") : undefined;
}
