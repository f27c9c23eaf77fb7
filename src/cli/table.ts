/** Rows as a table that a person reads: columns aligned, numbers to the right, long texts cut. Pure. */
import type { Json } from "../core/json.ts";
import type { ResultRows } from "../engine/index.ts";

const widest = 80;

/** @returns "" where there are no columns, else lines that end in a line break */
export function table({ columns, rows }: ResultRows): string {
  if (columns.length === 0) return "";
  const cells = rows.map((row) => columns.map((_, index) => cellOf(row[index] ?? null)));
  const widths = columns.map((name, index) =>
    cells.reduce((width, row) => Math.max(width, row[index]?.length ?? 0), Math.max(1, name.length)),
  );
  const isNumeric = columns.map((_, index) =>
    rows.every((row) => row[index] === null || typeof row[index] === "number"),
  );
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, index) =>
        isNumeric[index] ? text.padStart(widths[index] ?? 0) : text.padEnd(widths[index] ?? 0),
      )
      .join("  ")
      .trimEnd();
  const lines = [line(columns), line(widths.map((width) => "─".repeat(width))), ...cells.map(line)];
  return lines.map((text) => `${text}\n`).join("");
}

function cellOf(value: Json): string {
  if (value === null) return "";
  const text = (typeof value === "string" ? value : JSON.stringify(value)).replace(/\s+/g, " ");
  return text.length <= widest ? text : `${text.slice(0, widest - 1)}…`;
}
