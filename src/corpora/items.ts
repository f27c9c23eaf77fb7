/** Files, globs and standard input as a stream of items: records of JSONL, JSON and CSV, or texts, whole or in pieces. */
import { createReadStream } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { extname, resolve } from "node:path";
import type { Readable } from "node:stream";
import { ConfigError, messageOf } from "../core/errors.ts";
import type { InputEntry } from "../core/job-store.ts";
import type { Json } from "../core/json.ts";
import { discoverFiles, type FoundFile } from "./discover.ts";
import { piecesOf, type Split } from "./item-pieces.ts";
import { csvRecords } from "./item-records.ts";
import { linesOf } from "./lines.ts";

export type ItemFormat = "jsonl" | "json" | "csv" | "tsv" | "text";

export interface ItemOptions {
  readonly signal: AbortSignal;
  /** @default by the file's extension; JSONL for standard input */
  readonly format?: ItemFormat | undefined;
  /** How texts are cut. @default "file": each is one item */
  readonly split?: Split | undefined;
  /** The size of a piece where texts are split by tokens, estimated. @default 1000 */
  readonly pieceTokens?: number | undefined;
  /** @default process.cwd() */
  readonly cwd?: string | undefined;
  /** What "-" is read from. @default process.stdin */
  readonly stdin?: Readable | undefined;
  /** What "-" is called in items and messages. @default "-" */
  readonly name?: string | undefined;
}

/**
 * Reads items as they are asked for; memory stays flat whatever the size. `input` is a path, a glob, a folder, or "-" for
 * standard input. A record that can't be read is a fault with its line, and the others go on. Texts become
 * `{ path, text }`, pieces have `part` and `line` too. Throws ConfigError where there is nothing to read.
 */
export async function* openItems(input: string, options: ItemOptions): AsyncGenerator<InputEntry> {
  const { signal, cwd = process.cwd(), name = "-" } = options;
  if (input === "-") {
    yield* entriesIn(name, options.stdin ?? process.stdin, options.format ?? "jsonl", options);
    return;
  }
  const files = await discoverFiles([input], { signal, cwd, gitignore: true });
  for (const file of files) {
    signal.throwIfAborted();
    const format = options.format ?? (options.split === undefined ? formatOf(file.path) : "text");
    // In a folder or a glob, only an only file is taken apart by its extension: a tree of sources has .json files too.
    const isRecords = format !== "text" && (options.format !== undefined || files.length === 1);
    yield* isRecords ? entriesIn(file.path, openFile(file), format, options) : textItems(file, options);
  }
}

export function formatOf(path: string): ItemFormat {
  switch (extname(path).toLowerCase()) {
    case ".jsonl":
    case ".ndjson":
      return "jsonl";
    case ".json":
      return "json";
    case ".csv":
      return "csv";
    case ".tsv":
      return "tsv";
    default:
      return "text";
  }
}

async function* entriesIn(
  path: string,
  stream: Readable,
  format: ItemFormat,
  options: ItemOptions,
): AsyncGenerator<InputEntry> {
  try {
    if (format === "jsonl") yield* jsonLines(stream);
    else if (format === "json") yield* jsonList(path, stream);
    else if (format === "text") yield* streamPieces(path, stream, options);
    else yield* csvRecords(stream, format === "csv" ? "," : "\t");
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw unreadable(path, error);
  } finally {
    stream.destroy();
  }
}

async function* jsonLines(stream: Readable): AsyncGenerator<InputEntry> {
  let line = 0;
  for await (const lines of linesOf(stream)) {
    for (const text of lines) {
      line++;
      if (text.trim() === "") continue;
      yield parseLine(text, line);
    }
  }
}

function parseLine(text: string, line: number): InputEntry {
  try {
    return { type: "item", item: JSON.parse(text) as Json };
  } catch (error) {
    const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
    const message = `Line ${line} is no JSON (${messageOf(error)}): ${shown}`;
    return { type: "fault", fault: { code: "invalid_item", message } };
  }
}

async function* jsonList(path: string, stream: Readable): AsyncGenerator<InputEntry> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  let value: unknown;
  try {
    value = JSON.parse(
      Buffer.concat(chunks)
        .toString("utf8")
        .replace(/^\uFEFF/, ""),
    );
  } catch (error) {
    throw new ConfigError(
      "invalid_input",
      `"${path}" is no JSON: ${messageOf(error)}. One value a line is JSONL.`,
      { cause: error },
    );
  }
  if (!Array.isArray(value))
    throw new ConfigError(
      "invalid_input",
      `"${path}" is no list. Items are the elements of a JSON list, or the lines of JSONL.`,
    );
  for (const item of value) yield { type: "item", item: item as Json };
}

async function* textItems(file: FoundFile, options: ItemOptions): AsyncGenerator<InputEntry> {
  const { split = "file" } = options;
  try {
    if (await isBinary(file.file)) {
      const message = `"${file.path}" is no text.`;
      yield { type: "fault", key: file.path, fault: { code: "invalid_item", message } };
    } else if (split === "file") {
      const text = (await readFile(file.file, "utf8")).replace(/^\uFEFF/, "");
      yield { type: "item", key: file.path, item: { path: file.path, text } };
    } else {
      yield* streamPieces(file.path, openFile(file), options);
    }
  } catch (error) {
    yield {
      type: "fault",
      key: file.path,
      fault: { code: "unreadable", message: unreadable(file.path, error).message },
    };
  }
}

async function* streamPieces(
  path: string,
  stream: Readable,
  options: ItemOptions,
): AsyncGenerator<InputEntry> {
  const { split = "lines", pieceTokens = 1000 } = options;
  if (!(pieceTokens >= 1))
    throw new ConfigError(
      "invalid_option",
      `Expected the size of a piece to be 1 token or more, got ${pieceTokens}.`,
    );
  let part = 0;
  for await (const { text, line } of piecesOf(stream, split === "file" ? "lines" : split, pieceTokens))
    yield { type: "item", key: `${path}#${++part}`, item: { path, part, line, text } };
}

function openFile(file: FoundFile): Readable {
  return createReadStream(resolve(file.file), { highWaterMark: 1 << 18 });
}

async function isBinary(file: string): Promise<boolean> {
  await using handle = await open(file);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(8192), 0, 8192, 0);
  return buffer.subarray(0, bytesRead).includes(0);
}

function unreadable(path: string, error: unknown): ConfigError {
  return new ConfigError("unreadable", `"${path}" can't be read: ${messageOf(error)}.`, { cause: error });
}
