/**
 * A request to `ask/NAME` as a question over a corpus: what is large in the messages is a document, the last user's words are
 * the question. Pure.
 */
import type { DocumentInput } from "../core/context.ts";
import { ConfigError } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import { textOfMessage, type FilePart, type Message } from "../core/message.ts";
import type { ClientRequest } from "./dialect.ts";

export interface Asked {
  readonly query: string;
  readonly documents: readonly DocumentInput[];
}

/** In characters. Longer texts are not read but held. */
const largeText = 8_000;
/** Of a large text that may hold the question, so much from each end is part of it. */
const mostHead = 1_000;
const mostTail = 3_000;

/** Throws ConfigError "invalid_input" where nobody asks anything, or asks for what an answer can't have. */
export function askedOf({ messages, tools, settings }: ClientRequest): Asked {
  if (tools.length > 0)
    throw new ConfigError(
      "invalid_input",
      `"ask/" answers with code of its own and takes no tools (${tools.length} were sent). Leave them out, or use the model without "ask/".`,
    );
  const last = messages.findLastIndex(({ role }) => role === "user");
  const question = messages[last];
  if (question?.role !== "user")
    throw new ConfigError("invalid_input", "There is no message of a user, so nothing is asked.");
  const documents: DocumentInput[] = [];
  const said = messages.slice(0, last).flatMap((message, index) => before(message, index, documents));
  const asked = question.content.map((part) =>
    part.type === "text" ? short(part.text, `message ${last + 1}`, documents) : file(part, last, documents),
  );
  const told = said.join("\n\n");
  if (told.length > largeText) documents.push({ text: told, title: "the conversation so far" });
  const context = told === "" || told.length > largeText ? [] : [`Said before:\n${told}`];
  const query = [
    ...context,
    ...asked.filter((text) => text !== ""),
    ...(settings.output ? [formatOf(settings.output.schema)] : []),
  ];
  // A question over nothing but itself is still one: what was said is all there is to look into.
  if (documents.length === 0)
    documents.push({ text: [told, ...asked].join("\n\n"), title: "the conversation" });
  return { query: query.join("\n\n"), documents };
}

function before(message: Message, index: number, documents: DocumentInput[]): readonly string[] {
  const name = `message ${index + 1} (${message.role})`;
  if (message.role === "system") return [`Instructions: ${short(message.content, name, documents)}`];
  if (message.role === "user") {
    const parts = message.content.map((part) =>
      part.type === "text" ? short(part.text, name, documents) : file(part, index, documents),
    );
    return [`user: ${parts.join("\n")}`];
  }
  const text = textOfMessage({ ...message, content: message.content.filter(isSaid) } as Message);
  return [`${message.role}: ${short(text, name, documents)}`];
}

function isSaid({ type }: { readonly type: string }): boolean {
  return type !== "reasoning";
}

/** The text itself, or what stands at its ends, where questions stand, once it is a document. */
function short(text: string, title: string, documents: DocumentInput[]): string {
  if (text.length <= largeText) return text;
  documents.push({ text, title });
  const head = cutAfter(text.slice(0, mostHead));
  const tail = cutBefore(text.slice(-mostTail));
  const left = text.length - head.length - tail.length;
  return `${head}\n[… ${left.toLocaleString("en-US")} characters: document ${documents.length}, "${title}", in the context …]\n${tail}`.trim();
}

/** Whole paragraphs, or whole lines where those are long. */
function cutAfter(text: string): string {
  const end = Math.max(text.lastIndexOf("\n\n"), 0) || text.lastIndexOf("\n");
  return end < 0 ? text.toWellFormed() : text.slice(0, end);
}

function cutBefore(text: string): string {
  const paragraph = text.indexOf("\n\n");
  const start = paragraph >= 0 && text.length - paragraph > 20 ? paragraph : text.indexOf("\n");
  return start < 0 ? text.slice(-mostHead).toWellFormed() : text.slice(start).trimStart();
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
