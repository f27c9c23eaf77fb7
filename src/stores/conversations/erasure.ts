/** The part of the database that forgets: content goes, hashes and places stay. The only one that changes rows. */
import type { DatabaseSync } from "node:sqlite";
import { searchableText, standInFor } from "../../core/conversation.ts";
import type { ErasureTarget } from "../../core/conversation-store.ts";
import { StoreError } from "../../core/errors.ts";
import type { Message } from "../../core/message.ts";
import { estimateTokens } from "../../core/tokens.ts";
import { numberIn, statement, textIn } from "../parts/part.ts";
import type { OpenPart, Part, Row, Texts } from "../parts/part.ts";
import { textKeysIn } from "../parts/texts.ts";
import { openUploadRemoval } from "./blobs.ts";
import { openLineage } from "./lineage.ts";
import { isVisible } from "./message-rows.ts";
import { openSearchIndex } from "./search-index.ts";

export interface ErasureOperations {
  /** Numbers of the messages that are meant and not erased yet. */
  targets(conversationId: string, what: ErasureTarget): readonly number[];
  /** A few at a time, so that others get their turn. */
  erase(conversationId: string, numbers: readonly number[], reason: string, at: number): ErasedRecord;
  /** Copies the log into the file and empties it; false where somebody is still reading, or writing. */
  emptyLog(): boolean;
}

export interface ErasedRecord {
  readonly messages: number;
  readonly summaries: number;
  readonly blobs: number;
}

export const erasurePart: Part<ErasureOperations> = {
  name: "erasure",
  about:
    "Works on the tables above; it has none of its own. Freed space in this file is overwritten with zeros.",
  reads: ["targets", "emptyLog"],
  migrations: [],
  open: openErasure,
};

export const erasedSummaryText = "[erased with a message that this summary covered]";

function openErasure(database: DatabaseSync, texts: Texts): OpenPart<ErasureOperations> {
  const lineage = openLineage(database);
  const targets = openTargets(database);
  const eraseContent = openContentErasure(database, texts);
  const covering = statement(
    database,
    `select summaries.number, summaries.last, messages.branch
     from summaries join messages on messages.number = summaries.last_message
     where summaries.conversation = ? and summaries.first <= ? and summaries.last >= ?
       and not exists (select 1 from summary_erasures where summary = summaries.number)`,
  );
  const replaceSummary = statement(
    database,
    "update summaries set text = ?, tokens = ?, model_id = null, metadata = null, needs_repair = 1 where number = ?",
  );
  const markSummary = statement(
    database,
    "insert into summary_erasures (summary, at, reason) values (?, ?, ?)",
  );

  function eraseSummaries(conversation: number, message: Row, reason: string, at: number): number {
    const [branch, position] = [numberIn(message, "branch"), numberIn(message, "position")];
    const rows = covering()
      .all(conversation, position, position)
      .filter((row) => isVisible(lineage.segments(numberIn(row, "branch")), branch, position));
    const text = JSON.stringify(erasedSummaryText);
    for (const row of rows) {
      replaceSummary().run(text, estimateTokens(erasedSummaryText), numberIn(row, "number"));
      markSummary().run(numberIn(row, "number"), at, reason);
    }
    return rows.length;
  }

  return {
    operations: {
      targets,
      erase(conversationId, numbers, reason, at) {
        const conversation = lineage.conversation(conversationId);
        const erased = { messages: 0, summaries: 0, blobs: 0 };
        for (const number of numbers) {
          const content = eraseContent(number, reason, at);
          if (!content) continue;
          erased.messages++;
          erased.blobs += content.blobs;
          erased.summaries += eraseSummaries(conversation, content.row, reason, at);
        }
        return erased;
      },
      emptyLog() {
        // Within a transaction SQLite refuses.
        if (database.isTransaction) return false;
        return database.prepare("pragma wal_checkpoint(truncate)").get()?.["busy"] === 0;
      },
    },
    forget: lineage.forget,
  };
}

