/** Judges a file by its first bytes: text in some encoding, a format that a loader reads, or nothing that can be read. */
import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { mayBeLoadedText, recogniseBinary, recogniseText } from "./loaders/recognise.ts";
import type { LoadedFormat } from "./loaders/recognise.ts";

export type InspectedFile =
  | (Exclude<Judgement, { readonly kind: "binary" }> & {
      readonly bytes: number;
      readonly modifiedMs: number;
    })
  /** A pipe or a device, as a shell's `<(command)` gives: it has no size and is read once. */
  | { readonly kind: "stream" }
  | { readonly kind: "binary" | "unreadable"; readonly reason: string };

export type Judgement =
  | { readonly kind: "text"; readonly encoding: Encoding }
  /** Text has to be taken out of it. `encoding` is there where the file is text itself. */
  | { readonly kind: "loaded"; readonly format: LoadedFormat; readonly encoding?: Encoding }
  | { readonly kind: "binary"; readonly reason: string };

export type Encoding = "utf-8" | "utf-16le" | "utf-16be" | "utf-32le" | "utf-32be";

export interface InspectOptions {
  /** What its ending is read from. @default the file's own name */
  readonly path?: string;
  /** Take each file as it is: no loader is asked for. */
  readonly raw?: boolean;
}

export const headBytes = 8192;
const head = Buffer.alloc(headBytes);

/** Synchronous: a file costs four short system calls, where a directory of 200,000 would wait long for promises. */
export function inspectFile(file: string, { path = file, raw = false }: InspectOptions = {}): InspectedFile {
  let descriptor: number | undefined;
  try {
    // Before it is opened: opening a pipe that nobody writes to never returns.
    const { isPipe, isFile } = kindOf(file);
    if (isPipe) return { kind: "stream" };
    if (!isFile) return { kind: "unreadable", reason: "neither a file nor a pipe" };
    descriptor = openSync(file, "r");
    const { size: bytes, mtimeMs: modifiedMs } = fstatSync(descriptor);
    const first = head.subarray(0, readSync(descriptor, head, 0, headBytes, 0));
    const judgement = judge(first, path, raw);
    // Nearly all files are plain text: for them one object, and nothing copied.
    if (judgement === plainText) return { kind: "text", encoding: "utf-8", bytes, modifiedMs };
    return judgement.kind === "binary" ? judgement : { ...judgement, bytes, modifiedMs };
  } catch (error) {
    return { kind: "unreadable", reason: reasonOf(error) };
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function kindOf(file: string): { isPipe: boolean; isFile: boolean } {
  const stats = statSync(file);
  return { isPipe: stats.isFIFO() || stats.isCharacterDevice(), isFile: stats.isFile() };
}

/** @param first the first bytes, `headBytes` of them where there are so many */
export function judge(first: Buffer, path: string, raw: boolean): Judgement {
  const format = raw ? undefined : recogniseBinary(first, path);
  if (format) return { kind: "loaded", format };
  const binary = formats.find(({ magic }) => first.subarray(0, magic.length).equals(magic));
  if (binary) return { kind: "binary", reason: binary.reason };
  const encoding = encodingOf(first);
  if (encoding === undefined) return { kind: "binary", reason: binaryReason(first) };
  if (raw || !mayBeLoadedText(path, first[0]))
    return encoding === "utf-8" ? plainText : { kind: "text", encoding };
  const text = encoding === "utf-8" ? first.toString("utf8") : decodeHead(first, encoding);
  const loaded = recogniseText(text, path);
  return loaded ? { kind: "loaded", format: loaded, encoding } : { kind: "text", encoding };
}

const plainText: Judgement = { kind: "text", encoding: "utf-8" };

function decodeHead(first: Buffer, encoding: Encoding): string {
  return encoding.startsWith("utf-32") ? "" : new TextDecoder(encoding).decode(first);
}

/** Undefined for what is no text: UTF-8 has no zero bytes, and what is in UTF-16 or UTF-32 says so or is plain to see. */
function encodingOf(first: Buffer): Encoding | undefined {
  const [a, b, c, d] = first;
  if (a === 0xff && b === 0xfe) return c === 0 && d === 0 ? "utf-32le" : "utf-16le";
  if (a === 0xfe && b === 0xff) return "utf-16be";
  if (a === 0 && b === 0 && c === 0xfe && d === 0xff) return "utf-32be";
  return first.includes(0) ? unmarkedUtf16(first) : "utf-8";
}

/**
 * UTF-16 without its mark, as some programs on Windows write it. Conservative: nearly all characters are Latin, so that
 * every second byte is zero and no other is, and none is a control character.
 */
function unmarkedUtf16(first: Buffer): Encoding | undefined {
  const units = first.length >> 1;
  if (units < 8) return undefined;
  const high = [0, 0];
  for (let i = 0; i < units * 2; i++) if (first[i] === 0) high[i % 2] = (high[i % 2] ?? 0) + 1;
  const [even = 0, odd = 0] = high;
  if (Math.min(even, odd) > 0 || Math.max(even, odd) < units * 0.9) return undefined;
  const encoding = odd > 0 ? "utf-16le" : "utf-16be";
  const text = new TextDecoder(encoding).decode(first.subarray(0, units * 2));
  return /[\u0001-\u0008\u000b\u000e-\u001f\ufffd]/.test(text.slice(0, -1)) ? undefined : encoding;
}

/** Formats that loaders read, where none is asked for: they may have no zero byte near their beginning. */
const formats: readonly { magic: Buffer; reason: string }[] = [
  { magic: Buffer.from("%PDF-"), reason: 'a PDF: its text can be read without "raw"' },
  { magic: Buffer.of(0x1f, 0x8b), reason: 'compressed with gzip: its text can be read without "raw"' },
  {
    magic: Buffer.from("PK\x03\x04"),
    reason: 'a ZIP archive or an office document: its text can be read without "raw"',
  },
];

/** Asked only of what has zero bytes: a text may begin with any letters. */
function binaryReason(first: Buffer): string {
  return binaryFormats.find(({ magic }) => first.subarray(0, magic.length).equals(magic))?.reason ?? "binary";
}

const binaryFormats: readonly { magic: Buffer; reason: string }[] = [
  { magic: Buffer.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0), reason: "compressed with xz: unpack it first" },
  { magic: Buffer.of(0x28, 0xb5, 0x2f, 0xfd), reason: "compressed with zstd: unpack it first" },
  { magic: Buffer.of(0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c), reason: "a 7z archive: unpack it first" },
  { magic: Buffer.from("Rar!\x1a\x07"), reason: "a RAR archive: unpack it first" },
  {
    magic: Buffer.of(0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1),
    reason: "an old office document, or one with a password: save it as DOCX, XLSX or PPTX without one",
  },
];

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EACCES" || code === "EPERM") return "no permission to read it";
  if (code === "ENOENT") return "it is gone, or a link to nothing";
  return error instanceof Error ? error.message : String(error);
}
