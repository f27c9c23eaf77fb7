/** Port: what is too large to read. It is described, searched and read in windows; nobody holds it whole. */
import type { JsonObject } from "./json.ts";

export interface Corpus {
  /** Equal for equal content: what a resumed run is checked against. */
  readonly fingerprint: string;
  readonly documents: readonly CorpusDocument[];
  /** All bytes, before decoding. */
  readonly bytes: number;
  describe(): CorpusDescription;
  /**
   * The bytes of a document exactly as they are in its source, for one that fits memory. `start` is that of the
   * document in `documents`: a slice may hold several stretches of one document.
   */
  load(documentId: string, start?: number): Promise<Uint8Array>;
  /** Code points [start, end) of a document, clamped to it. Bytes that are not UTF-8 come as lone surrogates U+DC80–DCFF. */
  read(documentId: string, start: number, end: number): Promise<string>;
  /** Length of a document in code points; counted on first use. `start` as in `load`. */
  characters(documentId: string, start?: number): Promise<number>;
  /** Every match of a regular expression, in document order, a page at a time. */
  grep(pattern: string, options: GrepOptions): Promise<GrepPage>;
  /** The passages that match a query best, best first. */
  search(query: string, options: SearchOptions): Promise<readonly RankedSpan[]>;
  /** Where a span lies, for a person: path, line, column and its text. Undefined where it lies in no document. */
  locate(span: Span): Promise<Location | undefined>;
  close(): Promise<void>;
}

export interface CorpusDocument {
  /** Stable within the corpus: "d1", "d2", … in order of path or of input. */
  readonly id: string;
  readonly path?: string;
  readonly title?: string;
  readonly metadata?: JsonObject;
  readonly bytes: number;
  /** Where this text begins in the document `id`, in code points: above 0 only for a slice handed to a child. */
  readonly start: number;
  /** Length in code points; undefined until it was counted. */
  readonly characters: number | undefined;
}

/** A stretch of a document in code points, end exclusive. Its id is `d3:120-180`. */
export interface Span {
  readonly documentId: string;
  readonly start: number;
  readonly end: number;
}

export interface RankedSpan extends Span {
  readonly text: string;
  readonly line: number;
  readonly score: number;
}

export interface GrepOptions {
  readonly signal: AbortSignal;
  /** @default false */
  readonly ignoreCase?: boolean;
  /** Match the pattern as plain text. @default false */
  readonly literal?: boolean;
  /** Only these documents. @default all */
  readonly documentIds?: readonly string[];
  /** Most matches of one page. @default 100 */
  readonly limit?: number;
  /** Matches to skip: the `next` of the page before. @default 0 */
  readonly offset?: number;
  /** Only count. @default false */
  readonly countOnly?: boolean;
  /**
   * Stop at so many matches: where `total` is as much, there may be more, and those of the page are not the first of all where there
   * are several documents. Above what is held at once, which is some thousands, all are counted. @default count all
   */
  readonly countTo?: number;
}

export interface GrepPage {
  readonly matches: readonly Match[];
  /** All matches in the corpus, however many are on this page; or `countTo`. */
  readonly total: number;
  /** Documents with at least one match. */
  readonly documents: number;
  /** Where the next page starts; undefined on the last. */
  readonly next: number | undefined;
}

export interface Match extends Span {
  readonly line: number;
  /** What matched. */
  readonly text: string;
  /** The line around it, cut to some hundred characters and centred on the match. */
  readonly lineText: string;
}

export interface SearchOptions {
  readonly signal: AbortSignal;
  /** @default 10 */
  readonly limit?: number;
  readonly documentIds?: readonly string[];
}

export interface Location {
  readonly span: Span;
  readonly path: string | undefined;
  readonly title: string | undefined;
  /** From 1. */
  readonly line: number;
  /** From 1, in code points. */
  readonly column: number;
  /** The page of the file that the text was taken from, from 1. Then `line` is one of that text, of no use in the file. */
  readonly page?: number;
  /** Where in its file it lies, where there are no pages: for instance "slide 4" or "§ Tides". */
  readonly place?: string;
  readonly text: string;
}

/** What the root LM is told of a corpus: labels and sizes, never its text. */
export interface CorpusDescription {
  /** For instance "1 Markdown file" or "214 files in 12 folders". */
  readonly kind: string;
  readonly documents: number;
  readonly bytes: number;
  /** Estimated where documents were not decoded yet. */
  readonly characters: number;
  readonly charactersExact: boolean;
  /** Estimated. */
  readonly tokens: number;
  /** True where `context` is one str, false where it is a list of them. */
  readonly single: boolean;
  /** One line each, for instance "361 headings (##)" or "CSV columns: start, end, name". */
  readonly structure: readonly string[];
  /** Inputs that were left out, with the reason. */
  readonly skipped: readonly SkippedInput[];
}

export interface SkippedInput {
  readonly path: string;
  readonly reason: string;
}

export function spanId(span: Span): string {
  return `${span.documentId}:${span.start}-${span.end}`;
}

const spanPattern = /^(d\d+):(\d+)-(\d+)$/;

/** Reads a span id; undefined where the text is none. */
export function parseSpanId(text: string): Span | undefined {
  const [, documentId, start, end] = spanPattern.exec(text) ?? [];
  if (documentId === undefined || start === undefined || end === undefined) return undefined;
  const span = { documentId, start: Number(start), end: Number(end) };
  return span.start <= span.end ? span : undefined;
}
