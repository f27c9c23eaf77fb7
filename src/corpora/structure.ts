/** Recognises the format of one text and counts what gives it structure. Pure: it sees a sample, labels it, quotes little. */
import { extname } from "node:path";
import { grouped } from "../core/grouped.ts";
import { isPlainObject } from "../core/json.ts";
import { delimitedLines } from "./delimited.ts";
import { counted, estimated, listed } from "./labels.ts";
import type { Sample } from "./sample.ts";

export type Format = "markdown" | "csv" | "tsv" | "json" | "jsonl" | "log" | "code" | "text";

/** For instance "Markdown", as in "1 Markdown file". */
export const formatNames: Readonly<Record<Format, string>> = {
  markdown: "Markdown",
  csv: "CSV",
  tsv: "TSV",
  json: "JSON",
  jsonl: "JSONL",
  log: "log",
  code: "source code",
  text: "text",
};

export function formatOf(path: string | undefined, sample: Sample): Format {
  return formatsByEnding[extname(path ?? "").toLowerCase()] ?? formatByContent(sample);
}

/** Labels with counts, the most telling first. */
export function structureOf(path: string | undefined, sample: Sample): string[] {
  const format = formatOf(path, sample);
  return [...linesOfFormat(format, sample), ...chapterLines(format, sample), ...lineLines(sample)];
}

function linesOfFormat(format: Format, sample: Sample): string[] {
  switch (format) {
    case "markdown":
      return markdownLines(sample);
    case "csv":
      return delimitedLines(sample, ",");
    case "tsv":
      return delimitedLines(sample, "\t");
    case "json":
      return jsonLines(sample);
    case "jsonl":
      return jsonlLines(sample);
    case "log":
      return logLines(sample);
    case "code":
    case "text":
      return [];
  }
}

const codeEndings =
  "c h cc cpp hpp cs go java js jsx mjs cjs kt lua m php pl py pyi r rb rs scala sh sql swift ts tsx mts cts vue zig";

const formatsByEnding: Readonly<Record<string, Format>> = {
  ".md": "markdown",
  ".markdown": "markdown",
  ".mdx": "markdown",
  ".csv": "csv",
  ".tsv": "tsv",
  ".json": "json",
  ".jsonl": "jsonl",
  ".ndjson": "jsonl",
  ".log": "log",
  ...Object.fromEntries(codeEndings.split(" ").map((ending) => [`.${ending}`, "code"] as const)),
};

function formatByContent(sample: Sample): Format {
  const start = sample.head.trimStart();
  const lines = sample.head.slice(0, 65_536).split("\n").slice(0, 200);
  if (lines.length > 1 && lines.slice(0, 5).every((line) => line.trim() === "" || isRecord(line)))
    return "jsonl";
  if (looksLikeJson(start) && (!sample.complete || parsed(sample.text) !== undefined)) return "json";
  const filled = lines.filter((line) => line.trim() !== "");
  if (
    filled.length >= 3 &&
    filled.filter((line) => timestampOf(line) !== undefined).length > filled.length * 0.6
  ) {
    return "log";
  }
  return lines.filter((line) => /^#{1,6} \S/.test(line)).length >= 2 ? "markdown" : "text";
}

/** Lines of a chat begin with "[11:22]" and would pass for an array by their first characters. */
function looksLikeJson(start: string): boolean {
  return /^(?:\{\s*"|\{\s*\}|\[\s*(?:[[{"\]]|(?:-?\d[\d.eE+-]*|true|false|null)\s*[,\]]))/.test(start);
}

function isRecord(line: string): boolean {
  return line.startsWith("{") && isPlainObject(parsed(line));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Not JSON is an answer, too.
  }
}

