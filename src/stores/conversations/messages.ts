/** The part of the database that has the messages: appended, read by place or by id, never changed. */
import type { DatabaseSync } from "node:sqlite";
import { chainHash, rootHash } from "../../core/conversation.ts";
import type { BranchRef } from "../../core/conversation.ts";
import { StoreError } from "../../core/errors.ts";
import { asMessageId } from "../../core/ids.ts";
import type { Message } from "../../core/message.ts";
import { textOfMessage } from "../../core/message.ts";
import { estimateTokens } from "../../core/tokens.ts";
import { numberIn, numberOrNullIn, statement, textIn } from "../parts/part.ts";
import type { OpenPart, Part, Row, Texts } from "../parts/part.ts";
import { openLineage } from "./lineage.ts";
import {
  contentHashOf,
  isVisible,
  messageColumns,
  messageIn,
  messageTables,
  openMessageWriter,
} from "./message-rows.ts";
import type { MessageRecord, NewMessageRecord } from "./message-rows.ts";
import { searchIndexSql } from "./search-index.ts";

export interface MessageOperations {
  append(
    ref: BranchRef,
    messages: readonly NewMessageRecord[],
    expectedHead: string | undefined,
    now: number,
  ): readonly AppendedRecord[];
  /** A page of the positions from `from` to `to`, downwards where `from` is the greater. */
  read(ref: BranchRef, from: number, to: number): MessagePage;
  get(conversationId: string, seq: number): MessageRecord | undefined;
}

export interface AppendedRecord {
  readonly added: boolean;
  readonly seq: number;
  readonly position: number;
  readonly hash: string;
  readonly tokens: number;
}

export interface MessagePage {
  readonly messages: readonly MessageRecord[];
  /** Where the next page begins; undefined on the last. */
  readonly next: number | undefined;
}

export const messagesPart: Part<MessageOperations> = {
  name: "messages",
  about:
    "Every message, once. `hash` is the SHA-256 of the JSON array [hash of the message before it on its branch, content_hash, id, key, at] and so covers all that came before; the first has 64 zeros before it. `content_hash` is the SHA-256 of `message`, or, where there is more, of the JSON array [message, verbatim, metadata, blobs]. A row in `erasures` says that the content of a message is gone; its hashes stay. The two search tables have the text of each message under its number: all sequences of three characters, in the upper, then lower case form, and all words.",
  reads: ["read", "get"],
  migrations: [
    {
      name: "messages/1-create",
      sql: `create table messages (
  number integer primary key,
  conversation integer not null references conversations (number),
  seq integer not null, -- its id is 'm' and this: order within the conversation, on all branches together
  branch integer not null references branches (number), -- the one it was appended to
  position integer not null, -- on its branch, from 1
  role text not null,
  key text, -- its name where it came from
  at real not null, -- milliseconds since the epoch
  tokens integer not null, -- estimated
  message text not null, -- JSON
  verbatim text, -- JSON literal: what the provider or another program called it
  metadata text, -- JSON
  blobs text, -- JSON array of ids; null for none
  content_hash blob not null,
  hash blob not null
) strict;
create unique index messages_by_place on messages (branch, position);
create unique index messages_by_id on messages (conversation, seq);
create index messages_by_key on messages (conversation, key) where key is not null;
create table text_uses (
  text blob not null, -- hash in "texts"
  message integer not null references messages (number),
  primary key (text, message)
) strict, without rowid;
create table blob_uses (
  blob blob not null, -- hash in "blobs"
  message integer not null references messages (number),
  primary key (blob, message)
) strict, without rowid;
create table erasures (
  message integer primary key references messages (number),
  at real not null, -- milliseconds since the epoch
  reason text not null
) strict;
${searchIndexSql}`,
    },
  ],
  open: openMessages,
};

const pageMessages = 512;
const pageCharacters = 4_000_000;

