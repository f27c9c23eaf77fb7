/** The part of the database that has conversations and their branches: who shares which stretch with whom. */
import type { DatabaseSync } from "node:sqlite";
import { rootHash } from "../../core/conversation.ts";
import type { BranchRef } from "../../core/conversation.ts";
import { StoreError } from "../../core/errors.ts";
import type { ConversationId } from "../../core/ids.ts";
import { numberIn, numberOrNullIn, statement, textIn } from "../parts/part.ts";
import type { OpenPart, Part, Row } from "../parts/part.ts";

export interface BranchOperations {
  open(id: string, at: number): ConversationRecord;
  get(id: string): ConversationRecord;
  has(id: string): boolean;
  list(limit: number): readonly OverviewRecord[];
  branch(ref: BranchRef): BranchRecord;
  fork(from: BranchRef, at: number, name: string | undefined, now: number): BranchRecord;
}

export interface ConversationRecord {
  readonly id: string;
  readonly createdAt: number;
  readonly branches: readonly BranchRecord[];
}

export interface BranchRecord {
  readonly name: string;
  readonly forkedFrom: { readonly name: string; readonly position: number } | undefined;
  readonly head: { readonly position: number; readonly hash: string };
}

export interface OverviewRecord {
  readonly id: string;
  readonly createdAt: number;
  readonly lastMessageAt: number | null;
  readonly messages: number;
  readonly branches: number;
  readonly tokens: number;
}

export const branchesPart: Part<BranchOperations> = {
  name: "branches",
  about:
    "Conversations and their branches. A branch has its own messages from `fork_position` + 1 on; what lies before belongs to its parent, on which it is looked up in the same way. A conversation without an id is being imported.",
  reads: ["get", "has", "list", "branch"],
  migrations: [
    {
      name: "branches/1-create",
      sql: `create table conversations (
  number integer primary key autoincrement,
  id text unique, -- null while it is being imported
  created_at real not null -- milliseconds since the epoch
) strict;
create table branches (
  number integer primary key autoincrement,
  conversation integer not null references conversations (number),
  name text not null,
  parent integer references branches (number), -- the one that has the message at fork_position; null for "main"
  fork_position integer not null, -- 0 for "main"
  created_at real not null, -- milliseconds since the epoch
  unique (conversation, name)
) strict;`,
    },
  ],
  open: openBranches,
};

function openBranches(database: DatabaseSync): OpenPart<BranchOperations> {
  const lineage = openLineage(database);
  const insertConversation = statement(
    database,
    "insert into conversations (id, created_at) values (?, ?) on conflict do nothing",
  );
  const createdAt = statement(database, "select number, created_at from conversations where id = ?");
  const branchNames = statement(database, "select name from branches where conversation = ? order by number");
  const overviews = statement(
    database,
    `select id, created_at,
       (select count(*) from branches where conversation = conversations.number) as branches,
       (select count(*) from messages where conversation = conversations.number) as messages,
       (select total(tokens) from messages where conversation = conversations.number) as tokens,
       (select at from messages where conversation = conversations.number order by seq desc limit 1) as last_at
     from conversations where id is not null
     order by coalesce((select max(number) from messages where conversation = conversations.number), 0) desc,
       number desc limit ?`,
  );
  const copyContext = statement(
    database,
    `insert into contexts (branch, version, through, items, reason, at)
     select ?, 1, through, items, reason, at from contexts
     where branch = ? and through > 0 and through <= ? order by version desc limit 1`,
  );

  function record(id: string): ConversationRecord {
    const row = createdAt().get(id);
    if (!row) throw lineage.unknownConversation(id);
    const names = branchNames().all(numberIn(row, "number"));
    const branches = names.map((named) =>
      branchRecord({ conversationId: lineage.named(id), name: textIn(named, "name") }),
    );
    return { id, createdAt: numberIn(row, "created_at"), branches };
  }
  function branchRecord(ref: BranchRef): BranchRecord {
    const { number, name, forkedFrom } = lineage.branch(ref);
    const { position, hash } = lineage.head(number);
    return { name, forkedFrom, head: { position, hash } };
  }
  function freeName(conversation: number): string {
    const taken = new Set(
      branchNames()
        .all(conversation)
        .map((row) => textIn(row, "name")),
    );
    for (let i = taken.size + 1; ; i++) if (!taken.has(`branch-${i}`)) return `branch-${i}`;
  }

  return {
    operations: {
      open(id, at) {
        if (insertConversation().run(id, at).changes > 0) {
          lineage.insert(lineage.conversation(id), "main", null, 0, at);
        }
        return record(id);
      },
      get: record,
      has: (id) => createdAt().get(id) !== undefined,
      list: (limit) =>
        overviews()
          .all(limit)
          .map((row) => ({
            id: textIn(row, "id"),
            createdAt: numberIn(row, "created_at"),
            lastMessageAt: numberOrNullIn(row, "last_at"),
            messages: numberIn(row, "messages"),
            branches: numberIn(row, "branches"),
            tokens: numberIn(row, "tokens"),
          })),
      branch: branchRecord,
      fork(from, at, name, now) {
        const source = lineage.branch(from);
        const head = lineage.head(source.number);
        if (at > head.position) throw beyondHead(from, at, head.position);
        const owner = lineage.segments(source.number).find(({ last }) => at <= last)?.branch ?? source.number;
        const chosen = name ?? freeName(source.conversation);
        const number = lineage.insert(source.conversation, chosen, owner, at, now);
        if (number === undefined) throw takenName(from, chosen);
        // The newest that fits may be one that an earlier version of the context's own branch had.
        for (const { branch, last } of lineage.segments(source.number).toReversed()) {
          if (copyContext().run(number, branch, Math.min(at, last)).changes > 0) break;
        }
        return branchRecord({ conversationId: from.conversationId, name: chosen });
      },
    },
    forget: lineage.forget,
  };
}

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

export function beyondHead(ref: BranchRef, at: number, head: number): StoreError {
  return new StoreError(
    "not_found",
    `The branch "${ref.name}" of "${ref.conversationId}" has ${head} messages, so there is no position ${at}.`,
  );
}

export function takenName(ref: BranchRef, name: string): StoreError {
  return new StoreError(
    "version_conflict",
    `The conversation "${ref.conversationId}" has a branch "${name}" already. Choose another name, or leave it out.`,
  );
}
