/** One text that stays on disk: a range of bytes of a file, read by code points. It knows nothing of documents. */
import { open } from "node:fs/promises";
import { ConfigError } from "../core/errors.ts";
import { bytesOfCharacters, characterStart, countCharacters, countNewlines, decodeText } from "./utf8.ts";

const blockBytes = 64 * 1024;
const chunkBlocks = 128;
/** Most UTF-16 units of a V8 string. */
const longestString = 2 ** 29 - 24;

export interface TextRange {
  readonly file: string;
  /** First byte in the file. @default 0 */
  readonly from?: number;
  readonly bytes: number;
  /** True where the range is all of its file. */
  readonly wholeFile: boolean;
  /** For one of several texts in a file: lines of the file before it. */
  readonly linesBefore?: number;
}

export class TextSource {
  readonly file: string;
  readonly from: number;
  readonly bytes: number;
  readonly wholeFile: boolean;
  readonly linesBefore: number;
  // Block i begins at byte #starts[i], between two characters, with #characters[i] code points before it. Both grow
  // as far as someone asked: a text that is only searched is never counted.
  #starts: number[] = [0];
  #characters: number[] = [0];
  /** Newlines before byte i * blockBytes. */
  #newlines: number[] = [0];
  #indexing: Promise<void> | undefined;
  #block: { readonly index: number; readonly bytes: Buffer } | undefined;

  constructor(range: TextRange) {
    this.file = range.file;
    this.from = range.from ?? 0;
    this.bytes = range.bytes;
    this.wholeFile = range.wholeFile;
    this.linesBefore = range.linesBefore ?? 0;
  }

  /** Length in code points; counts what was not counted yet. */
  async countCharacters(): Promise<number> {
    await this.#indexUntil(() => false);
    return this.#characters.at(-1) ?? 0;
  }

  /** Code points [start, end), clamped to the text. */
  async read(start: number, end: number): Promise<string> {
    if (end <= start) return "";
    const from = await this.byteAt(start);
    const to = await this.byteAt(end);
    if (to - from > longestString) {
      throw new ConfigError(
        "invalid_input",
        `Code points ${start} to ${end} are ${to - from} bytes, more than one string holds (${longestString}). Read smaller windows.`,
      );
    }
    return decodeText(await this.readBytes(from, to));
  }

  /** Bytes [from, to) of the text. */
  async readBytes(from: number, to: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(Math.max(0, to - from));
    if (buffer.length === 0) return buffer;
    await using handle = await open(this.file, "r").catch((error: unknown) => {
      throw new ConfigError("unreadable", `${this.file} can no longer be read.`, { cause: error });
    });
    for (let filled = 0; filled < buffer.length;) {
      const { bytesRead } = await handle.read(
        buffer,
        filled,
        buffer.length - filled,
        this.from + from + filled,
      );
      if (bytesRead === 0) {
        throw new ConfigError(
          "unreadable",
          `${this.file} became shorter since it was opened. Open the corpus again.`,
        );
      }
      filled += bytesRead;
    }
    return buffer;
  }

  /** The byte at which code point `character` begins; the end of the text where there are fewer. */
  async byteAt(character: number): Promise<number> {
    if (character <= 0) return 0;
    await this.#indexUntil(() => (this.#characters.at(-1) ?? 0) > character);
    const block = lastNotAbove(this.#characters, character);
    const rest = character - (this.#characters[block] ?? 0);
    const start = this.#starts[block] ?? 0;
    if (start >= this.bytes) return this.bytes;
    if (this.#isOneByteEach(block)) return start + rest;
    return start + bytesOfCharacters(await this.#readBlock(block), rest);
  }

  /** The number of code points before `byte`, which must lie between two characters. */
  async characterAt(byte: number): Promise<number> {
    await this.#indexUntil(() => (this.#starts.at(-1) ?? 0) > byte);
    const block = lastNotAbove(this.#starts, byte);
    const before = this.#characters[block] ?? 0;
    const rest = byte - (this.#starts[block] ?? 0);
    if (rest === 0 || this.#isOneByteEach(block)) return before + rest;
    return before + countCharacters((await this.#readBlock(block)).subarray(0, rest));
  }

  /** The line in which `byte` lies, from 1. */
  async lineAt(byte: number): Promise<number> {
    while (this.#newlines.length * blockBytes <= byte) {
      const from = (this.#newlines.length - 1) * blockBytes;
      const chunk = await this.readBytes(from, Math.min(this.bytes, from + chunkBlocks * blockBytes));
      // Another caller may have counted this chunk meanwhile.
      if (from !== (this.#newlines.length - 1) * blockBytes) continue;
      for (let i = 0; i + blockBytes <= chunk.length; i += blockBytes) {
        this.#newlines.push((this.#newlines.at(-1) ?? 0) + countNewlines(chunk.subarray(i, i + blockBytes)));
      }
      if (chunk.length < blockBytes) break;
    }
    const block = Math.min(Math.floor(byte / blockBytes), this.#newlines.length - 1);
    const rest = await this.readBytes(block * blockBytes, byte);
    return 1 + (this.#newlines[block] ?? 0) + countNewlines(rest);
  }

  /** Extends the index, chunk by chunk, until it covers the text or `isEnough`. */
  async #indexUntil(isEnough: () => boolean): Promise<void> {
    while ((this.#starts.at(-1) ?? 0) < this.bytes && !isEnough()) {
      // Callers that overlap share one step, so that no block is counted twice.
      this.#indexing ??= this.#indexChunk().finally(() => (this.#indexing = undefined));
      await this.#indexing;
    }
  }

  async #indexChunk(): Promise<void> {
    const from = this.#starts.at(-1) ?? 0;
    const base = Math.max(0, from - 3);
    const to = Math.min(this.bytes, from + chunkBlocks * blockBytes);
    const chunk = await this.readBytes(base, Math.min(this.bytes, to + 3));
    let start = from;
    let characters = this.#characters.at(-1) ?? 0;
    while (start < to) {
      const end = base + characterStart(chunk, Math.min(this.bytes, start + blockBytes) - base);
      characters += countCharacters(chunk.subarray(start - base, end - base));
      this.#starts.push(end);
      this.#characters.push(characters);
      start = end;
      // The next boundary needs three bytes of context, which this chunk may not have.
      if (start + blockBytes > to && to < this.bytes) break;
    }
  }

  #isOneByteEach(block: number): boolean {
    const bytes = (this.#starts[block + 1] ?? this.bytes) - (this.#starts[block] ?? 0);
    return bytes === (this.#characters[block + 1] ?? NaN) - (this.#characters[block] ?? 0);
  }

  async #readBlock(index: number): Promise<Buffer> {
    if (this.#block?.index === index) return this.#block.bytes;
    const bytes = await this.readBytes(this.#starts[index] ?? 0, this.#starts[index + 1] ?? this.bytes);
    this.#block = { index, bytes };
    return bytes;
  }
}

/** Index of the last value that is not above `wanted`, in an ascending list that begins with one. */
function lastNotAbove(values: readonly number[], wanted: number): number {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((values[middle] ?? 0) <= wanted) low = middle;
    else high = middle - 1;
  }
  return low;
}