function openMessages(database: DatabaseSync, texts: Texts): OpenPart<MessageOperations> {
  const lineage = openLineage(database);
  const writer = openMessageWriter(database, texts);
  const hasKey = statement(
    database,
    `select ${messageColumns} from ${messageTables} where conversation = ? and key = ?`,
  );
  const lastSeq = statement(database, "select max(seq) as seq from messages where conversation = ?");
  const upwards = statement(
    database,
    `select ${messageColumns} from ${messageTables} where branch = ? and position between ? and ? order by position`,
  );
  const downwards = statement(
    database,
    `select ${messageColumns} from ${messageTables} where branch = ? and position between ? and ?
     order by position desc`,
  );
  const byId = statement(
    database,
    `select ${messageColumns} from ${messageTables} where conversation = ? and seq = ?`,
  );
  const hashAt = statement(
    database,
    "select lower(hex(hash)) as hash from messages where branch = ? and position = ?",
  );

  function parentHashOf(branch: number, position: number): string {
    if (position === 1) return rootHash;
    const owner = lineage
      .segments(branch)
      .find(({ first, last }) => first < position && position <= last + 1);
    const row = owner && hashAt().get(owner.branch, position - 1);
    return row ? textIn(row, "hash") : rootHash;
  }

  /** The message of this key that the branch can see. */
  function known(conversation: number, branch: number, key: string): Row | undefined {
    const segments = lineage.segments(branch);
    return hasKey()
      .all(conversation, key)
      .find((row) => isVisible(segments, numberIn(row, "branch"), numberIn(row, "position")));
  }

  return {
    operations: {
      append(ref, messages, expectedHead, now) {
        const { number: branch, conversation } = lineage.branch(ref);
        let { position, hash } = lineage.head(branch);
        if (expectedHead !== undefined && expectedHead !== hash) throw movedHead(ref, expectedHead, hash);
        let seq = numberOrNullIn(lastSeq().get(conversation) ?? {}, "seq") ?? 0;
        return messages.map((message) => {
          const content = contentHashOf(message);
          const before = message.key === undefined ? undefined : known(conversation, branch, message.key);
          if (before) {
            if (textIn(before, "content_hash") !== content) throw keyConflict(ref, message.key ?? "");
            return appended(before, false);
          }
          seq += 1;
          position += 1;
          const at = message.at ?? now;
          const link = {
            parentHash: hash,
            contentHash: content,
            id: asMessageId(`m${seq}`),
            key: message.key,
            at,
          };
          hash = chainHash(link);
          const parsed = JSON.parse(message.message) as Message;
          const tokens = message.tokens ?? estimateTokens(textOfMessage(parsed));
          const place = { conversation, seq, branch, position, at, tokens };
          writer.insert({ ...message, ...place, contentHash: content, hash, erased: undefined }, parsed);
          return { added: true, seq, position, hash, tokens };
        });
      },
      read(ref, from, to) {
        const { number: branch } = lineage.branch(ref);
        const [first, last] = [Math.min(from, to), Math.max(from, to)];
        const downward = from > to;
        const segments = lineage.segments(branch);
        const found: MessageRecord[] = [];
        let characters = 0;
        for (const segment of downward ? segments.toReversed() : segments) {
          const range = [segment.branch, Math.max(first, segment.first), Math.min(last, segment.last)];
          for (const row of (downward ? downwards() : upwards()).iterate(...range)) {
            const position = numberIn(row, "position");
            if (found.length >= pageMessages || characters >= pageCharacters) {
              return { messages: linked(found, branch, downward), next: position };
            }
            const record = messageIn(row, texts);
            characters += record.message.length + (record.verbatim?.length ?? 0);
            found.push(record);
          }
        }
        return { messages: linked(found, branch, downward), next: undefined };
      },
      get(conversationId, seq) {
        const row = byId().get(lineage.conversation(conversationId), seq);
        if (!row) return undefined;
        const record = messageIn(row, texts);
        return { ...record, parentHash: parentHashOf(numberIn(row, "branch"), record.position) };
      },
    },
    forget: lineage.forget,
  };

  /** A page's messages with the hashes of those before them: only the oldest one's must be looked up. */
  function linked(
    found: readonly MessageRecord[],
    branch: number,
    downward: boolean,
  ): readonly MessageRecord[] {
    return found.map((record, index) => ({
      ...record,
      parentHash: found[index + (downward ? 1 : -1)]?.hash ?? parentHashOf(branch, record.position),
    }));
  }
}

function appended(row: Row, added: boolean): AppendedRecord {
  return {
    added,
    seq: numberIn(row, "seq"),
    position: numberIn(row, "position"),
    hash: textIn(row, "hash"),
    tokens: numberIn(row, "tokens"),
  };
}

export function movedHead(ref: BranchRef, expected: string, found: string): StoreError {
  return new StoreError(
    "version_conflict",
    `The branch "${ref.name}" of "${ref.conversationId}" has moved on: its head is ${found.slice(0, 12)}…, not ${expected.slice(0, 12)}…. Read what was added, then append again.`,
  );
}

export function keyConflict(ref: BranchRef, key: string): StoreError {
  return new StoreError(
    "key_conflict",
    `The branch "${ref.name}" of "${ref.conversationId}" already has a message with the key "${key}" but another content. Fork the branch before it to keep an edited version, or use a new key.`,
  );
}
