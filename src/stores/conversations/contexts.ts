/** The part of the database that has summaries and what is active: kept and swapped in one transaction. */
import type { DatabaseSync } from "node:sqlite";
import type { BranchRef, ContextItem, Coverage } from "../../core/conversation.ts";
import { StoreError } from "../../core/errors.ts";
import { numberIn, numberOrNullIn, statement, textIn } from "../parts/part.ts";
import type { OpenPart, Part, Row } from "../parts/part.ts";
import { openLineage } from "./lineage.ts";
import { throughOf, validateSummary } from "./coverage.ts";
import { isVisible } from "./message-rows.ts";

export interface ContextOperations {
  context(ref: BranchRef): ContextRecord;
  /** Undefined where the version is another one: then nothing was changed. */
  swap(ref: BranchRef, swap: SwapRecord): ContextRecord | undefined;
  putSummaries(ref: BranchRef, summaries: readonly SummaryRecord[]): readonly SummaryRecord[];
  summary(conversationId: string, id: string): SummaryRecord | undefined;
  summaries(ref: BranchRef): readonly SummaryRecord[];
}

export interface ContextRecord {
  readonly version: number;
  readonly through: number;
  readonly items: readonly ContextItem[];
  readonly reason: string;
  readonly at: number;
}

export interface SwapRecord {
  readonly expectedVersion: number;
  readonly items: readonly ContextItem[];
  readonly summaries: readonly SummaryRecord[];
  readonly reason: string;
  readonly at: number;
}

/** A summary as it crosses threads: the text is a JSON literal. */
export interface SummaryRecord {
  readonly id: string;
  readonly level: number;
  readonly covers: Coverage;
  /** Null for a leaf. */
  readonly sources: readonly string[] | null;
  /** Null where it was made without a model. */
  readonly modelId: string | null;
  readonly text: string;
  readonly tokens: number;
  readonly needsRepair: boolean;
  readonly metadata: string | undefined;
  readonly createdAt: number;
  readonly erased: { readonly at: number; readonly reason: string } | undefined;
}

export const contextsPart: Part<ContextOperations> = {
  name: "contexts",
  about:
    "Summaries, and what of each branch is active. A summary is true of every branch that has its `last_message`. Of a branch's contexts the one with the highest version holds: its items cover positions 1 to `through`, and all later messages follow as they are. A row in `summary_erasures` says that a summary's text went with a message it covered.",
  reads: ["context", "summary", "summaries"],
  migrations: [
    {
      name: "contexts/1-create",
      sql: `create table summaries (
  number integer primary key,
  conversation integer not null references conversations (number),
  id text not null,
  level integer not null, -- from 1
  first integer not null, -- position
  last integer not null, -- position
  last_message integer not null references messages (number),
  sources text, -- JSON array of ids of summaries; null for a leaf, which is made from messages
  model_id text, -- null where it was made without a model
  text text not null, -- JSON literal
  tokens integer not null, -- estimated
  needs_repair integer not null check (needs_repair in (0, 1)),
  metadata text, -- JSON
  created_at real not null, -- milliseconds since the epoch
  unique (conversation, id)
) strict;
create index summaries_by_place on summaries (conversation, first, last);
create table summary_erasures (
  summary integer primary key references summaries (number),
  at real not null, -- milliseconds since the epoch
  reason text not null
) strict;
create table contexts (
  number integer primary key,
  branch integer not null references branches (number),
  version integer not null, -- from 1
  through integer not null, -- position
  items text not null, -- JSON
  reason text not null, -- why it was swapped in
  at real not null, -- milliseconds since the epoch
  unique (branch, version)
) strict;`,
    },
  ],
  open: openContexts,
};

export const summaryColumns = `summaries.id, summaries.level, summaries.first, summaries.last, summaries.sources,
  summaries.model_id, summaries.text, summaries.tokens, summaries.needs_repair, summaries.metadata,
  summaries.created_at, messages.branch, lower(hex(messages.hash)) as hash,
  summary_erasures.at as erased_at, summary_erasures.reason
  from summaries join messages on messages.number = summaries.last_message
  left join summary_erasures on summary_erasures.summary = summaries.number`;

