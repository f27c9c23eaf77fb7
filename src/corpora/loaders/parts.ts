/** The parts of an office document or a book: XML files in a ZIP file. They are checked before any library reads them. */
import { zipSync } from "fflate";
import { UnreadableError } from "./limits.ts";
import type { Loading } from "./loading.ts";

export interface Parts {
  readonly names: readonly string[];
  /** Contract: throws UnreadableError where there is no such part, or it unpacks to too much. */
  readonly read: (name: string) => Promise<Buffer>;
}

export type PartsLoader = (parts: Parts, path: string, loading: Loading) => Promise<void>;

export async function readXml(parts: Parts, name: string): Promise<string> {
  return checkedXml(await parts.read(name), name);
}

/** Entities are how XML grows without end or reaches for other files; no office program declares any. */
export function checkedXml(content: Buffer, name: string): string {
  const text = new TextDecoder(xmlEncoding(content)).decode(content);
  if (/<!(?:ENTITY|DOCTYPE[^>]*\[)/i.test(text))
    throw new UnreadableError(`"${name}" in it declares XML entities, which are refused`);
  return text;
}

function xmlEncoding(content: Buffer): string {
  const [a, b] = content;
  if (a === 0xff && b === 0xfe) return "utf-16le";
  if (a === 0xfe && b === 0xff) return "utf-16be";
  return a === 0x3c && b === 0 ? "utf-16le" : a === 0 && b === 0x3c ? "utf-16be" : "utf-8";
}

/**
 * A ZIP file of the chosen parts, not compressed: what a library unpacks of it is what was counted and checked here,
 * and nothing else.
 */
export async function repack(
  parts: Parts,
  isWanted: (name: string) => boolean,
  change: (name: string, xml: string) => string = (_, xml) => xml,
): Promise<Buffer> {
  const files: Record<string, Uint8Array> = {};
  for (const name of parts.names.filter(isWanted))
    files[name] = Buffer.from(change(name, await readXml(parts, name)).replace(xmlDeclaration, ""));
  const { buffer, byteOffset, length } = zipSync(files, { level: 0 });
  return Buffer.from(buffer, byteOffset, length);
}

/** It may name the encoding that the part was in; now it is UTF-8, as XML is where nothing is said. */
const xmlDeclaration = /^\ufeff?\s*<\?xml[^>]*\?>/;
