/**
 * UTF-8 as Python reads it with "surrogateescape": what is no UTF-8 becomes lone surrogates U+DC80–DCFF, one a
 * byte, so that bytes and text convert both ways. Pure: it knows bytes and strings, no files.
 */
import { isAscii, isUtf8 } from "node:buffer";

export function decodeText(bytes: Uint8Array): string {
  const buffer = asBuffer(bytes);
  if (isAscii(buffer)) return buffer.toString("latin1");
  if (isUtf8(buffer)) return buffer.toString("utf8");
  let text = "";
  let validFrom = 0;
  for (let i = 0; i < buffer.length;) {
    const length = sequenceLength(buffer, i);
    if (length > 0) {
      i += length;
      continue;
    }
    text += buffer.toString("utf8", validFrom, i) + String.fromCharCode(0xdc00 + byteAt(buffer, i));
    validFrom = ++i;
  }
  return text + buffer.toString("utf8", validFrom);
}

/** The inverse of decodeText. Other lone surrogates have no bytes and become U+FFFD. */
export function encodeText(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text, "utf8");
  const pieces: Buffer[] = [];
  let plainFrom = 0;
  for (const { 0: escapes, index } of text.matchAll(escapedRuns)) {
    pieces.push(Buffer.from(text.slice(plainFrom, index), "utf8"));
    pieces.push(Buffer.from(Array.from(escapes, (escape) => escape.charCodeAt(0) - 0xdc00)));
    plainFrom = index + escapes.length;
  }
  pieces.push(Buffer.from(text.slice(plainFrom), "utf8"));
  return Buffer.concat(pieces);
}

/** With the flag u, a low surrogate in a class matches only where it is no half of a pair. */
const escapedRuns = /[\udc80-\udcff]+/gu;

/** Length in code points of the text that the bytes decode to. They must begin and end between characters. */
export function countCharacters(bytes: Uint8Array): number {
  if (isAscii(bytes)) return bytes.length;
  if (isUtf8(bytes)) {
    // Most text is ASCII in long stretches, which are skipped by the native check.
    let continuations = 0;
    for (let i = 0; i < bytes.length; i += stretchBytes) {
      const stretch = bytes.subarray(i, i + stretchBytes);
      if (!isAscii(stretch)) continuations += countContinuations(stretch);
    }
    return bytes.length - continuations;
  }
  let count = 0;
  for (let i = 0; i < bytes.length; count++) i += sequenceLength(bytes, i) || 1;
  return count;
}

const stretchBytes = 4_096;

/** Bytes that the first `characters` code points take, or all of them where there are fewer. */
export function bytesOfCharacters(bytes: Uint8Array, characters: number): number {
  let i = 0;
  for (let count = 0; count < characters && i < bytes.length; count++) i += sequenceLength(bytes, i) || 1;
  return i;
}

/**
 * Where the character that covers `position` begins: `position` itself, or up to three bytes before it. Needs three
 * bytes of context on both sides, as far as the text has them.
 */
export function characterStart(bytes: Uint8Array, position: number): number {
  if (position >= bytes.length || !isContinuation(byteAt(bytes, position))) return position;
  for (let i = position - 1; i >= Math.max(0, position - 3); i--) {
    if (isContinuation(byteAt(bytes, i))) continue;
    return i + sequenceLength(bytes, i) > position ? i : position;
  }
  return position;
}

export function countNewlines(bytes: Uint8Array): number {
  const { head, words, tail } = inWords(bytes);
  let count = 0;
  for (let i = 0; i < words.length;) {
    let marks = 0;
    for (const end = Math.min(words.length, i + mostMarks); i < end; i++) {
      // Newlines become zero bytes; a zero byte is one whose low seven bits carry nothing into the top one.
      const zeroed = (words[i] ?? 0) ^ 0x0a0a0a0a;
      marks = (marks + ((~(((zeroed & 0x7f7f7f7f) + 0x7f7f7f7f) | zeroed) >>> 7) & 0x01010101)) | 0;
    }
    count += sumOfBytes(marks);
  }
  for (const byte of head) if (byte === 0x0a) count++;
  for (const byte of tail) if (byte === 0x0a) count++;
  return count;
}

function countContinuations(bytes: Uint8Array): number {
  const { head, words, tail } = inWords(bytes);
  let count = 0;
  let i = 0;
  // Four words a step: a third faster than one.
  for (const last = words.length - 3; i < last;) {
    let marks = 0;
    for (const end = Math.min(last, i + mostMarks - 3); i < end; i += 4) {
      marks += continuationMarks(words[i] ?? 0) + continuationMarks(words[i + 1] ?? 0);
      marks += continuationMarks(words[i + 2] ?? 0) + continuationMarks(words[i + 3] ?? 0);
      marks |= 0;
    }
    count += sumOfBytes(marks);
  }
  for (; i < words.length; i++) count += sumOfBytes(continuationMarks(words[i] ?? 0));
  for (const byte of head) if (isContinuation(byte)) count++;
  for (const byte of tail) if (isContinuation(byte)) count++;
  return count;
}

/** 10xxxxxx: the top bit is set, the next is not. */
function continuationMarks(word: number): number {
  return (word >>> 7) & ~(word >>> 6) & 0x01010101;
}

/** Each byte of a word marks itself with a one; so many words can be added up before a byte overflows. */
const mostMarks = 255;

/** Four bytes a step is five times as fast as byte by byte. Two loops: with a function to call, a shared one is slow. */
function inWords(bytes: Uint8Array): { head: Uint8Array; words: Int32Array; tail: Uint8Array } {
  const headBytes = Math.min(bytes.length, (4 - (bytes.byteOffset % 4)) % 4);
  const words = Math.floor((bytes.length - headBytes) / 4);
  return {
    head: bytes.subarray(0, headBytes),
    words: new Int32Array(bytes.buffer, words === 0 ? 0 : bytes.byteOffset + headBytes, words),
    tail: bytes.subarray(headBytes + words * 4),
  };
}

function sumOfBytes(word: number): number {
  return (word & 255) + ((word >>> 8) & 255) + ((word >>> 16) & 255) + (word >>> 24);
}

/** Length of the well-formed sequence that begins at `i` (Unicode, table 3-7), or 0. */
function sequenceLength(bytes: Uint8Array, i: number): number {
  const lead = byteAt(bytes, i);
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const second = byteAt(bytes, i + 1);
  if (lead < 0xe0) return isContinuation(second) ? 2 : 0;
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest || !isContinuation(byteAt(bytes, i + 2))) return 0;
  if (lead < 0xf0) return 3;
  return isContinuation(byteAt(bytes, i + 3)) ? 4 : 0;
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

/** Past the end there is a byte that continues nothing. */
function byteAt(bytes: Uint8Array, i: number): number {
  return bytes[i] ?? 0;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
