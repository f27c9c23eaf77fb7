/** What a loader reads: a file, or bytes that were packed in one. */
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { sizeText, UnreadableError } from "./limits.ts";

export type Input =
  | { readonly kind: "file"; readonly file: string; readonly bytes: number }
  | { readonly kind: "bytes"; readonly content: Buffer };

export function sizeOf(input: Input): number {
  return input.kind === "file" ? input.bytes : input.content.length;
}

export function streamOf(input: Input): Readable {
  return input.kind === "file"
    ? createReadStream(input.file, { highWaterMark: 256 * 1024 })
    : Readable.from(inPieces(input.content), { objectMode: false });
}

function* inPieces(content: Buffer): Generator<Buffer> {
  const pieceBytes = 256 * 1024;
  for (let from = 0; from < content.length; from += pieceBytes)
    yield content.subarray(from, from + pieceBytes);
}

export async function wholeOf(input: Input, mostBytes: number): Promise<Buffer> {
  if (sizeOf(input) > mostBytes) throw tooLarge(sizeOf(input), mostBytes);
  return input.kind === "file" ? readFile(input.file) : input.content;
}

export async function collect(stream: AsyncIterable<Uint8Array>, mostBytes: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of stream) {
    bytes += piece.length;
    if (bytes > mostBytes) throw tooLarge(bytes, mostBytes);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function tooLarge(bytes: number, mostBytes: number): UnreadableError {
  return new UnreadableError(
    `too large to be read as a whole: ${sizeText(bytes)}, at most ${sizeText(mostBytes)}`,
  );
}

/** The first bytes of a stream, and the stream from its beginning again. */
export async function peek(
  stream: AsyncIterable<Uint8Array>,
  bytes: number,
): Promise<{ head: Buffer; whole: AsyncGenerator<Uint8Array> }> {
  const iterator = stream[Symbol.asyncIterator]();
  const pieces: Uint8Array[] = [];
  let length = 0;
  while (length < bytes) {
    const { done, value } = await iterator.next();
    if (done) break;
    pieces.push(value);
    length += value.length;
  }
  return { head: Buffer.concat(pieces).subarray(0, bytes), whole: again(pieces, iterator) };
}

async function* again(
  pieces: readonly Uint8Array[],
  iterator: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* pieces;
    for (;;) {
      const { done, value } = await iterator.next();
      if (done) return;
      yield value;
    }
  } finally {
    await iterator.return?.();
  }
}
