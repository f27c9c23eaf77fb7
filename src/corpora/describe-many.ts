/** The structure of many documents: endings, folders, sizes; and of each, where they are few. */
import { dirname, extname } from "node:path";
import type { Part } from "./part.ts";
import type { Sample } from "./sample.ts";
import { formatNames, formatOf, listed, structureOf } from "./structure.ts";
import type { Format } from "./structure.ts";

/** For instance "1 Markdown file", "214 files in 12 folders" or "3 texts". */
export function kindOfCorpus(parts: readonly Part[], format: Format | undefined): string {
  const paths = parts.flatMap(({ document }) => (document.path === undefined ? [] : [document.path]));
  if (parts.length === 1) {
    const name = format === undefined ? "text" : formatNames[format];
    return paths.length === 1 ? `1 ${name} file` : name === "text" ? "1 text" : `1 ${name} text`;
  }
  const count = parts.length.toLocaleString("en");
  if (paths.length < parts.length) return paths.length === 0 ? `${count} texts` : `${count} documents`;
  const folders = new Set(paths.map(dirname)).size;
  return folders === 1
    ? `${count} files in one folder`
    : `${count} files in ${folders.toLocaleString("en")} folders`;
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
  const withPath = parts.filter(({ document }) => document.path !== undefined);
  if (withPath.length === 0) return [];
  const groups = Map.groupBy(
    withPath,
    ({ document }) => extname(document.path ?? "").toLowerCase() || "no ending",
  );
  const endings = [...groups].sort(([, a], [, b]) => b.length - a.length);
  return [`endings: ${listed(endings.map(([ending, of]) => `${ending} ${of.length.toLocaleString("en")}`))}`];
}

function folderLines(parts: readonly Part[]): string[] {
  const groups = Map.groupBy(parts, ({ document }) => folderOf(document.path ?? ""));
  groups.delete("");
  if (groups.size < 2) return [];
  const folders = [...groups].sort(([, a], [, b]) => b.length - a.length);
  return [
    `folders: ${listed(folders.map(([folder, of]) => `${folder}/ ${of.length.toLocaleString("en")}`))}`,
  ];
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
  const ordered = [...parts].sort((a, b) => b.document.bytes - a.document.bytes);
  const size = (index: number): string => sizeText(ordered[index]?.document.bytes ?? 0);
  const sizes = `sizes: ${size(ordered.length - 1)} to ${size(0)}, median ${size(Math.floor(ordered.length / 2))}`;
  const largest = ordered
    .slice(0, 3)
    .map(({ document }) => `${document.path ?? document.title ?? document.id} (${sizeText(document.bytes)})`);
  return parts.length <= 8 ? [sizes] : [sizes, `largest: ${listed(largest, 260)}`];
}

function oneLine({ document }: Part, sample: Sample): string {
  const name = document.path ?? document.title;
  const stretch = document.start === 0 ? "" : ` from ${document.start}`;
  const format = formatNames[formatOf(document.path, sample)];
  const structure = structureOf(document.path, sample).slice(0, 3).join("; ");
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
