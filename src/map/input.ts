/** Items as rows of a job: numbered, keyed, hashed, in chunks. It reads no file; equal items are the store's to fold. */
import { ConfigError, messageOf } from "../core/errors.ts";
import type { InputEntry, ItemFault, NewRow } from "../core/job-store.ts";
import { canonicalJson, isPlainObject, sha256, type Json } from "../core/json.ts";

export type Entries = Iterable<InputEntry> | AsyncIterable<InputEntry>;

export interface RowOptions {
  /** The field that names an item. @default the source's own key, or else the position */
  readonly keyField?: string | undefined;
  /** Only so many from the beginning. @default all */
  readonly limit?: number | undefined;
  /** Asked with each row of a source that has become slow: true hands on what there is. @default chunks are filled */
  readonly handsOnEarly?: (rows: readonly NewRow[]) => boolean;
}

/** Entries of any iterable of values. What can't be JSON is a fault, and the others go on. */
export async function* entriesOf(
  values: Iterable<unknown> | AsyncIterable<unknown>,
): AsyncGenerator<InputEntry> {
  for await (const value of values) yield entryOf(value);
}

const chunkRows = 500;
/** A chunk is handed on early where its items are large, so that memory stays flat. */
const chunkCharacters = 4_000_000;
/** Documents that text has to be taken out of come some in a second: nobody should wait for hundreds of them. */
const slowMs = 250;

export async function* rowsOf(entries: Entries, options: RowOptions): AsyncGenerator<readonly NewRow[]> {
  let position = 0;
  let chunk: NewRow[] = [];
  let characters = 0;
  let begunAt = performance.now();
  for await (const entry of entries) {
    if (options.limit !== undefined && position >= options.limit) break;
    const { row, length } = rowOf(entry, ++position, options.keyField);
    chunk.push(row);
    characters += length;
    const isFull = chunk.length >= chunkRows || characters >= chunkCharacters;
    const isSlow = performance.now() - begunAt > slowMs;
    if (!isFull && !(isSlow && options.handsOnEarly?.(chunk) === true)) continue;
    yield chunk;
    chunk = [];
    characters = 0;
    begunAt = performance.now();
  }
  if (chunk.length > 0) yield chunk;
}

function rowOf(
  entry: InputEntry,
  position: number,
  keyField: string | undefined,
): { row: NewRow; length: number } {
  const fault = (given: ItemFault): { row: NewRow; length: number } => ({
    row: { type: "fault", position, fault: given, ...(entry.key === undefined ? {} : { key: entry.key }) },
    length: 0,
  });
  if (entry.type === "fault") return fault(entry.fault);
  const key =
    keyField === undefined ? entry.key : isPlainObject(entry.item) ? entry.item[keyField] : undefined;
  if (keyField !== undefined && typeof key !== "string" && typeof key !== "number")
    return fault({
      code: "missing_key",
      message: `Item ${position} has no text or number in the field "${keyField}", which --key names.`,
    });
  const content = canonicalJson(entry.item);
  const named = typeof key === "string" || typeof key === "number" ? { key } : {};
  // 128 bits: no two of any number of items that fit a disk will share them.
  const hash = sha256(content).slice(0, 32);
  return { row: { type: "item", position, hash, item: entry.item, ...named }, length: content.length };
}

function entryOf(value: unknown): InputEntry {
  try {
    const text = JSON.stringify(value);
    if (text !== undefined) return { type: "item", item: value as Json };
    return {
      type: "fault",
      fault: { code: "invalid_item", message: `An item of type ${typeof value} is no JSON.` },
    };
  } catch (error) {
    return {
      type: "fault",
      fault: { code: "invalid_item", message: `An item is no JSON: ${messageOf(error)}.` },
    };
  }
}

/** Throws ConfigError for what can't be iterated. */
export function assertIterable(items: unknown): asserts items is Iterable<unknown> | AsyncIterable<unknown> {
  const isObject = typeof items === "object" && items !== null;
  if (isObject && (Symbol.iterator in items || Symbol.asyncIterator in items)) return;
  throw new ConfigError(
    "invalid_input",
    `Expected "items" to be an array or another iterable, got ${typeof items}.`,
  );
}
