/** Files that text has to be taken out of: several are on their way at once, each into a file of its own. */
import { rm } from "node:fs/promises";
import type { OpenCorpusOptions } from "./open-options.ts";
import type { SkippedInput } from "../core/corpus.ts";
import type { ExtractedDocument } from "./loaders/collector.ts";
import { Extractor } from "./loaders/extractor.ts";
import type { LoadedFormat } from "./loaders/recognise.ts";
import type { Spool, SpooledText } from "./spool.ts";

export type LoadedFile =
  | {
      readonly status: "read";
      /** Holds the text of all documents. */
      readonly file: string;
      readonly documents: readonly LoadedDocument[];
      readonly skipped: readonly SkippedInput[];
    }
  | { readonly status: "failed"; readonly reason: string };

export interface LoadedDocument extends Omit<ExtractedDocument, keyof SpooledText> {
  readonly text: SpooledText;
}

export type LoadingOptions = Pick<OpenCorpusOptions, "signal" | "extraction" | "encoding">;

export class LoadedFiles {
  readonly #options: LoadingOptions;
  readonly #spool: Spool;
  #extractor: Extractor | undefined;
  #isClosed = false;

  constructor(options: LoadingOptions, spool: Spool) {
    this.#options = options;
    this.#spool = spool;
  }

  /** Contract: rejects only with the signal's reason, or where nothing can be written. */
  async load(file: string, path: string, format: LoadedFormat): Promise<LoadedFile> {
    const { signal, extraction: limits, encoding } = this.#options;
    const { directory, file: output } = this.#spool.reserve();
    // No process may be started that nobody ends.
    if (this.#isClosed) return { status: "failed", reason: "the reading of files was given up" };
    this.#extractor ??= new Extractor({ signal, limits });
    const found = await this.#extractor.extract(directory, { file, path, format, output, encoding });
    if (found.status === "failed") {
      // A process that was ended over a limit has left what it had.
      await rm(output, { force: true });
      return found;
    }
    const isOnly = found.documents.length === 1;
    const documents = found.documents.map(({ from, bytes, hash, ...labels }) => ({
      ...labels,
      text: { file: output, from, bytes, hash, wholeFile: isOnly && from === 0 },
    }));
    return { ...found, file: output, documents };
  }

  close(): void {
    this.#isClosed = true;
    this.#extractor?.close();
  }
}
