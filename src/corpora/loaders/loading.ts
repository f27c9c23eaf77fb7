/** What every loader is given, and how one hands on what is packed in its file. */
import { skippedNames } from "../skipped-names.ts";
import type { Collector } from "./collector.ts";
import type { Input } from "./input.ts";

export interface Loading {
  readonly collector: Collector;
  /** Files that this one is packed in. */
  readonly depth: number;
  /** What text that isn't UTF-8 is in, where the caller said so. */
  readonly encoding: string | undefined;
  /** Takes a packed file as if it lay in a folder; what can't be read is left out by name. */
  readonly take: (member: Member) => Promise<void>;
}

/** A file in a file. */
export interface Member {
  /** Of the whole way to it, for instance "a.zip!/b.md". */
  readonly path: string;
  readonly stream: AsyncIterable<Uint8Array>;
}

/** Contract: throws where the file can't be read; the reason is told to a person. */
export type Loader = (input: Input, path: string, loading: Loading) => Promise<void>;

/** The path of a packed file, or nothing for a name that leads out of the archive. */
export function memberPath(archive: string, name: string): string | undefined {
  const parts = name.replaceAll("\\", "/").split("/");
  if (parts.includes("..") || parts[0] === "" || /^[A-Za-z]:/.test(name)) return undefined;
  const shown = parts.filter((part) => part !== "" && part !== ".").join("/");
  return shown === "" ? undefined : `${archive}!/${oneLine(shown)}`;
}

/** Names come from strangers and are shown in one line. */
export function oneLine(name: string): string {
  return name.replace(/[\u0000-\u001f\u007f\u2028\u2029]+/g, " ").slice(0, 1_000);
}

/** What no archive is trusted to say: how much it unpacks to. */
export async function* unpackedOf(
  stream: AsyncIterable<Uint8Array>,
  { unpacked, onProgress }: Collector,
): AsyncGenerator<Uint8Array> {
  for await (const piece of stream) {
    unpacked.addBytes(piece.length);
    onProgress();
    yield piece;
  }
}

/** What is left out of directories is left out of archives; macOS adds copies of its own. */
export function isSkipped(name: string): boolean {
  return name.split("/").some((part) => part === "__MACOSX" || skippedNames.includes(part));
}
