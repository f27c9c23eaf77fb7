/** The one Corpus there is: parts of texts that lie in files, whether they came from files or not. */
import type {
  Corpus,
  CorpusDescription,
  CorpusDocument,
  GrepOptions,
  GrepPage,
  Location,
  RankedSpan,
  SearchOptions,
  SkippedInput,
  Span,
} from "../core/corpus.ts";
import { ConfigError } from "../core/errors.ts";
import { describeParts } from "./describe.ts";
import { grepParts } from "./grep.ts";
import { countPart } from "./part.ts";
import type { Part } from "./part.ts";
import { placeAt } from "./places.ts";
import { ScanPlanner } from "./scan-plan.ts";
import { PassageSearch } from "./search.ts";
import type { Spool } from "./spool.ts";

export interface FileCorpusContent {
  readonly parts: readonly Part[];
  readonly fingerprint: string;
  /** Whether the corpus is one text or a list of them, even if of one. */
  readonly single: boolean;
  readonly skipped: readonly SkippedInput[];
}

export class FileCorpus implements Corpus {
  readonly fingerprint: string;
  readonly documents: readonly CorpusDocument[];
  readonly bytes: number;
  readonly parts: readonly Part[];
  readonly #content: FileCorpusContent;
  readonly #partsById: ReadonlyMap<string, Part[]>;
  readonly #spool: Spool;
  readonly #planner: ScanPlanner;
  readonly #search: PassageSearch;
  #description: CorpusDescription | undefined;

  /** Owns the spool from here on. */
  constructor(content: FileCorpusContent, spool: Spool) {
    this.#content = content;
    this.parts = content.parts;
    this.fingerprint = content.fingerprint;
    this.documents = content.parts.map(({ document }) => document);
    this.bytes = this.documents.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#partsById = Map.groupBy(content.parts, ({ document }) => document.id);
    for (const parts of this.#partsById.values()) parts.sort((a, b) => a.from - b.from);
    this.#spool = spool;
    this.#planner = new ScanPlanner(spool);
    this.#search = new PassageSearch(content.parts, this.#planner);
    for (const { text } of this.parts) text.indexAhead();
  }

  describe(): CorpusDescription {
    const isCounted = this.documents.every(({ characters }) => characters !== undefined);
    if (this.#description && this.#description.charactersExact === isCounted) return this.#description;
    return (this.#description = describeParts(this.#content));
  }

  async load(documentId: string, start?: number): Promise<Uint8Array> {
    const part = this.#partFrom(documentId, start);
    return part.text.readBytes(part.from, part.to);
  }

  async read(documentId: string, start: number, end: number): Promise<string> {
    const part = this.partAt(documentId, start);
    const first = part.document.start;
    // Only a stretch needs to be clamped here: the text clamps to itself without being counted to its end.
    const last = part.to === part.text.bytes ? end : first + (await countPart(part));
    return part.text.read(Math.max(start, first), Math.min(end, last));
  }

  async characters(documentId: string, start?: number): Promise<number> {
    return countPart(this.#partFrom(documentId, start));
  }

  async grep(pattern: string, options: GrepOptions): Promise<GrepPage> {
    return grepParts(this.#chosen(options.documentIds), pattern, options, this.#planner);
  }

  async search(query: string, options: SearchOptions): Promise<readonly RankedSpan[]> {
    return this.#search.find(this.#chosen(options.documentIds), query, options);
  }

  async locate(span: Span): Promise<Location | undefined> {
    if (!this.#partsById.has(span.documentId)) return undefined;
    const part = this.partAt(span.documentId, span.start);
    const { text, document } = part;
    if (span.start < document.start) return undefined;
    const start = await text.byteAt(span.start);
    if (start >= part.to) return undefined;
    const place = part.loaded && placeAt(part.loaded.places, span.start);
    return {
      span,
      path: document.path,
      title: document.title,
      line: await text.lineAt(start),
      column: await columnAt(part, span.start, start),
      ...(place?.page !== undefined && { page: place.page }),
      ...(place?.place !== undefined && { place: place.place }),
      text: await this.read(span.documentId, span.start, Math.min(span.end, span.start + longestLocatedText)),
    };
  }

  async close(): Promise<void> {
    for (const { text } of this.parts) text.stopAhead();
    await this.#search.close();
    await this.#spool.close();
  }

  /** The part of a document that holds code point `start`: of several, the one that goes on longest. */
  partAt(documentId: string, start: number): Part {
    const parts = this.#partsOf(documentId);
    return parts.reduce((best, part) => (part.document.start <= start && part.to > best.to ? part : best));
  }

  /** The part that begins at `start`, as `documents` says; the first where nothing is said. */
  #partFrom(documentId: string, start: number | undefined): Part {
    const parts = this.#partsOf(documentId);
    return parts.find(({ document }) => document.start === start) ?? parts[0];
  }

  /** By where they begin. */
  #partsOf(documentId: string): readonly [Part, ...Part[]] {
    const [first, ...others] = this.#partsById.get(documentId) ?? [];
    if (!first) throw this.#unknownDocument(documentId);
    return [first, ...others];
  }

  #chosen(documentIds: readonly string[] | undefined): readonly Part[] {
    if (!documentIds) return this.parts;
    const unknown = documentIds.find((id) => !this.#partsById.has(id));
    if (unknown !== undefined) throw this.#unknownDocument(unknown);
    const wanted = new Set(documentIds);
    return this.parts.filter(({ document }) => wanted.has(document.id));
  }

  #unknownDocument(documentId: string): ConfigError {
    const ids = this.documents.map(({ id }) => id);
    const known = ids.length <= 5 ? ids.join(", ") : `${ids.slice(0, 3).join(", ")} … ${ids.at(-1) ?? ""}`;
    return new ConfigError(
      "invalid_input",
      `There is no document "${documentId}". This corpus has ${known}.`,
    );
  }
}

const longestLocatedText = 2_000;

/** Columns are counted from the line's start, wherever the part begins; far into a line, as far as we look back. */
async function columnAt(part: Part, character: number, byte: number): Promise<number> {
  const chunkBytes = 64 * 1024;
  for (let to = byte; to > 0; to -= chunkBytes) {
    const from = Math.max(0, to - chunkBytes);
    const found = (await part.text.readBytes(from, to)).lastIndexOf(0x0a);
    if (found >= 0) return character - (await part.text.characterAt(from + found + 1)) + 1;
  }
  return character + 1;
}
