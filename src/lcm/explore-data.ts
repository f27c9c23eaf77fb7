/** Shapes of data in text: JSON, lines of JSON, delimited tables. Pure. */
import { isPlainObject } from "../core/json.ts";

/** What is told of a text; undefined instead where it is not of the kind after all. */
export interface Description {
  readonly title: string;
  readonly lines: readonly string[];
}

export function describeJson(text: string): Description | undefined {
  if (text.length > longestParsed) return undefined;
  const value = parsed(text);
  if (typeof value !== "object" || value === null) return undefined;
  return { title: "JSON", lines: [`Shape: ${shapeOf([value], 4)}`] };
}

export function describeJsonLines(text: string): Description | undefined {
  const lines = sampledLines(text, 200);
  if (lines.length < 2) return undefined;
  const values = lines.map(parsed);
  const good = values.filter((value) => typeof value === "object" && value !== null);
  if (good.length < lines.length * 0.8) return undefined;
  return { title: "JSON Lines", lines: [`Each line: ${shapeOf(good, 4)}`] };
}

export function describeDelimited(text: string): Description | undefined {
  const lines = sampledLines(text, 300);
  const delimiter = ["\t", ",", ";", "|"].find((sign) => isRegular(lines, sign));
  if (delimiter === undefined) return undefined;
  const [header = [], ...rows] = lines.map((line) => cells(line, delimiter));
  const hasNames = header.every((name) => name !== "" && Number.isNaN(Number(name)));
  const body = hasNames ? rows : [header, ...rows];
  const columns = header.slice(0, 40).map((name, index) => {
    const values = body.map((row) => row[index] ?? "");
    return `- ${hasNames ? name : `column ${index + 1}`}: ${describeColumn(values)}`;
  });
  const more = header.length > 40 ? [`- and ${header.length - 40} columns more`] : [];
  const sign = { "\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars" }[delimiter] ?? delimiter;
  return { title: `Table with ${header.length} columns, delimited by ${sign}`, lines: [...columns, ...more] };
}

// Above it only the beginning is looked at: parsing would hold the event loop for seconds.
const longestParsed = 16_000_000;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Not JSON: the next kind is tried.
    return undefined;
  }
}

/** One shape for all the values: keys in the order they come, types joined where they differ. */
function shapeOf(values: readonly unknown[], depth: number): string {
  const kinds = new Set(values.map(kindOf));
  if (kinds.size !== 1) return [...kinds].join(" | ");
  if (kinds.has("object")) return shapeOfObjects(values.filter(isPlainObject), depth);
  if (kinds.has("array"))
    return shapeOfArrays(
      values.filter((value) => Array.isArray(value)),
      depth,
    );
  if (kinds.has("string")) {
    const texts = values.filter((value) => typeof value === "string");
    const distinct = [...new Set(texts)];
    const isList = texts.length > 3 && distinct.length <= 6 && distinct.every((text) => text.length <= 24);
    return isList ? distinct.map((text) => JSON.stringify(text)).join(" | ") : "string";
  }
  return kindOf(values[0]);
}

function shapeOfObjects(objects: readonly Record<string, unknown>[], depth: number): string {
  const keys = [...new Set(objects.flatMap((object) => Object.keys(object)))];
  if (depth === 0) return `{${keys.length} keys}`;
  const shown = keys.slice(0, 40).map((key) => {
    const having = objects.filter((object) => key in object);
    const mark = having.length < objects.length ? "?" : "";
    return `${key}${mark}: ${shapeOf(
      having.map((object) => object[key]),
      depth - 1,
    )}`;
  });
  return `{ ${shown.join(", ")}${keys.length > 40 ? `, … ${keys.length - 40} keys more` : ""} }`;
}

function shapeOfArrays(arrays: readonly (readonly unknown[])[], depth: number): string {
  const lengths = arrays.map((array) => array.length);
  const [least, most] = [Math.min(...lengths), Math.max(...lengths)];
  const count = least === most ? String(most) : `${least}-${most}`;
  if (most === 0) return "[] (empty)";
  const elements = arrays.flatMap((array) => array.slice(0, 100)).slice(0, 200);
  return depth === 0 ? `[${count}]` : `[${count} × ${shapeOf(elements, depth - 1)}]`;
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

/** Lines from the beginning and from all over the rest. */
function sampledLines(text: string, count: number): readonly string[] {
  const head = text.slice(0, 2_000_000).split(/\r?\n/, count);
  // The last one may have been cut by the slice.
  if (text.length > 2_000_000 && head.length < count) head.pop();
  return head.filter((line) => line.trim() !== "");
}

function isRegular(lines: readonly string[], delimiter: string): boolean {
  if (lines.length < 3) return false;
  const counts = lines.map((line) => cells(line, delimiter).length);
  const usual = counts[0] ?? 0;
  return usual > 1 && counts.filter((count) => count === usual).length >= counts.length * 0.9;
}

function cells(line: string, delimiter: string): readonly string[] {
  const found: string[] = [];
  let cell = "";
  let quoted = false;
  for (let i = 0; i < line.length && i < longestLine; i++) {
    const sign = line[i] ?? "";
    if (sign === '"') quoted = !quoted;
    else if (sign === delimiter && !quoted) {
      found.push(cell.trim());
      cell = "";
    } else cell += sign;
  }
  return [...found, cell.trim()];
}

const longestLine = 100_000;

function describeColumn(values: readonly string[]): string {
  const given = values.filter((value) => value !== "");
  const empty = given.length < values.length ? ", some empty" : "";
  if (given.length === 0) return "empty";
  const numbers = given.map(Number);
  if (numbers.every((number) => !Number.isNaN(number)))
    return `number, ${Math.min(...numbers)} to ${Math.max(...numbers)} in the first rows${empty}`;
  if (given.every((value) => /^\d{4}-\d\d-\d\d|^\d\d?[/.]\d\d?[/.]\d{2,4}/.test(value)))
    return `date, from ${given[0] ?? ""}${empty}`;
  const distinct = [...new Set(given)];
  if (distinct.length <= 8 && given.length > 20)
    return `one of ${distinct.map((value) => value.slice(0, 30)).join(", ")}${empty}`;
  return `text, for instance ${JSON.stringify((given[0] ?? "").slice(0, 40))}${empty}`;
}
