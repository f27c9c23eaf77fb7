/** The part of the database that hands conversations out and takes them in, hash for hash. */
import type { DatabaseSync } from "node:sqlite";
import { chainHash, searchableText } from "../../core/conversation.ts";
import { StoreError } from "../../core/errors.ts";
import { asMessageId } from "../../core/ids.ts";
import type { Message } from "../../core/message.ts";
import { numberIn, numberOrNullIn, statement, textIn } from "../parts/part.ts";
import type { OpenPart, Part, Texts } from "../parts/part.ts";
import { openLineage } from "./lineage.ts";
import { openSummaryWriter, summaryColumns, summaryIn } from "./contexts.ts";
import type { ContextRecord, SummaryRecord } from "./contexts.ts";
import {
  contentHashOf,
  messageColumns,
  messageIn,
  messageTables,
  openMessageWriter,
} from "./message-rows.ts";
import type { MessageRecord } from "./message-rows.ts";
import { openSearchIndex } from "./search-index.ts";

export interface TransferOperations {
  branches(conversationId: string): readonly BranchRow[];
  /** A page of all messages on all branches, in the order in which they were stored. */
  messages(conversationId: string, afterSeq: number): readonly TransferredMessage[];
  summaries(conversationId: string): readonly SummaryRecord[];
  contexts(conversationId: string): readonly TransferredContext[];
  /** A conversation that nobody sees until it is finished. */
  begin(createdAt: number): number;
  addBranch(draft: number, branch: BranchRow): void;
  addMessages(draft: number, messages: readonly TransferredMessage[]): void;
  /** `branch` is one on which the summary is true. */
  addSummary(draft: number, branch: string, summary: SummaryRecord): void;
  addContext(draft: number, context: TransferredContext): void;
  finish(draft: number, conversationId: string): void;
  abandon(draft: number): void;
}

export interface BranchRow {
  readonly name: string;
  readonly parent: string | null;
  readonly forkPosition: number;
  readonly createdAt: number;
}

export interface TransferredMessage extends MessageRecord {
  readonly branch: string;
}

export interface TransferredContext extends ContextRecord {
  readonly branch: string;
}

export const transferPart: Part<TransferOperations> = {
  name: "transfer",
  about: "Works on the tables above; it has none of its own.",
  reads: ["branches", "messages", "summaries", "contexts"],
  migrations: [],
  open: openTransfer,
};

const pageMessages = 256;
const pageCharacters = 2_000_000;

function openTransfer(database: DatabaseSync, texts: Texts): OpenPart<TransferOperations> {
  const lineage = openLineage(database);
  const branches = statement(
    database,
    `select branches.name, parents.name as parent, branches.fork_position, branches.created_at
     from branches left join branches as parents on parents.number = branches.parent
     where branches.conversation = ? order by branches.number`,
  );
  const messages = statement(
    database,
    `select ${messageColumns}, branches.name as branch_name from ${messageTables}
     join branches on branches.number = messages.branch
     where messages.conversation = ? and seq > ? order by seq`,
  );
  const summaries = statement(
    database,
    `select ${summaryColumns} where summaries.conversation = ? order by summaries.number`,
  );
  const contexts = statement(
    database,
    `select branches.name, version, through, items, reason, at from contexts
     join branches on branches.number = contexts.branch where conversation = ? order by contexts.number`,
  );
  return {
    operations: {
      branches: (conversationId) =>
        branches()
          .all(lineage.conversation(conversationId))
          .map((row) => {
            const parent = row["parent"];
            return {
              name: textIn(row, "name"),
              parent: typeof parent === "string" ? parent : null,
              forkPosition: numberIn(row, "fork_position"),
              createdAt: numberIn(row, "created_at"),
            };
          }),
      messages(conversationId, afterSeq) {
        const page: TransferredMessage[] = [];
        let characters = 0;
        for (const row of messages().iterate(lineage.conversation(conversationId), afterSeq)) {
          const record = messageIn(row, texts);
          page.push({ ...record, branch: textIn(row, "branch_name") });
          characters += record.message.length + (record.verbatim?.length ?? 0);
          if (page.length >= pageMessages || characters >= pageCharacters) break;
        }
        return page;
      },
      summaries: (conversationId) =>
        summaries()
          .all(lineage.conversation(conversationId))
          .map((row) => summaryIn(row)),
      contexts: (conversationId) =>
        contexts()
          .all(lineage.conversation(conversationId))
          .map((row) => ({
            branch: textIn(row, "name"),
            version: numberIn(row, "version"),
            through: numberIn(row, "through"),
            // Written by the contexts part.
            items: JSON.parse(textIn(row, "items")) as ContextRecord["items"],
            reason: textIn(row, "reason"),
            at: numberIn(row, "at"),
          })),
      ...openImport(database, texts),
    },
    forget: lineage.forget,
  };
}

