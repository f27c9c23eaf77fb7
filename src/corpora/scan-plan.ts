/** Which files to search for which parts of a corpus, and which bytes of a file belong to which part. */
import type { Part } from "./part.ts";
import { isWholeDocument } from "./part.ts";
import type { Spool } from "./spool.ts";
import type { TextSource } from "./text-source.ts";

/** A part as it lies in a file that is searched. */
export interface Piece {
  readonly part: Part;
  /** Its place in the corpus. */
  readonly order: number;
  readonly file: string;
  /** Where its first byte is in the file. */
  readonly offset: number;
  /** True where the file holds nothing else. */
  readonly alone: boolean;
}

export class ScanPlan {
  readonly #pieces: ReadonlyMap<string, readonly Piece[]>;

  constructor(pieces: ReadonlyMap<string, readonly Piece[]>) {
    this.#pieces = pieces;
  }

  get files(): string[] {
    return [...this.#pieces.keys()];
  }

  get texts(): TextSource[] {
    return [...this.#pieces.values()].flat().map(({ part }) => part.text);
  }

  piecesOf(file: string): readonly Piece[] {
    return this.#pieces.get(file) ?? [];
  }

  /** The last piece that begins at or before a byte; the byte may still be beyond its end. */
  pieceAt(file: string, byte: number): Piece | undefined {
    const pieces = this.piecesOf(file);
    let low = 0;
    let high = pieces.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((pieces[middle]?.offset ?? 0) <= byte) low = middle;
      else high = middle - 1;
    }
    const piece = pieces[low];
    return piece && piece.offset <= byte ? piece : undefined;
  }
}

/**
 * Searches files where they are. Only what ripgrep could not tell apart gets a file of its own, once: a stretch of a
 * document, whose edges must be edges of the text, and one of several texts in a file when matches may cross lines.
 */
export class ScanPlanner {
  readonly #spool: Spool;
  readonly #copies = new Map<Part, Promise<string>>();

  constructor(spool: Spool) {
    this.#spool = spool;
  }

  async plan(parts: readonly Part[], crossesLines: boolean, signal: AbortSignal): Promise<ScanPlan> {
    const pieces = new Map<string, Piece[]>();
    for (const [order, part] of parts.entries()) {
      if (part.to === part.from) continue;
      const needsCopy = !isWholeDocument(part) || (crossesLines && !part.text.wholeFile);
      const piece: Piece = needsCopy
        ? { part, order, file: await this.#copyOf(part, signal), offset: 0, alone: true }
        : { part, order, ...placeOf(part) };
      const others = pieces.get(piece.file);
      if (others) others.push(piece);
      else pieces.set(piece.file, [piece]);
    }
    for (const list of pieces.values()) list.sort((a, b) => a.offset - b.offset);
    return new ScanPlan(pieces);
  }

  #copyOf(part: Part, signal: AbortSignal): Promise<string> {
    const known = this.#copies.get(part);
    if (known) return known;
    const copy = this.#spool.write(bytesOf(part), signal).then(({ file }) => file);
    this.#copies.set(part, copy);
    // A copy that was aborted is made anew by the next who needs it.
    copy.catch(() => this.#copies.delete(part));
    return copy;
  }
}

function placeOf({ text }: Part): Omit<Piece, "part" | "order"> {
  return { file: text.file, offset: text.from, alone: text.wholeFile };
}

async function* bytesOf(part: Part): AsyncGenerator<Uint8Array> {
  const chunkBytes = 4 * 1024 * 1024;
  for (let from = part.from; from < part.to; from += chunkBytes) {
    yield await part.text.readBytes(from, Math.min(part.to, from + chunkBytes));
  }
}
