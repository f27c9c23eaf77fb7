/** How many tokens messages and tools take in a request, by estimate. It knows no model: callers apply its calibration. */
import { isPlainObject } from "../core/json.ts";
import { textOfMessage, type FilePart, type Message } from "../core/message.ts";
import type { ToolDefinition } from "../core/model.ts";
import { estimateTokens } from "../core/tokens.ts";

/** What every request takes besides its messages; the same that the door reserves. */
export const requestOverhead = 8;

/** A message as the door counts it, and what the door can't see: files, and data that only the provider reads. */
export function messageTokens(message: Message): number {
  const base = 4 + estimateTokens(textOfMessage(message));
  if (message.role === "system" || message.role === "tool") return base;
  let more = 0;
  for (const part of message.content) {
    if (part.type === "file") more += fileTokens(part);
    else if (part.type === "reasoning" && isPlainObject(part.opaque))
      more += Math.ceil(JSON.stringify(part.opaque).length / opaqueCharactersPerToken);
  }
  return base + more;
}

export function toolTokens(tools: readonly ToolDefinition[]): number {
  return tools.length === 0 ? 0 : estimateTokens(JSON.stringify(tools));
}

/** The text of a file part that holds text; undefined for pictures and the like, and for URLs. */
export function textOfFile(part: FilePart): string | undefined {
  if (!isTextual(part.mediaType) || /^https?:\/\//.test(part.data)) return undefined;
  return Buffer.from(part.data, "base64").toString("utf8");
}

function fileTokens(part: FilePart): number {
  if (/^https?:\/\//.test(part.data) || part.mediaType.startsWith("image/")) return mostImageTokens;
  const bytes = Math.floor((part.data.length * 3) / 4);
  if (isTextual(part.mediaType)) return Math.ceil(bytes / 3);
  return Math.max(mostImageTokens, Math.ceil(bytes / documentBytesPerToken));
}

function isTextual(mediaType: string): boolean {
  return /^text\/|json|xml|yaml|csv|javascript|typescript|x-sh|sql|toml/i.test(mediaType);
}

// The dearest of the large vendors takes about this much for one picture, whatever its size.
const mostImageTokens = 1_600;
// A page of a PDF is some 50 kB and, with its picture, up to 3,000 tokens.
const documentBytesPerToken = 16;
// Signatures and encrypted thinking are base64: longer than what they stand for.
const opaqueCharactersPerToken = 6;
