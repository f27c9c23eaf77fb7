/** The structure of many documents: endings, folders, sizes; and of each, where they are few. */
import { dirname, extname } from "node:path";
import { grouped } from "../core/grouped.ts";
import { listed } from "./labels.ts";
import { formatPath } from "./part.ts";
import type { Part } from "./part.ts";
import { placesLine } from "./places.ts";
import type { Sample } from "./sample.ts";
import { formatNames, formatOf, structureOf } from "./structure.ts";

/** For instance "1 Markdown file", "214 files in 12 folders", "40 documents in 1 file" or "3 texts". */
export function kindOfCorpus(parts: readonly Part[], format: string | undefined): string {
  const paths = parts.flatMap(({ document }) => (document.path === undefined ? [] : [document.path]));
  if (parts.length === 1) {
    const name = format ?? "text";
    return paths.length === 1 ? `1 ${name} file` : name === "text" ? "1 text" : `1 ${name} text`;
  }
  const count = grouped(parts.length);
  if (paths.length < parts.length) return paths.length === 0 ? `${count} texts` : `${count} documents`;
  const files = new Set(parts.map(fileOf)).size;
  if (files < parts.length)
    return `${count} documents in ${grouped(files)} ${files === 1 ? "file" : "files"}`;
  const folders = new Set(paths.map(dirname)).size;
  return folders === 1 ? `${count} files in one folder` : `${count} files in ${grouped(folders)} folders`;
}

/** The file that it lies in: what stands before the rest of "a.zip!/b.md" and "box.mbox#3". */
function fileOf(part: Part): string {
  const path = withoutPlace(part);
  const packedAt = path.indexOf("!/");
  return packedAt < 0 ? path : path.slice(0, packedAt);
}

/** A sheet of a workbook and a mail of a mailbox are named after a #. */
function withoutPlace({ document: { path = "" }, loaded }: Part): string {
  return loaded ? path.replace(/#[^/]*$/, "") : path;
}

/** For instance "Markdown", or "PDF" where text was taken out of one. */
export function formatName(part: Part, sample: Sample): string {
  return part.loaded?.format ?? formatNames[formatOf(formatPath(part), sample)];
}

export function structureOfPart(part: Part, sample: Sample): string[] {
  const places = part.loaded && placesLine(part.loaded.places);
  const structure = structureOf(formatPath(part), sample);
  return places === undefined ? structure : [places, ...structure];
}

export function structureOfMany(
  parts: readonly Part[],
  samples: readonly { readonly part: Part; readonly sample: Sample }[],
): string[] {
  return [
    ...endingLines(parts),
    ...folderLines(parts),
    ...sizeLines(parts),
    ...(parts.length <= 8 ? samples.map(({ part, sample }) => oneLine(part, sample)) : []),
    ...metadataLines(parts),
  ];
}

function endingLines(parts: readonly Part[]): string[] {
  const endings = countBy(parts, (path) => extname(path).toLowerCase() || "no ending");
  return endings.length === 0
    ? []
    : [`endings: ${listed(endings.map(([ending, count]) => `${ending} ${count}`))}`];
}

function folderLines(parts: readonly Part[]): string[] {
  const folders = countBy(parts, folderOf).filter(([folder]) => folder !== "");
  return folders.length < 2
    ? []
    : [`folders: ${listed(folders.map(([folder, count]) => `${folder}/ ${count}`))}`];
}

/** How many paths share a key, the most first. */
function countBy(parts: readonly Part[], keyOf: (path: string) => string): [key: string, count: string][] {
  const counts = new Map<string, number>();
  for (const part of parts) {
    if (part.document.path === undefined) continue;
    const key = keyOf(withoutPlace(part));
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].sort(([, a], [, b]) => b - a).map(([key, count]) => [key, grouped(count)]);
}

/** Two levels: enough to tell areas apart, few enough to be listed. */
function folderOf(path: string): string {
  const folder = dirname(path);
  return folder === "."
    ? ""
    : folder
        .split("/")
        .slice(0, path.startsWith("/") ? 4 : 2)
        .join("/");
}

function sizeLines(parts: readonly Part[]): string[] {
  const ordered = Float64Array.from(parts, ({ document }) => document.bytes).sort();
  const size = (index: number): string => sizeText(ordered[index] ?? 0);
  const sizes = `sizes: ${size(0)} to ${size(ordered.length - 1)}, median ${size(Math.floor(ordered.length / 2))}`;
  if (parts.length <= 8) return [sizes];
  const thirdLargest = ordered.at(-3) ?? 0;
  const largest = parts
    .filter(({ document }) => document.bytes >= thirdLargest)
    .sort((a, b) => b.document.bytes - a.document.bytes)
    .slice(0, 3)
    .map(({ document }) => `${document.path ?? document.title ?? document.id} (${sizeText(document.bytes)})`);
  return [sizes, `largest: ${listed(largest, 260)}`];
}

function oneLine(part: Part, sample: Sample): string {
  const { document } = part;
  const name = document.path ?? document.title;
  const stretch = document.start === 0 ? "" : ` from ${document.start}`;
  const format = formatName(part, sample);
  const structure = structureOfPart(part, sample).slice(0, 3).join("; ");
  const label = name === undefined ? document.id : `${document.id} ${name}`;
  return `${label}${stretch}: ${format}, ${sizeText(document.bytes)}; ${structure}`;
}

function metadataLines(parts: readonly Part[]): string[] {
  const keys = new Set(parts.slice(0, 1_000).flatMap(({ document }) => Object.keys(document.metadata ?? {})));
  return keys.size === 0 ? [] : [`metadata keys: ${listed([...keys])}`];
}

function sizeText(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  const unit = Math.min(units.length, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1_000 ** unit;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit - 1] ?? ""}`;
}
