/** The part of the database that has conversations and their branches. */
import type { DatabaseSync } from "node:sqlite";
import type { BranchRef } from "../../core/conversation.ts";
import { StoreError } from "../../core/errors.ts";
import { numberIn, numberOrNullIn, statement, textIn } from "../parts/part.ts";
import type { OpenPart, Part } from "../parts/part.ts";
import { openLineage } from "./lineage.ts";

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
