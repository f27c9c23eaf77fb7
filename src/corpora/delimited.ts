/** The structure of CSV and TSV: columns and rows, quotes minded. Pure. */
import { counted, listed } from "./labels.ts";
import type { Sample } from "./sample.ts";

export function delimitedLines(sample: Sample, delimiter: "," | "\t"): string[] {
  const name = delimiter === "," ? "CSV" : "TSV";
  const columns = fieldsOf(sample.head, delimiter);
  const rows = Math.max(0, countRows(sample.text) - 1);
  return [
    `${name} columns (${columns.length}): ${listed(columns)}`,
    `${counted(rows, "row", sample)} below the first line`,
  ];
}

/** The fields of the first row. */
function fieldsOf(text: string, delimiter: string): string[] {
  const fields: string[] = [];
  let field = "";
  let quoted = false;
  for (const character of text.slice(0, 65_536)) {
    if (character === '"') quoted = !quoted;
    else if (!quoted && character === "\n") break;
    else if (!quoted && character === delimiter) {
      fields.push(field.trim());
      field = "";
    } else field += character;
  }
  return [...fields, field.trim()];
}

/** Lines, less those that a quoted field goes on in. */
function countRows(text: string): number {
  let rows = 0;
  let quoted = false;
  for (const line of text.split("\n")) {
    if (line.includes('"') && (line.split('"').length - 1) % 2 === 1) quoted = !quoted;
    if (!quoted && line.trim() !== "") rows++;
  }
  return rows;
}
