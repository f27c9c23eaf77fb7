/** A corpus while it is opened: parts are taken up one after the other, whatever they are. */
import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { isTextStream } from "../core/context.ts";
import type { ContextPart } from "../core/context.ts";
import type { SkippedInput } from "../core/corpus.ts";
import { ConfigError } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import { decodeStream, isUtf8Stream } from "./decode.ts";
import { discoverFiles } from "./discover.ts";
import type { FoundFile } from "./discover.ts";
import { FileCorpus } from "./file-corpus.ts";
import { inspectFile } from "./inspect-file.ts";
import type { Encoding, InspectedFile } from "./inspect-file.ts";
import { LoadedFiles } from "./loaded-files.ts";
import type { LoadedFile } from "./loaded-files.ts";
import { isTextFormat } from "./loaders/recognise.ts";
import type { OpenCorpusOptions } from "./open-options.ts";
import type { Part } from "./part.ts";
import type { LoadedFrom } from "./places.ts";
import { Spool } from "./spool.ts";
import type { Pack, SpooledText, TextInput } from "./spool.ts";
import { TextSource } from "./text-source.ts";
import type { TextRange } from "./text-source.ts";

interface Labels {
  readonly path?: string | undefined;
  readonly title?: string | undefined;
  readonly metadata?: JsonObject | undefined;
  readonly loaded?: LoadedFrom | undefined;
}

type InspectedLoaded = Extract<InspectedFile, { readonly kind: "loaded" }>;

interface SizedFile {
  readonly bytes: number;
  readonly modifiedMs: number;
}

/** A file whose turn comes after those that text is still taken out of. */
interface QueuedFile {
  readonly found: FoundFile;
  readonly inspected: InspectedFile;
  readonly loading: Promise<LoadedFile> | undefined;
}

/** Files between which signals and progress get their turn. */
const turnFiles = 256;

/** A corpus on its way: parts, what they hash to, and the files made for them. */
export class Opening {
  readonly #options: OpenCorpusOptions;
  readonly #spool: Spool;
  readonly #loadedFiles: LoadedFiles;
  readonly #parts: Part[] = [];
  readonly #skipped: SkippedInput[] = [];
  readonly #hash: Hash = createHash("sha256");
  readonly #nextDocumentId: () => string;
  #pack: Pack | undefined;
  #bytes = 0;
  #named = 0;

  constructor(options: OpenCorpusOptions) {
    this.#options = options;
    this.#spool = new Spool(options.spoolDir);
    this.#loadedFiles = new LoadedFiles(options, this.#spool);
    let count = 0;
    this.#nextDocumentId = options.nextDocumentId ?? (() => `d${++count}`);
  }

  async add(part: ContextPart): Promise<void> {
    this.#options.signal.throwIfAborted();
    if (typeof part === "string") await this.#addText(part, {});
    else if (isTextStream(part)) await this.#addStream(part, {});
    else if ("paths" in part) await this.#addPaths(part.paths);
    else if ("stream" in part) await this.#addStream(part.stream, part);
    else if ("text" in part) {
      const { id, title = id } = part;
      const metadata = id === undefined ? part.metadata : { id, ...part.metadata };
      await this.#addText(part.text, { path: part.path, title, metadata });
    } else {
      throw new ConfigError(
        "invalid_input",
        `A context is text, a list of texts, documents with "text", { paths } or a stream; got an object with ${JSON.stringify(Object.keys(part))}.`,
      );
    }
  }

  /** A part of a document that is open already. */
  addPart(part: Part, fingerprint: string): void {
    this.#hash.update(`${fingerprint}\0${part.document.id}\0${part.from}\0${part.to}\n`);
    this.#push(part);
  }

