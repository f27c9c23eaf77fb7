/** Messages as a person reads them, and as a program does. Pure. */
import type { StoredMessage } from "../core/conversation.ts";
import type { SearchHit, SearchPage } from "../core/conversation-store.ts";
import { grouped } from "../core/grouped.ts";
import type { Json } from "../core/json.ts";
import type { FilePart, Message } from "../core/message.ts";
import { oneLine } from "./show-context.ts";

/** @returns lines that end in a line break. Of a file its name and size. */
export function showMessage({ position, message, at }: StoredMessage): string {
  return `[${position}] ${message.role}  ${when(at)}\n${textOf(message, nameOfFile)}\n`;
}

/** The same with the text of files, where they have one. */
export function showWholeMessage({ position, message, at }: StoredMessage): string {
  return `[${position}] ${message.role}  ${when(at)}\n${textOf(message, wholeFile)}\n`;
}

export function messageJson(stored: StoredMessage): object {
  const { id, position, at, tokens, key, metadata, erased, message } = stored;
  return {
    ...{ id, position, at: new Date(at).toISOString(), tokens },
    ...(key !== undefined && { key }),
    ...(metadata && { metadata }),
    ...(erased && { erased }),
    ...message,
  };
}

/** @param withName where hits are from several conversations */
export function showHits({ hits, searched }: SearchPage, wanted: string, withName: boolean): string {
  if (hits.length === 0)
    return `Not found: "${wanted}". Searched ${counted(searched.messages, "message")}.\n`;
  return hits.map((hit) => `${lineOf(hit, withName)}\n`).join("");
}

export function hitJson({ snippets, at, ...hit }: SearchHit): object {
  return { ...hit, at: new Date(at).toISOString(), snippets: snippets.map(({ text }) => text) };
}

/** "1 message", "2 messages". */
export function counted(n: number, thing: string): string {
  return `${grouped(n)} ${thing}${n === 1 ? "" : "s"}`;
}

export function when(at: number): string {
  return new Date(at).toISOString().slice(0, 16).replace("T", " ");
}

function lineOf({ conversationId, branch, position, role, snippets }: SearchHit, withName: boolean): string {
  const where = withName ? `${conversationId}${branch === "main" ? "" : ` (${branch})`} ` : "";
  const text = snippets
    .slice(0, 2)
    .map((snippet) => oneLine(snippet.text, 120))
    .join(" … ");
  return `${where}[${position}] ${role}: ${text}`;
}

function textOf(message: Message, fileText: (part: FilePart) => string): string {
  if (message.role === "system") return message.content;
  const texts = message.content.map((part) => {
    switch (part.type) {
      case "text":
        return part.text;
      case "reasoning":
        return `(thinks) ${part.text}`;
      case "file":
        return fileText(part);
      case "tool-call":
        return `(calls ${part.toolName} ${JSON.stringify(part.input)})`;
      case "tool-result":
        return `(result of ${part.toolName}) ${plain(part.output)}`;
    }
  });
  return texts.join("\n");
}

function nameOfFile({ filename, mediaType, data }: FilePart): string {
  const name = filename === undefined ? "" : ` ${filename}`;
  // An address has no size that is known here.
  const size = isAddress(data) ? data : `${grouped(Buffer.byteLength(data, "base64"))} bytes`;
  return `(file${name}, ${mediaType}, ${size})`;
}

function wholeFile(part: FilePart): string {
  const hasText = part.mediaType.startsWith("text/") && !isAddress(part.data);
  const text = hasText ? `\n${Buffer.from(part.data, "base64").toString("utf8")}` : "";
  return `${nameOfFile(part)}${text}`;
}

function isAddress(data: string): boolean {
  return /^https?:\/\//.test(data);
}

function plain(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
