/**
 * A request to `ask/NAME` as a question over a corpus: what is large in the messages is a document, the last user's words are
 * the question. Pure.
 */
import type { DocumentInput } from "../core/context.ts";
import { ConfigError } from "../core/errors.ts";
import { grouped } from "../core/grouped.ts";
import type { JsonObject } from "../core/json.ts";
import { textOfMessage, type FilePart, type Message, type UserPart } from "../core/message.ts";
import type { ClientRequest } from "./dialect.ts";

export interface Asked {
  readonly query: string;
  readonly documents: readonly DocumentInput[];
}

/** Longer texts are not read but held. In characters: a twelfth of a window, as most languages are counted. */
function largestFor(window: number): number {
  return Math.min(8_000, Math.max(500, Math.floor(window / 3)));
}

/**
 * Instructions, what was said before and what is asked now take no more than a quarter of the window together.
 * Throws ConfigError "invalid_input" where nobody asks anything, or asks for what an answer can't have.
 */
export function askedOf({ messages, tools, settings }: ClientRequest, window = 32_768): Asked {
  if (tools.length > 0)
    throw new ConfigError(
      "invalid_input",
      `"ask/" answers with code of its own and takes no tools (${tools.length} were sent). Leave them out, or use the model without "ask/".`,
    );
  const last = messages.findLastIndex(({ role }) => role === "user");
  const question = messages[last];
  if (question?.role !== "user")
    throw new ConfigError("invalid_input", "There is no message of a user, so nothing is asked.");
  const holder = new Holder(largestFor(window));
  const instructions = messages.flatMap((message) => (message.role === "system" ? [message.content] : []));
  const told = messages.slice(0, last).flatMap((message, index) => before(message, index, holder));
  const asked = question.content.map((part) => shownPart(part, last, `message ${last + 1}`, holder));
  const query = [
    under("Instructions:", holder.short(instructions.join("\n\n"), "instructions")),
    under("Said before:", holder.short(told.join("\n\n"), "the conversation so far")),
    holder.short(asked.filter((text) => text !== "").join("\n\n"), `message ${last + 1}, in short`),
    settings.output ? formatOf(settings.output.schema) : "",
  ];
  // A question over nothing but itself is still one: what was said is all there is to look into.
  if (holder.documents.length === 0)
    holder.documents.push({ text: [...told, ...asked].join("\n\n"), title: "the conversation" });
  return { query: query.filter((text) => text !== "").join("\n\n"), documents: holder.documents };
}

function under(heading: string, text: string): string {
  return text === "" ? "" : `${heading}\n${text}`;
}

function before(message: Message, index: number, holder: Holder): readonly string[] {
  const name = `message ${index + 1} (${message.role})`;
  if (message.role === "system") return [];
  if (message.role === "user")
    return [`user: ${message.content.map((part) => shownPart(part, index, name, holder)).join("\n")}`];
  const text = textOfMessage({ ...message, content: message.content.filter(isSaid) } as Message);
  return [`${message.role}: ${holder.short(text, name)}`];
}

function shownPart(part: UserPart, index: number, name: string, holder: Holder): string {
  return part.type === "text" ? holder.short(part.text, name) : file(part, index, holder.documents);
}

function isSaid({ type }: { readonly type: string }): boolean {
  return type !== "reasoning";
}

class Holder {
  readonly documents: DocumentInput[] = [];
  readonly #largest: number;

  constructor(largest: number) {
    this.#largest = largest;
  }

  /** The text itself, or what stands at its ends, where questions stand, once it is a document. */
  short(text: string, title: string): string {
    if (text.length <= this.#largest) return text;
    this.documents.push({ text, title });
    const head = cutAfter(text.slice(0, this.#largest >> 3));
    const tail = cutBefore(text.slice(-((this.#largest * 3) >> 3)));
    const left = text.length - head.length - tail.length;
    return `${head}\n[… ${grouped(left)} characters: document ${this.documents.length}, "${title}", in the context …]\n${tail}`.trim();
  }
}

/** Whole paragraphs, or whole lines where those are long. */
function cutAfter(text: string): string {
  const end = Math.max(text.lastIndexOf("\n\n"), 0) || text.lastIndexOf("\n");
  return end < 0 ? text.toWellFormed() : text.slice(0, end);
}

function cutBefore(text: string): string {
  const paragraph = text.indexOf("\n\n");
  const start = paragraph >= 0 && text.length - paragraph > 20 ? paragraph : text.indexOf("\n");
  return start < 0 ? text.toWellFormed() : text.slice(start).trimStart();
}

function file(part: FilePart, index: number, documents: DocumentInput[]): string {
  const { mediaType, data, filename } = part;
  if (/^[a-z][a-z0-9+.-]*:/i.test(data))
    throw new ConfigError(
      "invalid_input",
      `The file "${data.slice(0, 100)}" is only named. Send its bytes in the message.`,
    );
  if (mediaType.startsWith("image/") || mediaType.startsWith("audio/"))
    throw new ConfigError("invalid_input", `"ask/" reads texts and documents; ${mediaType} is neither.`);
  const title = filename ?? `file of message ${index + 1}`;
  documents.push({
    text: Buffer.from(data, "base64"),
    title,
    ...(filename !== undefined && { path: filename }),
  });
  return `[document ${documents.length}: "${title}", in the context]`;
}

function formatOf(schema: JsonObject): string {
  return `Answer with one JSON value and nothing else, with no citations. It must satisfy this JSON Schema:\n${JSON.stringify(schema)}`;
}