type ImportOperations = Omit<TransferOperations, "branches" | "messages" | "summaries" | "contexts">;

function openImport(database: DatabaseSync, texts: Texts): ImportOperations {
  const lineage = openLineage(database);
  const writer = openMessageWriter(database, texts);
  const summaryWriter = openSummaryWriter(database);
  const newConversation = statement(database, "insert into conversations (id, created_at) values (null, ?)");
  const branchNumber = statement(database, "select number from branches where conversation = ? and name = ?");
  const lastSeq = statement(database, "select max(seq) as seq from messages where conversation = ?");
  const insertContext = statement(
    database,
    "insert into contexts (branch, version, through, items, reason, at) values (?, ?, ?, ?, ?, ?)",
  );
  const name = statement(database, "update conversations set id = ? where number = ? and id is null");
  const isTaken = statement(database, "select 1 from conversations where id = ?");

  function numberOf(draft: number, branch: string): number {
    const row = branchNumber().get(draft, branch);
    if (!row) throw damaged(`the branch "${branch}" is used before it is named`);
    return numberIn(row, "number");
  }
  function addMessage(draft: number, message: TransferredMessage): void {
    const branch = numberOf(draft, message.branch);
    const head = lineage.head(branch);
    const id = asMessageId(`m${message.seq}`);
    const expected = (numberOrNullIn(lastSeq().get(draft) ?? {}, "seq") ?? 0) + 1;
    if (message.seq !== expected || message.position !== head.position + 1) {
      throw damaged(`${id} at position ${message.position} is not the one that follows`);
    }
    if (!message.erased && contentHashOf(message) !== message.contentHash) {
      throw damaged(`the content of ${id} is not what its hash says`);
    }
    const { contentHash, key, at, hash } = message;
    if (chainHash({ parentHash: head.hash, contentHash, id, key, at }) !== hash) {
      throw damaged(`the hash of ${id} does not follow from the message before it`);
    }
    writer.insert({ ...message, conversation: draft, branch }, JSON.parse(message.message) as Message);
  }

  return {
    begin: (createdAt) => Number(newConversation().run(createdAt).lastInsertRowid),
    addBranch(draft, branch) {
      const parent = branch.parent === null ? null : numberOf(draft, branch.parent);
      const { name: branchName, forkPosition, createdAt } = branch;
      if (lineage.insert(draft, branchName, parent, forkPosition, createdAt) === undefined) {
        throw damaged(`the branch "${branchName}" comes twice`);
      }
    },
    addMessages: (draft, messages) => messages.forEach((message) => addMessage(draft, message)),
    addSummary: (draft, branch, summary) =>
      summaryWriter.insert(draft, lineage.segments(numberOf(draft, branch)), summary),
    addContext(draft, { branch, version, through, items, reason, at }) {
      insertContext().run(numberOf(draft, branch), version, through, JSON.stringify(items), reason, at);
    },
    finish(draft, conversationId) {
      if (isTaken().get(conversationId)) throw takenId(conversationId);
      name().run(conversationId, draft);
    },
    abandon: openAbandon(database, texts),
  };
}

function openAbandon(database: DatabaseSync, texts: Texts): (draft: number) => void {
  const index = openSearchIndex(database);
  const contents = statement(
    database,
    `select number, message from messages where conversation = ?
     and not exists (select 1 from erasures where message = messages.number)`,
  );
  const ofDraft = "(select number from messages where conversation = ?)";
  const removals = [
    `delete from contexts where branch in (select number from branches where conversation = ?)`,
    `delete from summary_erasures where summary in (select number from summaries where conversation = ?)`,
    `delete from summaries where conversation = ?`,
    `delete from texts where hash in (select text from text_uses where message in ${ofDraft})
       and hash not in (select text from text_uses where message not in ${ofDraft})`,
    `delete from text_uses where message in ${ofDraft}`,
    `delete from blob_uses where message in ${ofDraft}`,
    `delete from erasures where message in ${ofDraft}`,
    `delete from messages where conversation = ?`,
    `delete from branches where conversation = ?`,
    `delete from conversations where number = ?`,
  ];
  return (draft) => {
    for (const row of contents().all(draft)) {
      // Written by the messages part.
      const message = JSON.parse(texts.unfold(textIn(row, "message"))) as Message;
      index.remove(numberIn(row, "number"), draft, searchableText(message));
    }
    for (const sql of removals) {
      const values = Array.from(sql.matchAll(/\?/g), () => draft);
      database.prepare(sql).run(...values);
    }
  };
}

export function damaged(reason: string): StoreError {
  return new StoreError(
    "corrupt",
    `The exported conversation can't be imported: ${reason}. Nothing was added; export it again.`,
  );
}

export function takenId(id: string): StoreError {
  return new StoreError(
    "version_conflict",
    `There is another conversation "${id}" already. Export or erase that one, or change the id in the first line.`,
  );
}