  async finish(isList: boolean): Promise<FileCorpus> {
    await this.#pack?.close();
    this.#pack = undefined;
    this.#loadedFiles.close();
    if (this.#bytes === 0) throw this.#emptyError();
    const content = {
      parts: this.#parts,
      fingerprint: this.#hash.digest("hex"),
      single: !isList && this.#parts.length === 1,
      skipped: this.#skipped,
    };
    return new FileCorpus(content, this.#spool);
  }

  async discard(): Promise<void> {
    this.#loadedFiles.close();
    await this.#pack?.close().catch(() => {}); // What failed before is the error to tell.
    await this.#spool.close();
  }

  /** Texts in memory go into one file together: a hundred thousand short ones are one search, not as many files. */
  async #addText(text: TextInput, labels: Labels): Promise<void> {
    this.#pack ??= this.#spool.openPack();
    this.#addSpooled(await this.#pack.add(text, this.#options.signal), labels);
  }

  async #addStream(stream: TextInput, labels: Labels): Promise<void> {
    const { file, ...spooled } = await this.#spool.write(stream, this.#options.signal);
    const name = labels.path ?? "the stream";
    const inspected = inspectFile(file, { path: name, raw: this.#options.raw ?? false });
    if (inspected.kind === "text") {
      const encoding = await this.#otherEncoding(file, inspected.encoding);
      if (encoding === undefined) return this.#addSpooled({ file, ...spooled }, labels);
      return this.#addConverted(file, encoding, labels);
    }
    this.#named++;
    if (inspected.kind === "loaded") {
      const loaded = await this.#loadedFiles.load(file, name, inspected.format);
      if (loaded.status === "read") return this.#addLoaded(loaded, { ...labels, path: name });
      const source = sourceEncoding(inspected);
      if (source === "utf-8") return this.#addSpooled({ file, ...spooled }, labels);
      if (source !== undefined) return this.#addConverted(file, source, labels);
      return this.#skip(name, loaded.reason);
    }
    this.#skip(name, "reason" in inspected ? inspected.reason : "it is no text");
  }

  #addSpooled(text: SpooledText, labels: Labels): void {
    this.#hash.update(`${labels.path ?? ""}\0${text.bytes}\0${text.hash}\n`);
    this.#addDocument(text, labels);
  }

  /** Everything beyond reads UTF-8, so other text is converted; the document's metadata says so. */
  async #addConverted(file: string, encoding: string, labels: Labels): Promise<void> {
    const decoded = decodeStream(createReadStream(file), encoding);
    const text = await this.#spool.write(decoded, this.#options.signal);
    this.#addSpooled(text, { ...labels, metadata: { ...labels.metadata, encoding } });
  }

  async #addPaths(paths: readonly string[]): Promise<void> {
    const { signal, cwd = process.cwd(), gitignore = true, raw = false } = this.#options;
    const discovered = await discoverFiles(paths, { signal, cwd, gitignore });
    // Documents keep the order of their paths: files wait for those before them that text is still taken out of.
    const queue: QueuedFile[] = [];
    for (const [i, found] of discovered.entries()) {
      const inspected = inspectFile(found.file, raw ? { raw } : undefined);
      if (inspected.kind === "loaded")
        queue.push({ found, inspected, loading: this.#load(found, inspected) });
      else if (queue.length > 0) queue.push({ found, inspected, loading: undefined });
      else {
        const adding = this.#addFile({ found, inspected, loading: undefined });
        if (adding) await adding;
      }
      if (i % turnFiles === turnFiles - 1) await this.#takeTurn();
    }
    for (const [i, queued] of queue.entries()) {
      await this.#addFile(queued);
      if (i % turnFiles === turnFiles - 1) await this.#takeTurn();
    }
  }

  /** Each file takes some microseconds; signals and progress get their turn between batches of them. */
  async #takeTurn(): Promise<void> {
    await setImmediate();
    this.#options.signal.throwIfAborted();
    this.#report();
  }

