/**
 * Counts the bytes of a range of values in a text, sixteen at a time: the positions of a gigabyte are known in half the time. The
 * program is WebAssembly, written here by hand; it knows one page of memory, into which the text is copied piece by piece.
 */

/** (at, end, low, width) → how many bytes from `at` to `end`, a multiple of 16 and at most `mostBytes` apart, lie in [low, low + width). */
// prettier-ignore
const program = Uint8Array.of(
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, // WebAssembly, version 1
  0x01, 0x09, 1, 0x60, 4, 0x7f, 0x7f, 0x7f, 0x7f, 1, 0x7f, // one type: four i32 to an i32
  0x03, 0x02, 1, 0, // one function of it
  0x05, 0x03, 1, 0x00, 1, // one page of memory
  0x07, 0x12, 2, // two exports
  6, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 0x02, 0, // "memory"
  5, 0x63, 0x6f, 0x75, 0x6e, 0x74, 0x00, 0, // "count"
  0x0a, 0x59, 1, 0x57, // one body
  1, 3, 0x7b, // three v128: marks, lows, widths
  0x20, 2, 0xfd, 0x0f, 0x21, 5, // lows = i8x16.splat(low)
  0x20, 3, 0xfd, 0x0f, 0x21, 6, // widths = i8x16.splat(width)
  0x02, 0x40, 0x03, 0x40, // block, loop
  0x20, 0, 0x20, 1, 0x4f, 0x0d, 1, // leave the block where at >= end
  0x20, 4, // marks
  0x20, 0, 0xfd, 0x00, 0, 0, // v128.load(at)
  0x20, 5, 0xfd, 0x71, // i8x16.sub(…, lows)
  0x20, 6, 0xfd, 0x26, // i8x16.lt_u(…, widths): -1 in the lanes that count
  0xfd, 0x71, 0x21, 4, // marks = i8x16.sub(marks, …)
  0x20, 0, 0x41, 16, 0x6a, 0x21, 0, // at += 16
  0x0c, 0, 0x0b, 0x0b, // again
  0x20, 4, 0xfd, 0x7d, 0xfd, 0x7f, 0x22, 4, // marks = their sums by fours, as i32x4
  0xfd, 0x1b, 0, // i32x4.extract_lane 0
  0x20, 4, 0xfd, 0x1b, 1, 0x6a, 0x20, 4, 0xfd, 0x1b, 2, 0x6a, 0x20, 4, 0xfd, 0x1b, 3, 0x6a, // + lanes 1, 2, 3
  0x0b,
);

const laneBytes = 16;
/** A lane of eight bits counts to 255. */
const mostBytes = 255 * laneBytes;

/** What of the platform's own interface is used here; the types of Node leave it out. */
declare const WebAssembly: {
  readonly Module: new (program: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

interface Counter {
  readonly memory: Uint8Array;
  count(at: number, end: number, low: number, width: number): number;
}

let counter: Counter | undefined;

function openCounter(): Counter {
  // What the program above exports.
  const { memory, count } = new WebAssembly.Instance(new WebAssembly.Module(program)).exports as {
    memory: { readonly buffer: ArrayBuffer };
    count: Counter["count"];
  };
  return { memory: new Uint8Array(memory.buffer), count };
}

/** How many of the bytes are in [low, low + width), counted round from 255 to 0. */
export function countBytes(bytes: Uint8Array, low: number, width: number): number {
  const { memory, count } = (counter ??= openCounter());
  let total = 0;
  let at = 0;
  for (const whole = bytes.length - (bytes.length % laneBytes); at < whole;) {
    const piece = bytes.subarray(at, Math.min(whole, at + memory.length));
    memory.set(piece);
    for (let from = 0; from < piece.length; from += mostBytes)
      total += count(from, Math.min(piece.length, from + mostBytes), low, width);
    at += piece.length;
  }
  for (; at < bytes.length; at++) if ((((bytes[at] ?? 0) - low) & 255) < width) total++;
  return total;
}
