/** Opens any context as a Corpus: text is spooled to files, files stay where they are. */
import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { setImmediate } from "node:timers/promises";
import type { Corpus, SkippedInput } from "../core/corpus.ts";
import { ConfigError } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import { discoverFiles } from "./discover.ts";
import type { FoundFile } from "./discover.ts";
import { FileCorpus } from "./file-corpus.ts";
import { isTextStream } from "../core/context.ts";
import type { ContextInput, ContextPart } from "../core/context.ts";
import { inspectFile } from "./inspect-file.ts";
import type { Encoding } from "./inspect-file.ts";
import type { Part } from "./part.ts";
import { Spool } from "./spool.ts";
import type { Pack, SpooledText, TextInput } from "./spool.ts";
import { TextSource } from "./text-source.ts";
import type { TextRange } from "./text-source.ts";

export interface OpenCorpusOptions {
  readonly signal: AbortSignal;
  /** Where texts without a file are kept until the corpus is closed. @default the system's temporary directory */
  readonly spoolDir?: string;
  /** What paths are relative to. @default the working directory */
  readonly cwd?: string;
  /** Binary and unreadable files are left out and listed, or refused with an error. @default "skip" */
  readonly binary?: "skip" | "refuse";
  /** Leave out of directories what their .gitignore files say. @default true */
  readonly gitignore?: boolean;
  /** Gives each document its id, of the form d1. @default d1, d2, … */
  readonly nextDocumentId?: () => string;
  readonly onProgress?: (progress: OpenProgress) => void;
}

export interface OpenProgress {
  /** Documents taken up so far. */
  readonly documents: number;
  readonly bytes: number;
}

/**
 * Contract: throws ConfigError "not_found" for a path that does not exist, "unreadable" for a single file that is no
 * text, "empty_corpus" where no text is left; or the signal's reason. A stream is read to its end; files only at
 * their beginning.
 */
export async function openCorpus(input: ContextInput, options: OpenCorpusOptions): Promise<Corpus> {
  const opening = new Opening(options);
  try {
    const isList = isPartList(input);
    for (const part of isList ? input : [input]) await opening.add(part);
    return await opening.finish(isList);
  } catch (error) {
    await opening.discard();
    throw error;
  }
}

function isPartList(input: ContextInput): input is readonly ContextPart[] {
  return Array.isArray(input);
}

interface Labels {
  readonly path?: string | undefined;
  readonly title?: string | undefined;
  readonly metadata?: JsonObject | undefined;
}

/** A corpus on its way: parts, what they hash to, and the files made for them. */
export class Opening {
  readonly #options: OpenCorpusOptions;
  readonly #spool: Spool;
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
    await this.#pack?.close().catch(() => {}); // What failed before is the error to tell.
    await this.#spool.close();
  }

  /** Texts in memory go into one file together: a hundred thousand short ones are one search, not as many files. */
  async #addText(text: TextInput, labels: Labels): Promise<void> {
    this.#pack ??= await this.#spool.openPack();
    this.#addSpooled(await this.#pack.add(text, this.#options.signal), labels);
  }

  async #addStream(stream: TextInput, labels: Labels): Promise<void> {
    const spooled = await this.#spool.write(stream, this.#options.signal);
    const inspected = inspectFile(spooled.file);
    if (inspected.kind === "text") {
      if (inspected.encoding === "utf-8") return this.#addSpooled(spooled, labels);
      return this.#addConverted(spooled.file, inspected.encoding, labels);
    }
    const reason = "reason" in inspected ? inspected.reason : "it is no text";
    this.#named++;
    this.#skip(labels.path ?? "the stream", reason);
  }

  #addSpooled(text: SpooledText, labels: Labels): void {
    this.#hash.update(`${labels.path ?? ""}\0${text.bytes}\0${text.hash}\n`);
    this.#addDocument(text, labels);
  }

  /** Everything beyond reads UTF-8, so UTF-16 is converted; the document's metadata says so. */
  async #addConverted(file: string, encoding: Encoding, labels: Labels): Promise<void> {
    const text = await this.#spool.write(decodeFile(file, encoding), this.#options.signal);
    this.#addSpooled(text, { ...labels, metadata: { ...labels.metadata, encoding } });
  }

  async #addPaths(paths: readonly string[]): Promise<void> {
    const { signal, cwd = process.cwd(), gitignore = true } = this.#options;
    const found = await discoverFiles(paths, { signal, cwd, gitignore });
    for (const [i, one] of found.entries()) {
      await this.#addFile(one);
      // Each file takes some microseconds; signals and progress get their turn between batches of them.
      if (i % 256 === 255) {
        await setImmediate();
        signal.throwIfAborted();
        this.#report();
      }
    }
  }

  async #addFile({ path, file, named }: FoundFile): Promise<void> {
    if (named) this.#named++;
    const inspected = inspectFile(file);
    if (inspected.kind === "stream") {
      if (named) await this.#addStream(createReadStream(file), { path });
      else this.#skip(path, "a pipe or a device");
    } else if (inspected.kind !== "text") this.#skip(path, inspected.reason);
    else if (inspected.encoding !== "utf-8") {
      await this.#addConverted(file, inspected.encoding, { path });
    } else {
      this.#hash.update(`${file}\0${inspected.bytes}\0${inspected.modifiedMs}\n`);
      this.#addDocument({ file, bytes: inspected.bytes, wholeFile: true }, { path });
    }
  }

  #addDocument(range: TextRange, { path, title, metadata }: Labels): void {
    const document = {
      id: this.#nextDocumentId(),
      ...(path !== undefined && { path }),
      ...(title !== undefined && { title }),
      ...(metadata !== undefined && { metadata }),
      bytes: range.bytes,
      start: 0,
      characters: range.bytes === 0 ? 0 : undefined,
    };
    this.#push({ document, text: new TextSource(range), from: 0, to: range.bytes });
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

async function* decodeFile(file: string, encoding: Encoding): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding);
  for await (const chunk of createReadStream(file)) {
    if (chunk instanceof Uint8Array) yield decoder.decode(chunk, { stream: true });
  }
  yield decoder.decode();
}