  #load({ file, path }: FoundFile, { format }: InspectedLoaded): Promise<LoadedFile> {
    const loading = this.#loadedFiles.load(file, path, format);
    // Its turn comes later: what it fails with is told then.
    loading.catch(() => {});
    return loading;
  }

  /** A promise only where there is something to wait for: files are many. */
  #addFile(queued: QueuedFile): Promise<void> | undefined {
    const { found, inspected } = queued;
    const isPlain = inspected.kind === "text" && inspected.encoding === "utf-8";
    if (!isPlain || this.#options.encoding !== undefined) return this.#addOtherFile(queued);
    if (found.named) this.#named++;
    this.#addAsItIs(found, inspected);
    return undefined;
  }

  async #addOtherFile({ found, inspected, loading }: QueuedFile): Promise<void> {
    const { path, file, named } = found;
    if (named) this.#named++;
    if (inspected.kind === "stream") {
      if (named) await this.#addStream(createReadStream(file), { path });
      else this.#skip(path, "a pipe or a device");
    } else if (inspected.kind === "text") {
      await this.#addTextFile(found, inspected, inspected.encoding);
    } else if (inspected.kind === "loaded") {
      const loaded = await loading;
      const source = sourceEncoding(inspected);
      if (loaded?.status === "read") {
        this.#addLoaded(loaded, { path });
        this.#report();
      } else if (source !== undefined) await this.#addTextFile(found, inspected, source);
      else this.#skip(path, loaded?.reason ?? "it was not read");
    } else this.#skip(path, inspected.reason);
  }

  async #addTextFile(found: FoundFile, inspected: SizedFile, judged: Encoding): Promise<void> {
    const encoding = await this.#otherEncoding(found.file, judged);
    if (encoding === undefined) this.#addAsItIs(found, inspected);
    else await this.#addConverted(found.file, encoding, { path: found.path });
  }

  #addAsItIs({ path, file }: FoundFile, { bytes, modifiedMs }: SizedFile): void {
    this.#hash.update(`${file}\0${bytes}\0${modifiedMs}\n`);
    this.#addDocument({ file, bytes, wholeFile: true }, { path });
  }

  /** What a text file has to be converted from; undefined where it is read as it is. */
  async #otherEncoding(file: string, judged: Encoding): Promise<string | undefined> {
    if (judged !== "utf-8") return judged;
    const { encoding } = this.#options;
    if (encoding === undefined || (await isUtf8Stream(createReadStream(file)))) return undefined;
    return encoding;
  }

  #addLoaded({ documents, skipped }: LoadedFile & { readonly status: "read" }, labels: Labels): void {
    for (const { text, path, title = labels.title, metadata, loaded } of documents)
      this.#addSpooled(text, { path, title, loaded, metadata: { ...labels.metadata, ...metadata } });
    for (const { path, reason } of skipped) this.#skip(path, reason);
  }

  #addDocument(range: TextRange, { path, title, metadata, loaded }: Labels): void {
    const document = {
      id: this.#nextDocumentId(),
      ...(path !== undefined && { path }),
      ...(title !== undefined && { title }),
      ...(metadata !== undefined && Object.keys(metadata).length > 0 && { metadata }),
      bytes: range.bytes,
      start: 0,
      characters: range.bytes === 0 ? 0 : undefined,
    };
    const text = new TextSource(range);
    this.#push({ document, text, from: 0, to: range.bytes, ...(loaded !== undefined && { loaded }) });
  }

  #push(part: Part): void {
    this.#parts.push(part);
    this.#bytes += part.to - part.from;
    if (this.#parts.length === 1) this.#report();
  }

  #report(): void {
    this.#options.onProgress?.({ documents: this.#parts.length, bytes: this.#bytes });
  }

  #skip(path: string, reason: string): void {
    if (this.#options.binary === "refuse") {
      throw new ConfigError(
        "unreadable",
        `"${path}" can't be read as text: ${reason}. Leave it out of the context.`,
      );
    }
    this.#skipped.push({ path, reason });
  }

  #emptyError(): ConfigError {
    const [first] = this.#skipped;
    if (first && this.#skipped.length === 1 && this.#named === 1 && this.#parts.length === 0) {
      return new ConfigError("unreadable", `"${first.path}" can't be read as text: ${first.reason}.`);
    }
    const left = this.#parts.length === 0 ? "it has no documents" : "all its documents are empty";
    const skipped = first
      ? ` ${this.#skipped.length} files were left out, such as "${first.path}": ${first.reason}.`
      : "";
    return new ConfigError(
      "empty_corpus",
      `The context has no text: ${left}.${skipped} Pass text or files with text.`,
    );
  }
}

/** The encoding of a file that is text itself, and so can be read even where no loader can read it. */
function sourceEncoding({ format, encoding }: InspectedLoaded): Encoding | undefined {
  return isTextFormat(format) ? encoding : undefined;
}
