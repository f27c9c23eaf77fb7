/** Reads a bounded part of a text, whole where it is small, else from all over it. Synchronous, for describe(). */
import { closeSync, openSync, readSync } from "node:fs";
import type { Part } from "./part.ts";
import { characterStart, countCharacters, decodeText } from "./utf8.ts";

export interface Sample {
  /** Whole lines, but for the edges of the text. */
  readonly text: string;
  /** The first stretch: what the text begins with. */
  readonly head: string;
  /** The last stretch; empty where the sample is all. */
  readonly tail: string;
  readonly complete: boolean;
  /** Bytes and code points of `text`. */
  readonly bytes: number;
  readonly characters: number;
  /** The text's bytes divided by the sample's: what counts in the sample are multiplied by. */
  readonly scale: number;
}

const windows = 8;

export function sampleOf(part: Part, mostBytes: number): Sample {
  const size = part.to - part.from;
  const descriptor = openSync(part.text.file, "r");
  try {
    const read = (from: number, to: number): Buffer => {
      const buffer = Buffer.allocUnsafe(to - from);
      const bytesRead = readSync(descriptor, buffer, 0, buffer.length, part.text.from + part.from + from);
      return buffer.subarray(0, bytesRead);
    };
    if (size <= mostBytes) return sampleFrom([read(0, size)], size);
    const windowBytes = Math.floor(mostBytes / windows);
    const step = Math.floor((size - windowBytes) / (windows - 1));
    const pieces = Array.from({ length: windows }, (_, i) =>
      wholeLines(read(i * step, i * step + windowBytes), i > 0, i < windows - 1),
    );
    return sampleFrom(pieces, size);
  } finally {
    closeSync(descriptor);
  }
}

function sampleFrom(pieces: readonly Buffer[], size: number): Sample {
  const texts = pieces.map(decodeText);
  const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return {
    text: texts.join(""),
    head: texts[0] ?? "",
    tail: texts.length > 1 ? (texts.at(-1) ?? "") : "",
    complete: pieces.length === 1,
    bytes,
    characters: pieces.reduce((sum, piece) => sum + countCharacters(piece), 0),
    scale: bytes === 0 ? 1 : size / bytes,
  };
}

/** Cuts a window back to lines that it holds whole; where there are none, to characters. */
function wholeLines(window: Buffer, cutsStart: boolean, cutsEnd: boolean): Buffer {
  const firstEnd = window.indexOf(0x0a);
  const from = !cutsStart
    ? 0
    : firstEnd >= 0 && firstEnd < window.length - 1
      ? firstEnd + 1
      : characterAfter(window);
  const lastEnd = window.lastIndexOf(0x0a);
  const to = !cutsEnd
    ? window.length
    : lastEnd > from
      ? lastEnd + 1
      : characterStart(window, window.length - 1);
  return window.subarray(from, to);
}

function characterAfter(window: Buffer): number {
  let i = 0;
  while (i < 3 && ((window[i] ?? 0) & 0xc0) === 0x80) i++;
  return i;
}