function openTargets(database: DatabaseSync): ErasureOperations["targets"] {
  const lineage = openLineage(database);
  const isKept = "not exists (select 1 from erasures where message = messages.number)";
  const all = statement(
    database,
    `select number from messages where conversation = ? and ${isKept} order by seq`,
  );
  const byId = statement(
    database,
    `select number, ${isKept} as kept from messages where conversation = ? and seq = ?`,
  );
  const inRange = statement(
    database,
    `select number from messages where branch = ? and position between ? and ? and ${isKept} order by position`,
  );
  return (conversationId, what) => {
    const conversation = lineage.conversation(conversationId);
    switch (what.type) {
      case "conversation":
        return all()
          .all(conversation)
          .map((row) => numberIn(row, "number"));
      case "messages":
        return what.ids.flatMap((id) => {
          const row = byId().get(conversation, Number(id.slice(1)));
          if (!row) throw unknownMessage(conversationId, id);
          return numberIn(row, "kept") === 1 ? [numberIn(row, "number")] : [];
        });
      case "range": {
        const ref = { conversationId: lineage.named(conversationId), name: what.branch };
        return lineage.segments(lineage.branch(ref).number).flatMap((segment) =>
          inRange()
            .all(segment.branch, Math.max(what.first, segment.first), Math.min(what.last, segment.last))
            .map((row) => numberIn(row, "number")),
        );
      }
    }
  };
}

/** Removes one message's content wherever it is: its row, the search tables, texts and blobs that only it uses. */
function openContentErasure(
  database: DatabaseSync,
  texts: Texts,
): (number: number, reason: string, at: number) => { row: Row; blobs: number } | undefined {
  const index = openSearchIndex(database);
  const uploads = openUploadRemoval(database);
  const select = statement(
    database,
    `select number, conversation, branch, position, message, verbatim, metadata, blobs from messages
     where number = ? and not exists (select 1 from erasures where message = messages.number)`,
  );
  const replace = statement(
    database,
    "update messages set message = ?, verbatim = null, metadata = null, blobs = null where number = ?",
  );
  const mark = statement(database, "insert into erasures (message, at, reason) values (?, ?, ?)");
  const leaveTexts = statement(database, "delete from text_uses where text = unhex(?) and message = ?");
  const removeText = statement(
    database,
    "delete from texts where hash = unhex(?1) and not exists (select 1 from text_uses where text = unhex(?1))",
  );
  const leaveBlob = statement(database, "delete from blob_uses where blob = unhex(?) and message = ?");
  const unusedBlob = statement(
    database,
    "select number, upload from blobs where hash = unhex(?1) and not exists (select 1 from blob_uses where blob = unhex(?1))",
  );
  const removeBlob = statement(database, "delete from blobs where number = ?");

  return (number, reason, at) => {
    const row = select().get(number);
    if (!row) return undefined;
    const folded = [row["message"], row["verbatim"], row["metadata"]].map((value) =>
      typeof value === "string" ? value : null,
    );
    // Written by the messages part.
    const message = JSON.parse(texts.unfold(textIn(row, "message"))) as Message;
    index.remove(number, numberIn(row, "conversation"), searchableText(message));
    replace().run(JSON.stringify(standInFor(message)), number);
    mark().run(number, at, reason);
    for (const key of textKeysIn(folded)) {
      leaveTexts().run(key, number);
      removeText().run(key);
    }
    let blobs = 0;
    const used = typeof row["blobs"] === "string" ? (JSON.parse(row["blobs"]) as string[]) : [];
    for (const id of used) {
      const hash = id.slice(id.indexOf("_") + 1);
      leaveBlob().run(hash, number);
      const unused = unusedBlob().get(hash);
      if (!unused) continue;
      removeBlob().run(numberIn(unused, "number"));
      uploads.remove(numberIn(unused, "upload"));
      blobs++;
    }
    return { row, blobs };
  };
}

export function unknownMessage(conversationId: string, id: string): StoreError {
  return new StoreError(
    "not_found",
    `The conversation "${conversationId}" has no message "${id}". Ids are those that reading and searching give, for instance "m12".`,
  );
}
