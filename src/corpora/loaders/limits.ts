/** How far one file may go while text is taken out of it, and the errors of those that go further. */
import { grouped } from "../../core/grouped.ts";

export interface ExtractionLimits {
  /** For one file, all that is packed in it included. @default 600_000 */
  readonly timeMs: number;
  /** Without a page, a mail or a packed file being finished. @default 60_000 */
  readonly stallMs: number;
  /** Memory of the process that reads it. @default 1.5 GiB */
  readonly memoryBytes: number;
  /** Text taken out of one file, and what is unpacked on the way. @default 4 GiB */
  readonly outputBytes: number;
  /** Files packed in one archive and in the archives within. @default 500_000 */
  readonly entries: number;
  /** Archives within archives, mails within mails. @default 4 */
  readonly depth: number;
  /** One file that is read as a whole: a PDF, an office document, a mail. @default 512 MiB */
  readonly wholeBytes: number;
}

export const defaultLimits: ExtractionLimits = {
  timeMs: 600_000,
  stallMs: 60_000,
  memoryBytes: 1.5 * 1024 ** 3,
  outputBytes: 4 * 1024 ** 3,
  entries: 500_000,
  depth: 4,
  wholeBytes: 512 * 1024 ** 2,
};

/** What is wrong with a file, for a person: the file is left out with these words. */
export class UnreadableError extends Error {}

/** A limit of the whole file was reached, however deep in it: nothing of it is taken. */
export class LimitError extends UnreadableError {}

/** Counts what comes out of one file. Archives that pack far more than any text are bombs, whatever they declare. */
export class Unpacked {
  readonly #limits: ExtractionLimits;
  readonly #mostBytes: number;
  #bytes = 0;
  #entries = 0;

  constructor(fileBytes: number, limits: ExtractionLimits) {
    this.#limits = limits;
    this.#mostBytes = Math.min(limits.outputBytes, Math.max(freeBytes, fileBytes * mostRatio));
  }

  addBytes(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > this.#mostBytes)
      throw new LimitError(
        `it unpacks to more than ${sizeText(this.#mostBytes)}, which is refused as a bomb or too large`,
      );
  }

  addEntry(): void {
    if (++this.#entries > this.#limits.entries)
      throw new LimitError(`it holds more than ${grouped(this.#limits.entries)} files`);
  }
}

/** Logs reach some 50, rarely 200; bombs begin at 1,000. Below `freeBytes` nobody is hurt. */
const mostRatio = 250;
const freeBytes = 64 * 1024 ** 2;

export function sizeText(bytes: number): string {
  const [value, unit] = bytes >= 1024 ** 3 ? [bytes / 1024 ** 3, "GiB"] : [bytes / 1024 ** 2, "MiB"];
  return `${Number(value.toFixed(1))} ${unit}`;
}