function markdownLines(sample: Sample): string[] {
  const counts = [0, 0, 0, 0, 0, 0, 0];
  let codeBlocks = 0;
  let inCode = false;
  for (const [line, level] of sample.text.matchAll(/^(?:(#{1,6}) .*|[ ]{0,3}(?:```|~~~).*)$/gm)) {
    if (level === undefined) {
      inCode = !inCode;
      if (inCode) codeBlocks++;
    } else if (!inCode && line !== "") counts[level.length] = (counts[level.length] ?? 0) + 1;
  }
  const headings = counts.flatMap((count, level) =>
    count === 0 ? [] : [`${counted(count, "heading", sample)} (${"#".repeat(level)})`],
  );
  return codeBlocks === 0 ? headings : [...headings, counted(codeBlocks, "code block", sample)];
}

function jsonLines(sample: Sample): string[] {
  const value = sample.complete ? parsed(sample.text) : undefined;
  if (value === undefined) {
    const keys = [...sample.head.slice(0, 8_192).matchAll(/"((?:[^"\\]|\\.){1,60})"\s*:/g)].map(
      ([, key = ""]) => key,
    );
    const kind = sample.head.trimStart().startsWith("[") ? "array" : "object";
    return [
      `JSON ${kind}${sample.complete ? " (does not parse)" : ""}; first keys: ${listed([...new Set(keys)])}`,
    ];
  }
  if (Array.isArray(value)) return [`JSON array of ${grouped(value.length)}`, ...recordLines(value)];
  if (!isPlainObject(value)) return [`JSON ${typeof value}`];
  const members = Object.entries(value);
  return [
    `JSON object with ${counted(members.length, "key")}`,
    ...members.slice(0, 12).map(([key, member]) => `${key}: ${shapeOf(member)}`),
  ];
}

function jsonlLines(sample: Sample): string[] {
  const lines = sample.text.split("\n").filter((line) => line.trim() !== "");
  const records = lines.slice(0, 100).map(parsed);
  return [counted(lines.length, "record", sample), ...recordLines(records)];
}

/** Keys of the first hundred records, with how many of these have them where not all do. */
function recordLines(values: readonly unknown[]): string[] {
  const records = values.slice(0, 100).filter(isPlainObject);
  if (records.length === 0) return [];
  const counts = new Map<string, number>();
  for (const record of records)
    for (const key of Object.keys(record)) counts.set(key, (counts.get(key) ?? 0) + 1);
  const keys = [...counts].map(([key, count]) =>
    count === records.length ? key : `${key} (${count} of ${records.length})`,
  );
  return [`keys of the first ${records.length} records: ${listed(keys)}`];
}

function shapeOf(value: unknown): string {
  if (Array.isArray(value)) return `array of ${grouped(value.length)}`;
  if (isPlainObject(value)) return `object with ${counted(Object.keys(value).length, "key")}`;
  return value === null ? "null" : typeof value;
}

function logLines(sample: Sample): string[] {
  const [first = ""] = sample.head.split("\n", 1);
  const from = firstTimestamp(sample.head.slice(0, 65_536).split("\n"));
  const end = (sample.tail === "" ? sample.text : sample.tail).slice(-65_536).split("\n").reverse();
  const to = firstTimestamp(end);
  const span = from === undefined || to === undefined ? [] : [`time stamps from ${from} to ${to}`];
  return [...span, `shape of the first line: ${maskOf(first)}`];
}

function firstTimestamp(lines: readonly string[]): string | undefined {
  for (const line of lines) {
    const found = timestampOf(line);
    if (found !== undefined) return found;
  }
  return undefined;
}

function timestampOf(line: string): string | undefined {
  return timestamp.exec(line.slice(0, 200))?.[0];
}

const timestamp =
  /\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?)?|\d\d?\/(?:\d\d|[A-Z][a-z]{2})\/\d{4}(?::\d\d:\d\d:\d\d)?|\b[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|^\[\d\d:\d\d(?::\d\d)?\]|^\d\d:\d\d(?::\d\d)?\b/;

/** A line with its words and numbers made anonymous: the form, not what it says. */
function maskOf(line: string): string {
  const mask = line
    .slice(0, 400)
    .replaceAll(/\d+/g, "9")
    .replaceAll(/[\p{L}_]+/gu, "a");
  return mask.length > 140 ? `${mask.slice(0, 139)}…` : mask;
}

/** Chapters as books head them, whatever the format. */
function chapterLines(format: Format, sample: Sample): string[] {
  if (format !== "text" && format !== "markdown") return [];
  const counts = new Map<string, number>();
  const heads =
    /^[ \t#*_]*(BOOK|PART|VOLUME|CHAPTER|CANTO|ACT|SCENE|SECTION)[ \t]+(?:[IVXLCDM]+|\d+|[A-Z]+[ -]?[A-Z]*)\b[^a-z\n]{0,40}/gim;
  for (const [, word = ""] of sample.text.matchAll(heads)) {
    counts.set(word.toLowerCase(), (counts.get(word.toLowerCase()) ?? 0) + 1);
  }
  return [...counts]
    .filter(([, count]) => count > 1)
    .map(
      ([word, count]) => `${estimated(count, sample)} lines that begin with "${word}" and a number or name`,
    );
}

/** Lines, their longest and their ends: what code that reads the text should expect. */
function lineLines(sample: Sample): string[] {
  let lines = 0;
  let longest = 0;
  let from = 0;
  for (let to = sample.text.indexOf("\n"); to >= 0; to = sample.text.indexOf("\n", from)) {
    lines++;
    longest = Math.max(longest, to - from);
    from = to + 1;
  }
  if (from < sample.text.length) lines++;
  longest = Math.max(longest, sample.text.length - from);
  const carriageReturns = sample.text.match(/\r\n/g)?.length ?? 0;
  const invalid = sample.text.match(/[\udc80-\udcff]/gu)?.length ?? 0;
  const most = sample.complete ? "the longest has" : "the longest seen has";
  return [
    `${counted(lines, "line", sample)}; ${most} ${grouped(longest)} characters`,
    ...(carriageReturns === 0 ? [] : [`${estimated(carriageReturns, sample)} lines end in \\r\\n`]),
    ...(invalid === 0 ? [] : [`not UTF-8: ${counted(invalid, "byte", sample)} (shown as U+DC80–DCFF)`]),
  ];
}
