/** One message as a row: how it is kept with all that finds it, and how it is read back. It knows no branch. */
import type { DatabaseSync } from "node:sqlite";
import { contentHash, searchableText } from "../../core/conversation.ts";
import { StoreError } from "../../core/errors.ts";
import type { Message } from "../../core/message.ts";
import { numberIn, numberOrNullIn, statement, textIn } from "../parts/part.ts";
import type { Row, Texts } from "../parts/part.ts";
import { textKeysIn } from "../parts/texts.ts";
import { openSearchIndex } from "./search-index.ts";

/** A message as it crosses threads: what is JSON is serialised. */
export interface NewMessageRecord {
  readonly message: string;
  /** A JSON literal, since it may be no well-formed text. */
  readonly verbatim: string | undefined;
  readonly metadata: string | undefined;
  readonly key: string | undefined;
  readonly blobs: readonly string[];
  readonly at: number | undefined;
  readonly tokens: number | undefined;
}

export interface MessageRecord extends NewMessageRecord {
  readonly seq: number;
  readonly position: number;
  readonly at: number;
  readonly tokens: number;
  readonly contentHash: string;
  readonly hash: string;
  readonly parentHash: string;
  readonly erased: { readonly at: number; readonly reason: string } | undefined;
}

/** What `messageIn` needs of a row. */
export const messageColumns = `messages.number, messages.seq, messages.branch, messages.position, messages.role,
  messages.key, messages.at, messages.tokens, messages.message, messages.verbatim, messages.metadata, messages.blobs,
  lower(hex(messages.content_hash)) as content_hash, lower(hex(messages.hash)) as hash,
  erasures.at as erased_at, erasures.reason`;
export const messageTables = "messages left join erasures on erasures.message = messages.number";

export interface PlacedMessage extends NewMessageRecord {
  readonly conversation: number;
  readonly seq: number;
  readonly branch: number;
  readonly position: number;
  readonly at: number;
  readonly tokens: number;
  readonly contentHash: string;
  readonly hash: string;
  readonly erased: { readonly at: number; readonly reason: string } | undefined;
}

export interface MessageWriter {
  /** Keeps a message, with all that finds it. */
  insert(placed: PlacedMessage, parsed: Message): void;
}

export function openMessageWriter(database: DatabaseSync, texts: Texts): MessageWriter {
  const index = openSearchIndex(database);
  const insert = statement(
    database,
    `insert into messages (conversation, seq, branch, position, role, key, at, tokens, message, verbatim, metadata,
       blobs, content_hash, hash) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, unhex(?), unhex(?))`,
  );
  const useText = statement(
    database,
    "insert into text_uses (text, message) values (unhex(?), ?) on conflict do nothing",
  );
  const useBlob = statement(
    database,
    "insert into blob_uses (blob, message) values (unhex(?), ?) on conflict do nothing",
  );
  const isBlob = statement(database, "select 1 from blobs where hash = unhex(?)");
  const insertErasure = statement(database, "insert into erasures (message, at, reason) values (?, ?, ?)");
  return {
    insert(placed, parsed) {
      const message = texts.fold(placed.message);
      const verbatim = placed.verbatim === undefined ? null : texts.fold(placed.verbatim);
      const metadata = placed.metadata === undefined ? null : texts.fold(placed.metadata);
      const { lastInsertRowid } = insert().run(
        ...[placed.conversation, placed.seq, placed.branch, placed.position, parsed.role, placed.key ?? null],
        ...[placed.at, placed.tokens, message, verbatim, metadata],
        placed.blobs.length === 0 ? null : JSON.stringify(placed.blobs),
        ...[placed.contentHash, placed.hash],
      );
      const number = Number(lastInsertRowid);
      if (placed.erased) {
        insertErasure().run(number, placed.erased.at, placed.erased.reason);
        return;
      }
      for (const key of textKeysIn([message, verbatim, metadata])) useText().run(key, number);
      for (const blob of placed.blobs) {
        if (!isBlob().get(hexOf(blob))) throw unknownBlob(blob);
        useBlob().run(hexOf(blob), number);
      }
      index.insert(number, placed.conversation, searchableText(parsed));
    },
  };
}

/** Without the parent's hash, which is another row's. */
export function messageIn(row: Row, texts: Texts): MessageRecord {
  const [key, verbatim, metadata, blobs] = [row["key"], row["verbatim"], row["metadata"], row["blobs"]];
  const erasedAt = numberOrNullIn(row, "erased_at");
  return {
    seq: numberIn(row, "seq"),
    position: numberIn(row, "position"),
    message: texts.unfold(textIn(row, "message")),
    verbatim: typeof verbatim === "string" ? texts.unfold(verbatim) : undefined,
    metadata: typeof metadata === "string" ? texts.unfold(metadata) : undefined,
    key: typeof key === "string" ? key : undefined,
    // Written by this part.
    blobs: typeof blobs === "string" ? (JSON.parse(blobs) as string[]) : [],
    at: numberIn(row, "at"),
    tokens: numberIn(row, "tokens"),
    contentHash: textIn(row, "content_hash"),
    hash: textIn(row, "hash"),
    parentHash: "",
    erased: erasedAt === null ? undefined : { at: erasedAt, reason: textIn(row, "reason") },
  };
}

export function contentHashOf(record: NewMessageRecord): string {
  const { message, metadata, blobs } = record;
  const verbatim = record.verbatim === undefined ? undefined : String(JSON.parse(record.verbatim));
  return contentHash({ message, verbatim, metadata, blobs });
}

export function isVisible(
  segments: readonly { readonly branch: number; readonly first: number; readonly last: number }[],
  branch: number,
  position: number,
): boolean {
  return segments.some((segment) => segment.branch === branch && position <= segment.last);
}

/** Blob ids are "blob_" and the hash. */
export function hexOf(blobId: string): string {
  return blobId.slice(blobId.indexOf("_") + 1);
}

export function unknownBlob(id: string): StoreError {
  return new StoreError(
    "not_found",
    `There is no blob "${id}" in this store. Put its bytes before the message.`,
  );
}
