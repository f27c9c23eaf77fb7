/**
 * Counts what characters and lines are counted by, sixteen bytes at a time: the positions of a gigabyte are known in a third of the
 * time. The program is WebAssembly, written here by hand; it counts in a memory of its own, into which other bytes are copied.
 */

/** (at, end) → of the bytes from `at` to `end`, a multiple of 16 and at most `mostBytes` apart: continuations << 16 | newlines. */
// prettier-ignore
const program = Uint8Array.of(
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, // WebAssembly, version 1
  0x01, 0x07, 1, 0x60, 2, 0x7f, 0x7f, 1, 0x7f, // one type: two i32 to an i32
  0x03, 0x02, 1, 0, // one function of it
  0x05, 0x03, 1, 0x00, 6, // six pages of memory
  0x07, 0x12, 2, // two exports
  6, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 0x02, 0, // "memory"
  5, 0x63, 0x6f, 0x75, 0x6e, 0x74, 0x00, 0, // "count"
  0x0a, 0x73, 1, 0x71, // one body
  1, 4, 0x7b, // four v128: continuations, newlines, a lead's lowest value, a newline's
  0x41, 0x40, 0xfd, 0x0f, 0x21, 4, // i8x16.splat(-64): continuations, 0x80 to 0xbf, are the signed bytes below it
  0x41, 0x0a, 0xfd, 0x0f, 0x21, 5, // i8x16.splat(10)
  0x02, 0x40, 0x03, 0x40, // block, loop
  0x20, 0, 0x20, 1, 0x4f, 0x0d, 1, // leave the block where at >= end
  0x20, 2, 0x20, 0, 0xfd, 0x00, 0, 0, 0x20, 4, 0xfd, 0x25, // continuations, i8x16.lt_s(v128.load(at), …): -1 in those lanes
  0xfd, 0x71, 0x21, 2, // continuations = i8x16.sub
  0x20, 3, 0x20, 0, 0xfd, 0x00, 0, 0, 0x20, 5, 0xfd, 0x23, // newlines, i8x16.eq(v128.load(at), …)
  0xfd, 0x71, 0x21, 3, // newlines = i8x16.sub
  0x20, 0, 0x41, 16, 0x6a, 0x21, 0, // at += 16
  0x0c, 0, 0x0b, 0x0b, // again
  0x20, 2, 0xfd, 0x7d, 0xfd, 0x7f, 0x41, 16, 0xfd, 0xab, 1, // sums of continuations by fours, as i32x4, << 16
  0x20, 3, 0xfd, 0x7d, 0xfd, 0x7f, 0xfd, 0xae, 1, 0x22, 2, // + those of newlines
  0xfd, 0x1b, 0, // i32x4.extract_lane 0
  0x20, 2, 0xfd, 0x1b, 1, 0x6a, 0x20, 2, 0xfd, 0x1b, 2, 0x6a, 0x20, 2, 0xfd, 0x1b, 3, 0x6a, // + lanes 1, 2, 3
  0x0b,
);

const laneBytes = 16;
/** A lane of eight bits counts to 255. */
const mostBytes = 255 * laneBytes;
/** Pages of the system: what is read from one into one is copied twice as fast. */
const pageBytes = 4096;
/** The memory's first page is for copies. */
const copiedBytes = 64 * 1024;

/** What of the platform's own interface is used here; the types of Node leave it out. */
declare const WebAssembly: {
  readonly Module: new (program: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

interface Counter {
  readonly memory: Buffer<ArrayBuffer>;
  readonly count: (at: number, end: number) => number;
}

let counter: Counter | undefined;
/** Bytes of the memory that are given out. */
let given = copiedBytes;

function openCounter(): Counter {
  // What the program above exports.
  const { memory, count } = new WebAssembly.Instance(new WebAssembly.Module(program)).exports as {
    memory: { readonly buffer: ArrayBuffer };
    count: Counter["count"];
  };
  return { memory: Buffer.from(memory.buffer), count };
}

export interface ByteCounts {
  /** Bytes 0x80 to 0xBF. */
  readonly continuations: number;
  /** Bytes 0x0A. */
  readonly newlines: number;
}

export function countBytes(bytes: Uint8Array): ByteCounts {
  const { memory, count: countPiece } = (counter ??= openCounter());
  let continuations = 0;
  let newlines = 0;
  const whole = bytes.length - (bytes.length % laneBytes);
  if (bytes.buffer === memory.buffer) count(bytes.byteOffset, whole);
  else {
    for (let at = 0; at < whole; at += copiedBytes) {
      const piece = bytes.subarray(at, Math.min(whole, at + copiedBytes));
      memory.set(piece);
      count(0, piece.length);
    }
  }
  for (let at = whole; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if ((byte & 0xc0) === 0x80) continuations++;
    else if (byte === 0x0a) newlines++;
  }
  return { continuations, newlines };

  function count(from: number, length: number): void {
    for (let at = from; at < from + length; at += mostBytes) {
      const both = countPiece(at, Math.min(from + length, at + mostBytes));
      continuations += both >>> 16;
      newlines += both & 0xffff;
    }
  }
}

/** Memory in which bytes are counted where they are. It is given for good, begins on a page, and there are 320 KiB of it. */
export function countedMemory(bytes: number): Buffer<ArrayBuffer> {
  const { memory } = (counter ??= openCounter());
  if (given + bytes > memory.length)
    throw new RangeError(`There are ${memory.length - given} bytes left, not ${bytes}.`);
  const from = given;
  given += Math.ceil(bytes / pageBytes) * pageBytes;
  return memory.subarray(from, from + bytes);
}
