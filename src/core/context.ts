/** What a caller may pass as context. Text is text: a plain string is never taken for a path. */
import type { JsonObject } from "./json.ts";

/** One part, which is one text (or what its paths hold), or several, which are a list of texts even if only one. */
export type ContextInput = ContextPart | readonly ContextPart[];

export type ContextPart = string | DocumentInput | PathsInput | StreamInput | TextStream;

/** A text with labels. `id` and `metadata` are shown to the model as they are; spans cite the corpus's own ids. */
export interface DocumentInput {
  readonly text: string | Uint8Array;
  readonly id?: string;
  /** A label: nothing is read from it. */
  readonly path?: string;
  readonly title?: string;
  readonly metadata?: JsonObject;
}

/** Files, directories (with all below them) and globs. */
export interface PathsInput {
  readonly paths: readonly string[];
}

/** A stream with labels. */
export interface StreamInput {
  readonly stream: TextStream;
  readonly path?: string;
  readonly title?: string;
  readonly metadata?: JsonObject;
}

/** For instance process.stdin, a fetched body or an async generator. It is read once, to its end. */
export type TextStream = AsyncIterable<string | Uint8Array>;

export function isTextStream(part: object): part is TextStream {
  return Symbol.asyncIterator in part;
}
