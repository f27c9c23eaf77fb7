/** Who shares which stretch of a conversation with whom: where each position of a branch is found. It writes no message. */
import type { DatabaseSync } from "node:sqlite";
import { rootHash } from "../../core/conversation.ts";
import type { BranchRef } from "../../core/conversation.ts";
import { StoreError } from "../../core/errors.ts";
import type { ConversationId } from "../../core/ids.ts";
import { numberIn, numberOrNullIn, statement, textIn } from "../parts/part.ts";
import type { Row } from "../parts/part.ts";

/** A stretch of positions on a branch of its own messages, both ends included. */
export interface Segment {
  readonly branch: number;
  readonly first: number;
  readonly last: number;
}

export interface KnownBranch {
  readonly number: number;
  readonly conversation: number;
  readonly name: string;
  readonly forkedFrom: { readonly name: string; readonly position: number } | undefined;
}

export interface Lineage {
  conversation(id: string): number;
  /** The id, once it is known that there is such a conversation. */
  named(id: string): ConversationId;
  branch(ref: BranchRef): KnownBranch;
  /** The branch a message was appended to. */
  byNumber(number: number): KnownBranch;
  /** Where each position of a branch is found, oldest first; the last segment is open. */
  segments(branch: number): readonly Segment[];
  head(branch: number): { readonly position: number; readonly hash: string };
  /** Undefined where the name is taken. */
  insert(
    conversation: number,
    name: string,
    parent: number | null,
    position: number,
    at: number,
  ): number | undefined;
  unknownConversation(id: string): StoreError;
  /** After a rollback: rows that were remembered may not be there. */
  forget(): void;
}

/** Branches never change once they are made, so that all but their heads is remembered. */
export function openLineage(database: DatabaseSync): Lineage {
  const selectConversation = statement(database, "select number from conversations where id = ?");
  const newest = statement(
    database,
    "select id from conversations where id is not null order by number desc limit 3",
  );
  const selectColumns = `select branches.number, branches.conversation, branches.name, branches.fork_position,
    branches.parent, parents.name as parent_name
    from branches left join branches as parents on parents.number = branches.parent`;
  const byName = statement(
    database,
    `${selectColumns} where branches.conversation = ? and branches.name = ?`,
  );
  const select = statement(database, `${selectColumns} where branches.number = ?`);
  const names = statement(
    database,
    "select name from branches where conversation = ? order by number limit 4",
  );
  const insertBranch = statement(
    database,
    `insert into branches (conversation, name, parent, fork_position, created_at) values (?, ?, ?, ?, ?)
     on conflict do nothing`,
  );
  const newestOn = statement(
    database,
    "select position, lower(hex(hash)) as hash from messages where branch = ? and position <= ? order by position desc limit 1",
  );
  const conversations = new Map<string, number>();
  const branches = new Map<string, KnownBranch>();
  const segmentsOf = new Map<number, readonly Segment[]>();

  function unknownConversation(id: string): StoreError {
    const known = newest()
      .all()
      .map((row) => `"${textIn(row, "id")}"`);
    return notFoundConversation(id, known);
  }
  function conversation(id: string): number {
    const before = conversations.get(id);
    if (before !== undefined) return before;
    const row = selectConversation().get(id);
    if (!row) throw unknownConversation(id);
    const number = numberIn(row, "number");
    conversations.set(id, number);
    return number;
  }
  function branch(ref: BranchRef): KnownBranch {
    const key = JSON.stringify([ref.conversationId, ref.name]);
    const before = branches.get(key);
    if (before) return before;
    const number = conversation(ref.conversationId);
    const row = byName().get(number, ref.name);
    if (!row)
      throw notFoundBranch(
        ref,
        names()
          .all(number)
          .map((known) => textIn(known, "name")),
      );
    const found = branchIn(row);
    branches.set(key, found);
    return found;
  }
  function segments(number: number): readonly Segment[] {
    const before = segmentsOf.get(number);
    if (before) return before;
    const row = select().get(number);
    const parent = row ? numberOrNullIn(row, "parent") : null;
    const fork = row ? numberIn(row, "fork_position") : 0;
    const inherited = (parent === null ? [] : segments(parent))
      .map((segment) => ({ ...segment, last: Math.min(segment.last, fork) }))
      .filter(({ first, last }) => first <= last);
    const all = [...inherited, { branch: number, first: fork + 1, last: Number.MAX_SAFE_INTEGER }];
    segmentsOf.set(number, all);
    return all;
  }

  return {
    conversation,
    named(id) {
      conversation(id);
      return id as ConversationId;
    },
    branch,
    byNumber(number) {
      const row = select().get(number);
      if (!row) throw new StoreError("corrupt", `Branch number ${number} is referred to but is not there.`);
      return branchIn(row);
    },
    segments,
    head(number) {
      for (const { branch: owner, last } of segments(number).toReversed()) {
        const row = newestOn().get(owner, last);
        if (row) return { position: numberIn(row, "position"), hash: textIn(row, "hash") };
      }
      return { position: 0, hash: rootHash };
    },
    insert(owner, name, parent, position, at) {
      const { changes, lastInsertRowid } = insertBranch().run(owner, name, parent, position, at);
      return changes > 0 ? Number(lastInsertRowid) : undefined;
    },
    unknownConversation,
    forget() {
      conversations.clear();
      branches.clear();
      segmentsOf.clear();
    },
  };
}

function branchIn(row: Row): KnownBranch {
  const parent = row["parent_name"];
  return {
    number: numberIn(row, "number"),
    conversation: numberIn(row, "conversation"),
    name: textIn(row, "name"),
    forkedFrom:
      typeof parent === "string" ? { name: parent, position: numberIn(row, "fork_position") } : undefined,
  };
}

export function notFoundConversation(id: string, newest: readonly string[]): StoreError {
  const known =
    newest.length === 0 ? "Nothing was stored yet." : `The newest conversations are ${newest.join(", ")}.`;
  return new StoreError("not_found", `There is no conversation "${id}" in this store. ${known}`);
}

export function notFoundBranch(ref: BranchRef, names: readonly string[]): StoreError {
  return new StoreError(
    "not_found",
    `The conversation "${ref.conversationId}" has no branch "${ref.name}". It has ${names.join(", ")}.`,
  );
}
