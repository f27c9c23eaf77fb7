/** The texts of files, one after the other; of what is no text itself they are taken out, a few files ahead. It knows nothing of items. */
import { createReadStream } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { text as collectText } from "node:stream/consumers";
import { decodeStream } from "./decode.ts";
import type { FoundFile } from "./discover.ts";
import { inspectFile, type Encoding, type InspectedFile } from "./inspect-file.ts";
import { LoadedFiles } from "./loaded-files.ts";
import { isTextFormat } from "./loaders/recognise.ts";
import type { Place } from "./places.ts";
import { Spool } from "./spool.ts";

export type FileText = TextOfFile | UnreadableFile;

export interface TextOfFile {
  readonly type: "text";
  /** The path, numbered where one file has several things of that path. */
  readonly key: string;
  /** Of a packed file the whole way to it, for instance "a.zip!/b.md". */
  readonly path: string;
  readonly title?: string | undefined;
  /** Where it stood in its file, for instance on which pages. */
  readonly places: readonly Place[];
  /** A loader took it out of the file. */
  readonly isTakenOut: boolean;
  /** Where it lies until the next text is asked for. */
  readonly source: TextLocation;
}

export interface UnreadableFile {
  readonly type: "unreadable";
  readonly key: string;
  readonly path: string;
  readonly reason: string;
}

interface TextLocation {
  readonly file: string;
  readonly encoding: Encoding;
  /** @default all of the file */
  readonly range?: { readonly from: number; readonly bytes: number };
}

export interface FileTextOptions {
  readonly signal: AbortSignal;
  /** Files are taken as they are, and no loader is asked for. */
  readonly raw: boolean;
  /** Files of records are taken as they are too, unless they are packed in some way. */
  readonly isRecords: (path: string) => boolean;
  /** Where texts are kept meanwhile. @default the system's temporary directory */
  readonly spoolDir?: string | undefined;
}

/** Loaders work side by side, and the disk holds the texts of no more files than these. */
const filesAhead = 4;

/**
 * What had to be spooled is removed once it was handed out, or when this is ended early or aborted. Throws the signal's
 * reason, and ConfigError where nothing can be spooled; what can't be read is told in its place.
 */
export async function* fileTexts(
  files: readonly FoundFile[],
  options: FileTextOptions,
): AsyncGenerator<FileText> {
  const reading = new Reading(options);
  const ahead: Promise<ReadFile>[] = [];
  try {
    for (const file of files) {
      ahead.push(reading.begin(file));
      if (ahead.length >= filesAhead) yield* reading.handOut(ahead.shift());
    }
    while (ahead.length > 0) yield* reading.handOut(ahead.shift());
  } finally {
    await reading.end(ahead);
  }
}

/** Throws what reading throws. A byte order mark is left out. */
export function readText({ file, encoding, range }: TextLocation, signal: AbortSignal): Promise<string> {
  // The many small plain files of a folder are read in one go.
  if (range === undefined && encoding === "utf-8")
    return readFile(file, { encoding: "utf8", signal }).then((text) => text.replace(/^\uFEFF/, ""));
  return collectText(streamText({ file, encoding, ...(range && { range }) }));
}

/** Bytes of UTF-8, whatever the file is in. */
export function streamText({ file, encoding, range }: TextLocation): Readable {
  if (range?.bytes === 0) return Readable.from([]);
  const place = range ? { start: range.from, end: range.from + range.bytes - 1 } : {};
  if (encoding !== "utf-8") return Readable.from(decoded(file, encoding), { objectMode: false });
  return createReadStream(file, { highWaterMark: 1 << 18, ...place });
}

async function* decoded(file: string, encoding: Encoding): AsyncGenerator<Buffer> {
  for await (const text of decodeStream(createReadStream(file), encoding)) yield Buffer.from(text);
}

interface ReadFile {
  readonly texts: readonly FileText[];
  /** Holds them, and nobody else's. */
  readonly spooled?: string;
}

