/** How a message is shown: as it is, but for files and results of tools too large to be shown, which become handles. Pure. */
import type { StoredMessage } from "../core/conversation.ts";
import { grouped } from "../core/grouped.ts";
import { isPlainObject } from "../core/json.ts";
import type { Message, ToolResultPart, UserPart } from "../core/message.ts";
import { estimateTokens } from "../core/tokens.ts";
import { explore } from "./explore.ts";
import { messageTokens, textOfFile } from "./measure.ts";

/**
 * The message itself, the same object, where nothing in it is large. What is shown depends on the stored message and on
 * `large` alone.
 */
export function shownMessage(stored: StoredMessage, large: number): Message {
  const { message } = stored;
  if (message.role === "user") {
    const content = message.content.map((part, index) => shownUserPart(part, index, stored, large));
    return content.every((part, index) => part === message.content[index])
      ? message
      : { ...message, content };
  }
  if (message.role === "tool") {
    const content = message.content.map((part, index) => shownResult(part, index, stored, large));
    return content.every((part, index) => part === message.content[index])
      ? message
      : { ...message, content };
  }
  return message;
}

/** Whether a message is shown otherwise than it was said, so that looking it up must be possible. */
export function hasHandle(stored: StoredMessage, large: number): boolean {
  return shownMessage(stored, large) !== stored.message;
}

/** The text of a part that may be large; undefined where the part is something else. */
export function largeText(part: UserPart | ToolResultPart): string | undefined {
  if (part.type === "file") return textOfFile(part);
  if (part.type === "tool-result")
    return typeof part.output === "string" ? part.output : JSON.stringify(part.output);
  return undefined;
}

/** Key of a message's metadata under which explorations that a model wrote are kept, by index of the part. */
export const explorationsKey = "explorations";

function shownUserPart(part: UserPart, index: number, stored: StoredMessage, large: number): UserPart {
  if (part.type !== "file") return part;
  const text = largeText(part);
  if (text === undefined) {
    if (messageTokens({ role: "user", content: [part] }) <= large) return part;
    const size = grouped(Math.ceil((part.data.length * 3) / 4));
    return {
      type: "text",
      text: `[${nameOf(part)}, ${part.mediaType}, ${size} bytes: too large to be shown. ${kept(stored, index)}]`,
    };
  }
  if (isSmall(text, large)) return part;
  return { type: "text", text: handle(nameOf(part), text, part, index, stored) };
}

function shownResult(
  part: ToolResultPart,
  index: number,
  stored: StoredMessage,
  large: number,
): ToolResultPart {
  const text = largeText(part) ?? "";
  return isSmall(text, large)
    ? part
    : { ...part, output: handle(`Result of ${part.toolName}`, text, {}, index, stored) };
}

function isSmall(text: string, large: number): boolean {
  // No text has more tokens than bytes.
  return text.length * 3 <= large || estimateTokens(text) <= large;
}

function handle(
  what: string,
  text: string,
  facts: { readonly filename?: string; readonly mediaType?: string },
  index: number,
  stored: StoredMessage,
): string {
  const written = writtenExploration(stored, index);
  const explored = explore(text, { name: facts.filename, mediaType: facts.mediaType });
  const more = written === undefined ? "" : `\n${written}`;
  return `[${what}: too large to be shown. ${kept(stored, index)}]\n${explored.text}${more}`;
}

function kept({ position }: StoredMessage, index: number): string {
  return `It is kept whole as part ${index + 1} of message ${position}: have it read with recall_ask (in: "${position}"), or search it with recall_grep.`;
}

function nameOf(part: { readonly filename?: string }): string {
  return part.filename === undefined ? "File" : `File ${part.filename}`;
}

function writtenExploration({ metadata }: StoredMessage, index: number): string | undefined {
  const all = metadata?.[explorationsKey];
  const text = isPlainObject(all) ? all[String(index)] : undefined;
  return typeof text === "string" ? text : undefined;
}
