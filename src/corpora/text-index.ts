/** Where the blocks of a text on disk begin: in bytes, in code points and in lines. It grows as far as someone asks. */
import { setImmediate } from "node:timers/promises";
import { help, stopHelping, type CountRequest, type Helped, type Stretch } from "./counting-threads.ts";
import { blocksOf, countBlocks, type BlockRange, type CountedBlocks } from "./count-blocks.ts";

/** Blocks counted in one go before others get their turn: about a millisecond. */
const turnBlocks = 64;
/** Blocks that a thread counts before it is asked again. */
const threadBlocks = 256;
/** Where no more are left, help would come too late. */
const helpedBlocks = 512;
/** How far threads go beyond what is known, where somebody waits for a position. */
const strideBlocks = 4096;

export interface IndexedRange extends BlockRange {
  /** What to throw where the file is not what it was. */
  goneError(cause: unknown): Error;
}

/** A stretch of the text that begins and ends between characters. */
export interface Block {
  readonly index: number;
  readonly from: number;
  readonly to: number;
  /** Code points before it. */
  readonly characters: number;
  /** Newlines before it. */
  readonly newlines: number;
  readonly isOneByteEach: boolean;
}

export class TextIndex implements Helped {
  readonly #range: IndexedRange;
  // Block i begins at byte #starts[i], with #characters[i] code points before it. What is known reaches to the last of them.
  readonly #starts: number[] = [0];
  readonly #characters: number[] = [0];
  readonly #newlines: number[] = [0];
  readonly #blocks: number;
  /** Blocks before it are counted, or someone is at it. */
  #claimed = 0;
  /** Claimed, and left uncounted. */
  readonly #returned: Stretch[] = [];
  readonly #waiting: (() => void)[] = [];
  #helpedUntil = 0;
  /** Counts by their first block, until those before them are there. */
  readonly #early = new Map<number, CountedBlocks>();

  constructor(range: IndexedRange) {
    this.#range = range;
    this.#blocks = blocksOf(range);
  }

  /** Code points of the whole text. */
  async countCharacters(): Promise<number> {
    await this.growUntil(() => false);
    return this.#characters.at(-1) ?? 0;
  }

  /** The block with the code point; an empty one at the end where the text has fewer. */
  async blockAtCharacter(character: number): Promise<Block> {
    await this.growUntil(() => (this.#characters.at(-1) ?? 0) > character);
    return this.#block(lastNotAbove(this.#characters, character));
  }

  /** The block with the byte; an empty one at the end where the text has fewer. */
  async blockAtByte(byte: number): Promise<Block> {
    await this.growUntil(() => (this.#starts.at(-1) ?? 0) > byte);
    return this.#block(lastNotAbove(this.#starts, byte));
  }

  /** Counts on until the text is covered or `isEnough`: what is asked for later is then there at once. */
  async growUntil(isEnough: () => boolean): Promise<void> {
    while (this.#starts.length <= this.#blocks && !isEnough()) {
      this.#wantHelp(this.#starts.length + strideBlocks);
      const turn = this.#takeReturned() ?? this.#claim(turnBlocks, this.#blocks);
      if (turn) {
        this.#count(turn);
        await setImmediate();
      } else await this.#nextHelped();
    }
  }

  /** Has threads count the first `blocks` while other things are done. */
  growAhead(blocks: number): void {
    this.#wantHelp(blocks);
  }

  /** No more threads; whoever waits counts by himself. */
  stopAhead(): void {
    stopHelping(this);
  }

  #wantHelp(until: number): void {
    if (this.#blocks - this.#claimed <= helpedBlocks) return;
    this.#helpedUntil = Math.min(this.#blocks, Math.max(this.#helpedUntil, until));
    if (this.#claimed < this.#helpedUntil) help(this);
  }

  nextRequest(): CountRequest | undefined {
    const blocks = this.#claim(threadBlocks, this.#helpedUntil);
    if (!blocks) return undefined;
    const { file, from, bytes } = this.#range;
    return { range: { file, from, bytes }, ...blocks };
  }

  helped({ first, end }: Stretch, counted: CountedBlocks | undefined): void {
    if (counted) this.#put(first, counted);
    else {
      this.#returned.push({ first, end });
      this.#helpedUntil = 0; // Whoever needs it meets the reason.
    }
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** All is claimed: what is missing comes from the threads. */
  async #nextHelped(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    const alive = setInterval(() => {}, 60_000); // They keep no process alive, but whoever waits does.
    await promise;
    clearInterval(alive);
  }

  /** Blocks that nobody counts yet. */
  #claim(most: number, until: number): Stretch | undefined {
    const first = this.#claimed;
    if (first >= until) return undefined;
    this.#claimed = Math.min(until, first + most);
    return { first, end: this.#claimed };
  }

  /** What could not be counted is an error for whoever needs it next; others have not come that far. */
  #count({ first, end }: Stretch): void {
    try {
      this.#put(first, countBlocks(this.#range, first, end));
    } catch (error) {
      this.#returned.push({ first, end });
      if (first === this.#starts.length - 1) throw this.#range.goneError(error);
    }
  }

  /** What a thread gave back, where nothing before it is missing. */
  #takeReturned(): Stretch | undefined {
    const at = this.#returned.findIndex(({ first }) => first === this.#starts.length - 1);
    return at < 0 ? undefined : this.#returned.splice(at, 1)[0];
  }

  /** Adds counts as soon as all before them are there. */
  #put(first: number, counted: CountedBlocks): void {
    this.#early.set(first, counted);
    for (;;) {
      const next = this.#starts.length - 1;
      const found = this.#early.get(next);
      if (!found) return;
      this.#early.delete(next);
      for (const [i, end] of found.ends.entries()) {
        this.#starts.push(end);
        this.#characters.push((this.#characters.at(-1) ?? 0) + (found.characters[i] ?? 0));
        this.#newlines.push((this.#newlines.at(-1) ?? 0) + (found.newlines[i] ?? 0));
      }
    }
  }

  #block(index: number): Block {
    const from = this.#starts[index] ?? 0;
    const to = this.#starts[index + 1] ?? this.#range.bytes;
    const characters = this.#characters[index] ?? 0;
    const isOneByteEach = (this.#characters[index + 1] ?? NaN) - characters === to - from;
    return { index, from, to, characters, newlines: this.#newlines[index] ?? 0, isOneByteEach };
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