class Reading {
  readonly #options: FileTextOptions;
  readonly #spool: Spool;
  readonly #loaded: LoadedFiles;
  readonly #end = new AbortController();
  readonly #signal: AbortSignal;

  constructor(options: FileTextOptions) {
    this.#options = options;
    this.#signal = AbortSignal.any([options.signal, this.#end.signal]);
    this.#spool = new Spool(options.spoolDir);
    this.#loaded = new LoadedFiles({ signal: this.#signal }, this.#spool);
  }

  begin(found: FoundFile): Promise<ReadFile> {
    const read = this.#read(found);
    // Its turn comes later: what it fails with is told then.
    read.catch(() => {});
    return read;
  }

  async *handOut(read: Promise<ReadFile> | undefined): AsyncGenerator<FileText> {
    if (!read) return;
    const { texts, spooled } = await read;
    this.#signal.throwIfAborted();
    yield* texts;
    if (spooled !== undefined) await rm(spooled, { force: true, maxRetries: 3 });
  }

  /** @param begun what nobody waits for any more */
  async end(begun: readonly Promise<ReadFile>[]): Promise<void> {
    this.#end.abort();
    this.#loaded.close();
    await Promise.allSettled(begun);
    await this.#spool.close();
  }

  async #read({ path, file, named }: FoundFile): Promise<ReadFile> {
    const { raw } = this.#options;
    const inspected = inspectFile(file, { path, raw });
    if (inspected.kind !== "stream") return this.#readFile(path, file, inspected);
    if (this.#options.isRecords(path)) return asItIs(path, file, "utf-8");
    if (!named) return unreadable(path, "a pipe or a device");
    // It can be read but once, and what it is shows only then.
    const { file: spooled } = await this.#spool.write(createReadStream(file), this.#signal);
    return { spooled, ...(await this.#readFile(path, spooled, inspectFile(spooled, { path, raw }))) };
  }

  async #readFile(path: string, file: string, inspected: InspectedFile): Promise<ReadFile> {
    const isPacked = inspected.kind === "loaded" && !isTextFormat(inspected.format);
    const encoding = "encoding" in inspected ? inspected.encoding : undefined;
    if (inspected.kind === "text" || (this.#options.isRecords(path) && !isPacked))
      return asItIs(path, file, encoding ?? "utf-8");
    if (inspected.kind !== "loaded")
      return unreadable(path, "reason" in inspected ? inspected.reason : "it is no text");
    const loaded = await this.#loaded.load(file, path, inspected.format);
    if (loaded.status === "failed")
      // What is text itself, as HTML is, can be read as its source.
      return encoding === undefined ? unreadable(path, loaded.reason) : asItIs(path, file, encoding);
    const key = keysOf();
    const taken = loaded.documents.map(({ path: at, title, loaded: from, text }): FileText => {
      const source = { file: text.file, encoding: "utf-8", range: text } as const;
      const labels = { key: key(at), path: at, ...(title !== undefined && { title }) };
      return { type: "text", ...labels, places: from?.places ?? [], isTakenOut: true, source };
    });
    const left = loaded.skipped.map((skip): FileText => ({
      type: "unreadable",
      key: key(skip.path),
      ...skip,
    }));
    return { texts: [...taken, ...left], spooled: loaded.file };
  }
}

/** A mail may have two attachments of one name, and both count. */
function keysOf(): (path: string) => string {
  const seen = new Map<string, number>();
  return (path) => {
    const count = (seen.get(path) ?? 0) + 1;
    seen.set(path, count);
    return count === 1 ? path : `${path} (${count})`;
  };
}

function asItIs(path: string, file: string, encoding: Encoding): ReadFile {
  const source = { file, encoding };
  return { texts: [{ type: "text", key: path, path, places: [], isTakenOut: false, source }] };
}

function unreadable(path: string, reason: string): ReadFile {
  return { texts: [{ type: "unreadable", key: path, path, reason }] };
}
