/** Takes what loaders find in one file: texts go to a file of their own, one after the other, and labels are kept. */
import type { SkippedInput } from "../../core/corpus.ts";
import type { JsonObject } from "../../core/json.ts";
import type { LoadedFrom } from "../places.ts";
import type { Pack, PackMark, SpooledText, TextInput } from "../spool.ts";
import type { ExtractionLimits, Unpacked } from "./limits.ts";

export interface ExtractedDocument extends Pick<SpooledText, "from" | "bytes" | "hash"> {
  readonly path: string;
  readonly title?: string;
  readonly metadata?: JsonObject;
  /** Missing where the text is a packed file as it is. */
  readonly loaded?: LoadedFrom;
}

export type Labels = Omit<ExtractedDocument, keyof SpooledText>;

export interface CollectorParts {
  readonly pack: Pack;
  readonly limits: ExtractionLimits;
  readonly unpacked: Unpacked;
  /** Called whenever something is finished: a page, a mail, a packed file. */
  readonly onProgress: () => void;
}

interface Mark {
  readonly documents: number;
  readonly pack: PackMark;
}

const never = new AbortController().signal;

export class Collector {
  readonly documents: ExtractedDocument[] = [];
  readonly skipped: SkippedInput[] = [];
  readonly limits: ExtractionLimits;
  readonly unpacked: Unpacked;
  readonly onProgress: () => void;
  readonly #pack: Pack;

  constructor(parts: CollectorParts) {
    this.#pack = parts.pack;
    this.limits = parts.limits;
    this.unpacked = parts.unpacked;
    this.onProgress = parts.onProgress;
  }

  async add(text: TextInput, labels: Labels): Promise<void> {
    const { from, bytes, hash } = await this.#pack.add(text, never);
    this.documents.push({ ...labels, from, bytes, hash });
    this.onProgress();
  }

  skip(path: string, reason: string): void {
    this.skipped.push({ path, reason });
    this.onProgress();
  }

  /** All or nothing: what `act` added is gone again where it fails. */
  async whole(act: () => Promise<void>): Promise<void> {
    const mark: Mark = { documents: this.documents.length, pack: this.#pack.mark() };
    const skips = this.skipped.length;
    try {
      await act();
    } catch (error) {
      this.documents.length = mark.documents;
      this.skipped.length = skips;
      await this.#pack.rewind(mark.pack);
      throw error;
    }
  }
}