function openContexts(database: DatabaseSync): OpenPart<ContextOperations> {
  const lineage = openLineage(database);
  const newest = statement(
    database,
    "select version, through, items, reason, at from contexts where branch = ? order by version desc limit 1",
  );
  const insertContext = statement(
    database,
    "insert into contexts (branch, version, through, items, reason, at) values (?, ?, ?, ?, ?, ?)",
  );
  const byId = statement(
    database,
    `select ${summaryColumns} where summaries.conversation = ? and summaries.id = ?`,
  );
  const ofConversation = statement(
    database,
    `select ${summaryColumns} where summaries.conversation = ?
     order by summaries.first, summaries.last, summaries.level, summaries.number`,
  );
  const writer = openSummaryWriter(database);

  function context(branch: number): ContextRecord {
    const row = newest().get(branch);
    if (!row) return { version: 0, through: 0, items: [], reason: "", at: 0 };
    return {
      version: numberIn(row, "version"),
      through: numberIn(row, "through"),
      // Written by this part.
      items: JSON.parse(textIn(row, "items")) as ContextItem[],
      reason: textIn(row, "reason"),
      at: numberIn(row, "at"),
    };
  }
  function visible(conversation: number, branch: number, id: string): SummaryRecord | undefined {
    const row = byId().get(conversation, id);
    const seen = row && isVisible(lineage.segments(branch), numberIn(row, "branch"), numberIn(row, "last"));
    return seen ? summaryIn(row) : undefined;
  }
  function put(ref: BranchRef, summaries: readonly SummaryRecord[]): readonly SummaryRecord[] {
    const { conversation, number: branch } = lineage.branch(ref);
    return summaries.map((summary) => {
      // The id is a hash of the content, so what is there is the same.
      const before = visible(conversation, branch, summary.id);
      if (before) return before;
      validateSummary(summary, (id) => visible(conversation, branch, id));
      writer.insert(conversation, lineage.segments(branch), summary);
      return summary;
    });
  }

  return {
    operations: {
      context: (ref) => context(lineage.branch(ref).number),
      swap(ref, { expectedVersion, items, summaries, reason, at }) {
        const { conversation, number: branch } = lineage.branch(ref);
        if (context(branch).version !== expectedVersion) return undefined;
        put(ref, summaries);
        const through = throughOf(items, lineage.head(branch).position, (id) =>
          visible(conversation, branch, id),
        );
        insertContext().run(branch, expectedVersion + 1, through, JSON.stringify(items), reason, at);
        return { version: expectedVersion + 1, through, items, reason, at };
      },
      putSummaries: put,
      summary(conversationId, id) {
        const row = byId().get(lineage.conversation(conversationId), id);
        return row && summaryIn(row);
      },
      summaries(ref) {
        const { conversation, number } = lineage.branch(ref);
        const segments = lineage.segments(number);
        return ofConversation()
          .all(conversation)
          .filter((row) => isVisible(segments, numberIn(row, "branch"), numberIn(row, "last")))
          .map((row) => summaryIn(row));
      },
    },
    forget: lineage.forget,
  };
}

export interface SummaryWriter {
  /** Throws "invalid_context" where the summary's hash is not that of the message it ends with. */
  insert(
    conversation: number,
    segments: readonly { readonly branch: number; readonly first: number; readonly last: number }[],
    summary: SummaryRecord,
  ): void;
}

export function openSummaryWriter(database: DatabaseSync): SummaryWriter {
  const insert = statement(
    database,
    `insert into summaries (conversation, id, level, first, last, last_message, sources, model_id, text, tokens,
       needs_repair, metadata, created_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const messageAt = statement(
    database,
    "select number, lower(hex(hash)) as hash from messages where branch = ? and position = ?",
  );
  const insertErasure = statement(
    database,
    "insert into summary_erasures (summary, at, reason) values (?, ?, ?)",
  );
  return {
    insert(conversation, segments, summary) {
      const { first, last, hash } = summary.covers;
      const owner = segments.find((segment) => segment.first <= last && last <= segment.last);
      const end = owner && messageAt().get(owner.branch, last);
      if (!end || textIn(end, "hash") !== hash) throw wrongHistory(summary);
      const { lastInsertRowid } = insert().run(
        ...[conversation, summary.id, summary.level, first, last, numberIn(end, "number")],
        summary.sources === null ? null : JSON.stringify(summary.sources),
        ...[summary.modelId, summary.text, summary.tokens, summary.needsRepair ? 1 : 0],
        summary.metadata ?? null,
        summary.createdAt,
      );
      const { erased } = summary;
      if (erased) insertErasure().run(Number(lastInsertRowid), erased.at, erased.reason);
    },
  };
}

export function summaryIn(row: Row): SummaryRecord {
  const [sources, modelId, metadata] = [row["sources"], row["model_id"], row["metadata"]];
  const erasedAt = numberOrNullIn(row, "erased_at");
  return {
    id: textIn(row, "id"),
    level: numberIn(row, "level"),
    covers: { first: numberIn(row, "first"), last: numberIn(row, "last"), hash: textIn(row, "hash") },
    // Written by this part.
    sources: typeof sources === "string" ? (JSON.parse(sources) as string[]) : null,
    modelId: typeof modelId === "string" ? modelId : null,
    text: textIn(row, "text"),
    tokens: numberIn(row, "tokens"),
    needsRepair: numberIn(row, "needs_repair") === 1,
    metadata: typeof metadata === "string" ? metadata : undefined,
    createdAt: numberIn(row, "created_at"),
    erased: erasedAt === null ? undefined : { at: erasedAt, reason: textIn(row, "reason") },
  };
}

export function wrongHistory(summary: { readonly id: string; readonly covers: Coverage }): StoreError {
  const { first, last } = summary.covers;
  return new StoreError(
    "invalid_context",
    `The summary "${summary.id}" covers positions ${first} to ${last} of another history: its hash is not that of the message at ${last}. Take the hash from the branch it is for.`,
  );
}
