/** The sheets of an XLSX workbook as CSV, a line for each row, so that line and row are the same number. */
import readWorkbook from "read-excel-file/universal";
import { UnreadableError } from "./limits.ts";
import { oneLine } from "./loading.ts";
import { repack } from "./parts.ts";
import type { PartsLoader } from "./parts.ts";

export const loadXlsx: PartsLoader = async (parts, path, { collector }) => {
  const packed = await repack(parts, (name) =>
    /^(?:\[Content_Types\]\.xml|_rels\/.*|xl\/(?!drawings|charts|media|theme|printerSettings).*\.(?:xml|rels))$/.test(
      name,
    ),
  );
  const workbook = Uint8Array.from(packed).buffer;
  const sheets = await readWorkbook(workbook);
  for (const { sheet, data } of sheets) {
    const lines = data.map((row) => csvLine(row));
    if (lines.every((line) => line === "")) continue;
    await collector.add(`${lines.join("\n")}\n`, {
      path: `${path}#${oneLine(sheet)}`,
      metadata: { sheet },
      loaded: { format: "XLSX", ending: ".csv", places: [] },
    });
  }
  if (sheets.every(({ data }) => data.length === 0)) throw new UnreadableError("a workbook without cells");
};

function csvLine(row: readonly unknown[]): string {
  return row.map(field).join(",").replace(/,+$/, "");
}

function field(value: unknown): string {
  // A line break in a cell would part rows from lines.
  const text = plainText(value).replace(/\r\n?|\n/g, " ↵ ");
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function plainText(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (!(value instanceof Date)) return String(value);
  const text = value.toISOString();
  return text.endsWith("T00:00:00.000Z") ? text.slice(0, 10) : text.slice(0, 19).replace("T", " ");
}
