/** Files, globs and standard input as a stream of items: records of JSONL, JSON and CSV, or texts, whole or in pieces. */
import { extname } from "node:path";
import type { Readable } from "node:stream";
import { ConfigError, messageOf } from "../core/errors.ts";
import type { InputEntry } from "../core/job-store.ts";
import type { Json, JsonObject } from "../core/json.ts";
import { discoverFiles } from "./discover.ts";
import { fileTexts, readText, streamText, type TextOfFile, type UnreadableFile } from "./file-texts.ts";
import { piecesOf, type Split } from "./item-pieces.ts";
import { csvRecords } from "./item-records.ts";
import { linesOf } from "./lines.ts";
import { PlaceLines } from "./place-lines.ts";

export type ItemFormat = "jsonl" | "json" | "csv" | "tsv" | "text";

export interface ItemOptions {
  readonly signal: AbortSignal;
  /** Of text that had to be taken out of a file it says what is in it. @default by the file's extension; JSONL for standard input */
  readonly format?: ItemFormat | undefined;
  /** How texts are cut. @default "file": each is one item */
  readonly split?: Split | undefined;
  /** The size of a piece where texts are split by tokens, estimated. @default 1000 */
  readonly pieceTokens?: number | undefined;
  /** Files are read as they are: HTML and mails are their source, and no text is taken out of others. @default false */
  readonly raw?: boolean | undefined;
  /** Where texts that were taken out of files are kept until they are read. @default the system's temporary directory */
  readonly spoolDir?: string | undefined;
  /** @default process.cwd() */
  readonly cwd?: string | undefined;
  /** What "-" is read from. @default process.stdin */
  readonly stdin?: Readable | undefined;
  /** What "-" is called in items and messages. @default "-" */
  readonly name?: string | undefined;
}

/**
 * Reads items as they are asked for; memory stays flat whatever the size. `input` is a path, a glob, a folder, or "-" for
 * standard input. A record that can't be read is a fault with its line, a file with its path, and the others go on. Texts
 * become `{ path, text }`, with a `title` where their file names one; pieces have `part` and `line` too, and the `page` or
 * `place` that they stood on. Throws ConfigError where there is nothing to read.
 */
export async function* openItems(input: string, options: ItemOptions): AsyncGenerator<InputEntry> {
  const { signal, cwd = process.cwd(), name = "-", pieceTokens = 1000, raw = false, spoolDir } = options;
  if (!(pieceTokens >= 1))
    throw new ConfigError(
      "invalid_option",
      `Expected the size of a piece to be 1 token or more, got ${pieceTokens}.`,
    );
  if (input === "-") {
    yield* entriesIn(name, options.stdin ?? process.stdin, options.format ?? "jsonl", options);
    return;
  }
  const files = await discoverFiles([input], { signal, cwd, gitignore: true });
  const formatIn = (path: string): ItemFormat => {
    if (options.format !== undefined) return options.format;
    // In a folder or a glob, only an only file is taken apart by its extension: a tree of sources has .json files too.
    return options.split === undefined && files.length === 1 ? formatOf(path) : "text";
  };
  const isRecords = (path: string): boolean => formatIn(path) !== "text";
  for await (const found of fileTexts(files, { signal, raw, isRecords, spoolDir })) {
    // Of a packed file the extension says how it is packed.
    const format = found.type === "text" && found.isTakenOut ? options.format : formatIn(found.path);
    if (found.type === "unreadable") yield faultOf(found);
    else if (format === undefined || format === "text") yield* textItems(found, options);
    else yield* entriesIn(found.path, streamText(found.source), format, options);
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
    else if (format === "text") yield* pieces(path, stream, options, () => ({ path }));
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

async function* textItems(found: TextOfFile, options: ItemOptions): AsyncGenerator<InputEntry> {
  const { key, path, title, places, source } = found;
  const { signal, split = "file" } = options;
  try {
    const labels = { path, ...(title !== undefined && { title }) };
    if (split === "file")
      yield { type: "item", key, item: { ...labels, text: await readText(source, signal) } };
    else {
      const lines = new PlaceLines(places);
      yield* pieces(key, lines.watch(streamText(source)), options, (line) => ({
        ...labels,
        ...lines.at(line),
      }));
    }
  } catch (error) {
    signal.throwIfAborted();
    yield faultOf({ key, path, reason: messageOf(error) });
  }
}

async function* pieces(
  key: string,
  stream: AsyncIterable<unknown>,
  { signal, split = "lines", pieceTokens = 1000 }: ItemOptions,
  labelsAt: (line: number) => JsonObject,
): AsyncGenerator<InputEntry> {
  let part = 0;
  for await (const { text, line } of piecesOf(stream, split === "file" ? "lines" : split, pieceTokens)) {
    signal.throwIfAborted();
    yield { type: "item", key: `${key}#${++part}`, item: { ...labelsAt(line), part, line, text } };
  }
}

function faultOf({ key, path, reason }: Omit<UnreadableFile, "type">): InputEntry {
  const message = `"${path}" can't be read as text: ${reason}.`;
  return { type: "fault", key, fault: { code: "unreadable", message } };
}

function unreadable(path: string, error: unknown): ConfigError {
  return new ConfigError("unreadable", `"${path}" can't be read: ${messageOf(error)}.`, { cause: error });
}
