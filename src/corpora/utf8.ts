/**
 * UTF-8 as Python reads it with "surrogateescape": what is no UTF-8 becomes lone surrogates U+DC80–DCFF, one a
 * byte, so that bytes and text convert both ways. Pure: it knows bytes and strings, no files.
 */
import { isAscii, isUtf8 } from "node:buffer";
import { countBytes } from "./count-bytes.ts";

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
  return measureText(bytes).characters;
}

/** The same, and its newlines. */
export function measureText(bytes: Uint8Array): { readonly characters: number; readonly newlines: number } {
  const { continuations, newlines } = countBytes(bytes);
  return { characters: charactersOf(bytes, continuations), newlines };
}

/** Each character has one byte that is no continuation; in what is no UTF-8, each byte that belongs to none is one, too. */
function charactersOf(bytes: Uint8Array, continuations: number): number {
  if (continuations === 0 || isUtf8(bytes)) return bytes.length - continuations;
  // One bad byte slows down only what is around it.
  if (bytes.length > 256) {
    const middle = characterStart(bytes, bytes.length >> 1);
    return countCharacters(bytes.subarray(0, middle)) + countCharacters(bytes.subarray(middle));
  }
  let count = 0;
  for (let i = 0; i < bytes.length; count++) i += sequenceLength(bytes, i) || 1;
  return count;
}

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
  return countBytes(bytes).newlines;
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
