/** Keeps each long text once, by its hash. Works on serialised JSON; it does not know what the JSON means. */
import { hash } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { StoreError } from "../../core/errors.ts";
import { bytesIn, numberIn, statement, textIn } from "./part.ts";
import type { Migration, Row, Texts } from "./part.ts";

/** Strings shorter than this, as JSON literals, stay where they are. */
const longText = 1024;
/** Below this, compression saves less than half a page, for some 90 µs whatever the length. */
const worthCompressing = 8192;
const rememberedCharacters = 8_000_000;

export const textsAbout: string =
  'Long strings of all the JSON in this file, each once. JSON refers to one as `{"$text":"<hash in hex>"}`; a key of the data itself that reads `$text` is written `$$text`, one that reads `$$text` is written `$$$text`, and so on.';

export const textMigrations: readonly Migration[] = [
  {
    name: "texts/1-create",
    sql: `create table texts (
  number integer primary key,
  hash blob not null unique, -- SHA-256 of the text as UTF-8; for encoding 'json', of the byte 0xff and the content
  encoding text not null check (encoding in ('text', 'json')), -- 'json': a JSON literal, for text with lone surrogates
  compressed integer not null check (compressed in (0, 1)), -- 1: content is a zstd frame
  content blob not null
) strict;`,
  },
];

export function openTexts(database: DatabaseSync): Texts {
  const known = statement(database, "select 1 from texts where hash = ?");
  const insert = statement(
    database,
    "insert into texts (hash, encoding, compressed, content) values (?, ?, ?, ?) on conflict do nothing",
  );
  const select = statement(database, "select encoding, compressed, content from texts where hash = ?");
  const remembered = new Map<string, string>();
  let rememberedLength = 0;

  function keep(literal: string): string {
    const text = parseLiteral(literal);
    const encoding = text.isWellFormed() ? "text" : "json";
    const content = Buffer.from(encoding === "text" ? text : literal);
    // 0xff begins no UTF-8, so no plain text can have the hash of a literal.
    const hashed = encoding === "text" ? content : Buffer.concat([Buffer.of(0xff), content]);
    const key = hash("sha256", hashed, "buffer");
    // Compressing costs more than looking whether the text is there; what stays as it is needs no look.
    if (content.length < worthCompressing || !known().get(key)) {
      const packed = compress(content);
      insert().run(key, encoding, packed ? 1 : 0, packed ?? content);
    }
    return key.toString("hex");
  }

  function literalOf(key: string): string {
    const before = remembered.get(key);
    if (before !== undefined) return before;
    const row = select().get(Buffer.from(key, "hex"));
    if (!row) throw missing(key);
    const literal = literalIn(row);
    if ((rememberedLength += literal.length) > rememberedCharacters) {
      remembered.clear();
      rememberedLength = literal.length;
    }
    remembered.set(key, literal);
    return literal;
  }

  return { fold: (json) => fold(json, keep), unfold: (folded) => unfold(folded, literalOf) };
}

/**
 * Reads string literals off the JSON text itself: parsing it would cost more, and what is not touched is exact. In
 * valid JSON a quote that no backslash precedes begins or ends a literal, so no parser is needed to find them.
 */
export function fold(json: string, keep: (literal: string) => string): string {
  if (json.length < longText) return escapeKeys(json);
  let folded = "";
  let copied = 0;
  let open = json.indexOf('"');
  while (open !== -1) {
    const end = literalEnd(json, open);
    if (end - open >= longText && json[end] !== ":") {
      folded += `${escapeKeys(json.slice(copied, open))}{"$text":"${keep(json.slice(open, end))}"}`;
      copied = end;
    }
    open = json.indexOf('"', end);
  }
  return folded + escapeKeys(json.slice(copied));
}

export function unfold(folded: string, literalOf: (key: string) => string): string {
  if (!folded.includes(marker)) return folded;
  return folded.replace(
    referenceOrKey,
    (whole: string, key: string | undefined, dollars: string | undefined) => {
      if (key !== undefined) return literalOf(key);
      return dollars === undefined ? whole : `"${dollars}text":`;
    },
  );
}

/** Hashes of the texts that folded JSON refers to. */
export function textKeysIn(folded: readonly (string | null)[]): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const json of folded) {
    if (!json?.includes(marker)) continue;
    for (const [, key] of json.matchAll(referenceOrKey)) if (key !== undefined) keys.add(key);
  }
  return keys;
}

const marker = '$text"';
const reservedKey = /(?<!\\)"(\$+)text":/g;
const referenceOrKey = /\{"\$text":"([0-9a-f]{64})"\}|(?<!\\)"\$(\$+)text":/g;

function escapeKeys(json: string): string {
  return json.includes(marker) ? json.replace(reservedKey, '"$$$1text":') : json;
}

/** The index after the literal that opens at `open`. */
function literalEnd(json: string, open: number): number {
  let close = json.indexOf('"', open + 1);
  while (isEscaped(json, close)) close = json.indexOf('"', close + 1);
  return close + 1;
}

function isEscaped(json: string, index: number): boolean {
  let backslashes = 0;
  while (json.charCodeAt(index - 1 - backslashes) === 92) backslashes++;
  return backslashes % 2 === 1;
}

function parseLiteral(literal: string): string {
  const text: unknown = JSON.parse(literal);
  if (typeof text !== "string") throw new TypeError(`Expected a JSON string, got ${literal.slice(0, 40)}.`);
  return text;
}

export function compress(content: Buffer): Buffer | undefined {
  if (content.length < worthCompressing) return undefined;
  const packed = zstdCompressSync(content, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
  return packed.length < content.length * 0.9 ? packed : undefined;
}

function literalIn(row: Row): string {
  const content = bytesIn(row, "content");
  const text = Buffer.from(
    numberIn(row, "compressed") === 1 ? zstdDecompressSync(content) : content,
  ).toString();
  return textIn(row, "encoding") === "json" ? text : JSON.stringify(text);
}

function missing(key: string): StoreError {
  return new StoreError(
    "corrupt",
    `The text ${key} is referred to but is not in the table "texts". Restore the database from a backup.`,
  );
}
