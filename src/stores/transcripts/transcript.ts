/** What transcripts of other programs are read into, and the one pass over their lines that all formats share. */
import type { NewMessage } from "../../core/conversation.ts";
import type { Json } from "../../core/json.ts";
import type { Message } from "../../core/message.ts";

/** A message of a transcript. Its key is stable: reading the transcript again, or further, gives the same one. */
export interface TranscriptMessage extends NewMessage {
  readonly key: string;
  /** The message that it follows; undefined for the first. */
  readonly parentKey: string | undefined;
}

/** What one line says: any number of messages, with the names by which later lines refer to it. */
export interface ReadLine {
  readonly messages: readonly Message[];
  readonly key: string;
  /** Undefined where it follows the message before it. */
  readonly parent: string | undefined;
  readonly at: number | undefined;
}

/**
 * Keeps every line: those that say no message, such as settings and progress, stand before the next message's own line in
 * its `verbatim`. All verbatim texts together are the transcript, up to its last message. Text that can't be read, for
 * instance a line that is being written, is such a line as well.
 * @param readLine gives undefined for a line without a message
 */
export async function* messagesOfLines(
  lines: AsyncIterable<string> | Iterable<string>,
  readLine: (value: unknown, line: number) => ReadLine | undefined,
): AsyncIterable<TranscriptMessage> {
  let pending: string[] = [];
  let previous: string | undefined;
  let number = 0;
  const lastKeys = new Map<string, string>();
  for await (const line of lines) {
    pending.push(line);
    const read = readLine(jsonOf(line), ++number);
    if (!read || read.messages.length === 0) {
      // Others may follow it: they follow what it follows.
      if (read?.parent !== undefined) lastKeys.set(read.key, lastKeys.get(read.parent) ?? read.parent);
      continue;
    }
    const verbatim = pending.join("\n");
    pending = [];
    let parentKey = read.parent === undefined ? previous : (lastKeys.get(read.parent) ?? previous);
    for (const [index, message] of read.messages.entries()) {
      const key = index === 0 ? read.key : `${read.key}#${index + 1}`;
      const at = read.at === undefined ? {} : { at: read.at };
      yield { message, key, parentKey, ...(index === 0 ? { verbatim } : {}), ...at };
      parentKey = key;
    }
    lastKeys.set(read.key, parentKey ?? read.key);
    previous = parentKey;
  }
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // Kept as it is, with the next message.
    return undefined;
  }
}

/** JSON within a string, as tools' arguments come; the string itself where it is none. */
export function parsedOr(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    // Models write broken JSON at times; the text is what they wrote.
    return text;
  }
}

export function timeOf(text: string | undefined): number | undefined {
  const time = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}
