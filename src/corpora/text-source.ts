/** One text that stays on disk: a range of bytes of a file, read by code points. It knows nothing of documents. */
import { closeSync, openSync, readSync } from "node:fs";
import { open } from "node:fs/promises";
import { ConfigError } from "../core/errors.ts";
import { blockBytes } from "./count-blocks.ts";
import { TextIndex, type Block } from "./text-index.ts";
import { bytesOfCharacters, characterStart, countCharacters, countNewlines, decodeText } from "./utf8.ts";

const largeTextBytes = 16 * 1024 * 1024;
/** Bytes of a text that are counted before anyone asked: a few seconds of one processor's time. */
const mostAhead = 8 * 1024 ** 3;
/** Most bytes that are read while everybody waits. */
const readAtOnce = blockBytes + 8;
/** Most UTF-16 units of a V8 string. */
const longestString = 2 ** 29 - 24;

/** The block last read: positions are asked for in order, text by text. */
let latest: { readonly source: TextSource; readonly index: number; readonly bytes: Buffer } | undefined;

export interface TextRange {
  readonly file: string;
  /** First byte in the file. @default 0 */
  readonly from?: number;
  readonly bytes: number;
  /** True where the range is all of its file. */
  readonly wholeFile: boolean;
}

export class TextSource {
  readonly file: string;
  readonly from: number;
  readonly bytes: number;
  readonly wholeFile: boolean;
  #ownIndex: TextIndex | undefined;

  constructor(range: TextRange) {
    this.file = range.file;
    this.from = range.from ?? 0;
    this.bytes = range.bytes;
    this.wholeFile = range.wholeFile;
  }

  /** Whether positions in it take long enough to count to be counted ahead, and by several. */
  get isLarge(): boolean {
    return this.bytes >= largeTextBytes;
  }

  /** Length in code points; counts what was not counted yet. */
  async countCharacters(): Promise<number> {
    return this.#index.countCharacters();
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
    const length = Math.max(0, to - from);
    // A few milliseconds are spent on waking the system's threads for a page of matches, microseconds on reading it here.
    return length <= readAtOnce ? this.#readNow(from, length) : this.#readAside(from, length);
  }

  /** The byte at which code point `character` begins; the end of the text where there are fewer. */
  async byteAt(character: number): Promise<number> {
    if (character <= 0) return 0;
    const block = await this.#index.blockAtCharacter(character);
    const rest = character - block.characters;
    if (block.isOneByteEach) return Math.min(block.to, block.from + rest);
    return block.from + bytesOfCharacters(await this.#readBlock(block), rest);
  }

  /** The number of code points before `byte`, which must lie between two characters. */
  async characterAt(byte: number): Promise<number> {
    const block = await this.#index.blockAtByte(byte);
    const rest = byte - block.from;
    if (rest === 0 || block.isOneByteEach) return block.characters + rest;
    return block.characters + countCharacters((await this.#readBlock(block)).subarray(0, rest));
  }

  /** Where the character that covers `byte` begins. */
  async characterStart(byte: number): Promise<number> {
    const from = Math.max(0, byte - 3);
    return from + characterStart(await this.readBytes(from, Math.min(this.bytes, byte + 4)), byte - from);
  }

  /** The line in which `byte` lies, from 1. */
  async lineAt(byte: number): Promise<number> {
    const block = await this.#index.blockAtByte(byte);
    return 1 + block.newlines + countNewlines((await this.#readBlock(block)).subarray(0, byte - block.from));
  }

  /** Counts code points and lines until the text is covered or `isEnough`: what is asked for later is then there at once. */
  async indexUntil(isEnough: () => boolean): Promise<void> {
    await this.#index.growUntil(isEnough);
  }

  /** Has threads count its beginning while other things are done, until stopAhead. */
  indexAhead(): void {
    if (this.isLarge) this.#index.growAhead(mostAhead / blockBytes);
  }

  stopAhead(): void {
    this.#ownIndex?.stopAhead();
  }

  /** For whoever finds that the file is not what it was. */
  goneError(cause?: unknown): ConfigError {
    return new ConfigError(
      "unreadable",
      `${this.file} can't be read any more, or became shorter since it was opened. Open the corpus again.`,
      { cause },
    );
  }

  #readNow(from: number, length: number): Buffer {
    const buffer = Buffer.allocUnsafe(length);
    if (length === 0) return buffer;
    let descriptor: number;
    try {
      descriptor = openSync(this.file, "r");
    } catch (error) {
      throw this.goneError(error);
    }
    try {
      for (let filled = 0; filled < length;) {
        const bytesRead = readSync(descriptor, buffer, filled, length - filled, this.from + from + filled);
        if (bytesRead === 0) throw this.goneError();
        filled += bytesRead;
      }
    } finally {
      closeSync(descriptor);
    }
    return buffer;
  }

  async #readAside(from: number, length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(length);
    await using handle = await open(this.file, "r").catch((error: unknown) => {
      throw this.goneError(error);
    });
    for (let filled = 0; filled < length;) {
      const { bytesRead } = await handle.read(buffer, filled, length - filled, this.from + from + filled);
      if (bytesRead === 0) throw this.goneError();
      filled += bytesRead;
    }
    return buffer;
  }

  /** Of 200,000 documents few are ever asked for a position. */
  get #index(): TextIndex {
    return (this.#ownIndex ??= new TextIndex(this));
  }

  async #readBlock({ index, from, to }: Block): Promise<Buffer> {
    if (latest?.source === this && latest.index === index) return latest.bytes;
    const bytes = await this.readBytes(from, to);
    latest = { source: this, index, bytes };
    return bytes;
  }
}
