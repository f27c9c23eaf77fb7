/** Reads files that are to be part of a conversation: texts as every corpus reads them, pictures as they are. */
import { readFile, stat } from "node:fs/promises";
import { basename, extname, relative, resolve } from "node:path";
import type { SkippedInput } from "../core/corpus.ts";
import { ConfigError } from "../core/errors.ts";
import type { FilePart } from "../core/message.ts";
import { openCorpus } from "../corpora/index.ts";

export interface Attachments {
  /** One for each file, in the order of the paths. */
  readonly parts: readonly FilePart[];
  /** What folders and globs have besides, such as pictures, with the reason. */
  readonly skipped: readonly SkippedInput[];
}

/**
 * A folder or a glob is all files below it that hold text. Throws ConfigError for what is not there, not readable, or too
 * large to be part of a talk.
 */
export async function readAttachments(
  paths: readonly string[],
  options: { readonly workingFolder: string; readonly signal: AbortSignal },
): Promise<Attachments> {
  const parts: FilePart[] = [];
  const skipped: SkippedInput[] = [];
  for (const path of paths) {
    const mediaType = pictures[extname(path).toLowerCase()];
    const file = resolve(options.workingFolder, path);
    if (mediaType !== undefined && (await isFile(file))) parts.push(await readPicture(path, file, mediaType));
    else {
      const texts = await readTexts(path, options);
      parts.push(...texts.parts);
      skipped.push(...texts.skipped);
    }
  }
  return { parts, skipped };
}

const pictures: Readonly<Record<string, string>> = {
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".gif": "image/gif",
  ".webp": "image/webp",
};
const textTypes: Readonly<Record<string, string>> = {
  ".md": "text/markdown",
  ".csv": "text/csv",
  ".html": "text/html",
};
const mostBytes = 64 * 2 ** 20;

async function isFile(file: string): Promise<boolean> {
  return stat(file).then(
    (found) => found.isFile(),
    () => false,
  );
}

async function readPicture(path: string, file: string, mediaType: string): Promise<FilePart> {
  const bytes = await readFile(file);
  if (bytes.length > mostBytes) throw tooLarge(path, bytes.length);
  return { type: "file", mediaType, data: bytes.toString("base64"), filename: basename(path) };
}

async function readTexts(
  path: string,
  { workingFolder, signal }: { readonly workingFolder: string; readonly signal: AbortSignal },
): Promise<Attachments> {
  const corpus = await openCorpus({ paths: [path] }, { signal, cwd: workingFolder });
  try {
    if (corpus.bytes > mostBytes) throw tooLarge(path, corpus.bytes);
    const parts: FilePart[] = [];
    for (const { id, start, path: found, title } of corpus.documents) {
      const bytes = await corpus.load(id, start);
      const filename = found === undefined ? (title ?? path) : nearest(found, workingFolder);
      const mediaType = textTypes[extname(filename).toLowerCase()] ?? "text/plain";
      parts.push({ type: "file", mediaType, data: Buffer.from(bytes).toString("base64"), filename });
    }
    const skipped = corpus
      .describe()
      .skipped.map(({ path: left, reason }) => ({ path: nearest(left, workingFolder), reason }));
    return { parts, skipped };
  } finally {
    await corpus.close();
  }
}

function nearest(path: string, workingFolder: string): string {
  const near = relative(workingFolder, resolve(workingFolder, path));
  return near.length < path.length && near !== "" ? near : path;
}

function tooLarge(path: string, bytes: number): ConfigError {
  return new ConfigError(
    "invalid_input",
    `"${path}" has ${(bytes / 1e6).toFixed(0)} MB; up to ${mostBytes / 2 ** 20} MB can be part of a conversation. Ask about it with: unabridged ask "…" ${path}`,
  );
}
