/** The part of the database that verifies what is stored: every hash and link, what covers what, and the index. */
import type { DatabaseSync } from "node:sqlite";
import { chainHash, rootHash, searchableText } from "../../core/conversation.ts";
import type { CheckProblem } from "../../core/conversation-store.ts";
import { messageOf } from "../../core/errors.ts";
import { asMessageId } from "../../core/ids.ts";
import type { Message } from "../../core/message.ts";
import { numberIn, statement, textIn } from "../parts/part.ts";
import type { OpenPart, Part, Row, Texts } from "../parts/part.ts";
import { openLineage } from "./lineage.ts";
import type { KnownBranch } from "./lineage.ts";
import { summaryColumns, summaryIn } from "./contexts.ts";
import { throughOf, validateSummary } from "./coverage.ts";
import { contentHashOf, hexOf, isVisible, messageColumns, messageIn, messageTables } from "./message-rows.ts";
import { openSearchIndex } from "./search-index.ts";
import { trigramsOf } from "./search-text.ts";

export interface CheckOperations {
  conversations(): readonly string[];
  /** The file and the search tables as such. */
  file(): readonly Problem[];
  /** Messages of a branch that are its own, some milliseconds' worth from a position on. */
  messages(conversationId: string, branch: string, from: number): CheckSlice;
  /** Summaries, contexts, and forks. */
  structure(conversationId: string): readonly Problem[];
  /** Hashes of the blobs that messages of a conversation use. */
  blobs(conversationId: string): readonly string[];
}

export type Problem = Omit<CheckProblem, "conversationId">;

export interface CheckSlice {
  readonly messages: number;
  readonly problems: readonly Problem[];
  readonly next: number | undefined;
}

export const checksPart: Part<CheckOperations> = {
  name: "check",
  about: "Reads the tables above; it has none of its own.",
  // A check of the search tables is written as an insert.
  reads: ["conversations", "messages", "structure", "blobs"],
  migrations: [],
  open: openChecks,
};

function openChecks(database: DatabaseSync, texts: Texts): OpenPart<CheckOperations> {
  const lineage = openLineage(database);
  const ids = statement(database, "select id from conversations where id is not null order by number");
  const usedBlobs = statement(
    database,
    `select distinct lower(hex(blob)) as hash from blob_uses join messages on messages.number = blob_uses.message
     where conversation = ?`,
  );
  return {
    operations: {
      conversations: () =>
        ids()
          .all()
          .map((row) => textIn(row, "id")),
      file() {
        const problems = database
          .prepare("pragma quick_check(10)")
          .all()
          .map((row) => textIn(row, "quick_check"))
          .filter((line) => line !== "ok")
          .map((text): Problem => ({ kind: "content", text }));
        for (const table of ["message_trigrams", "message_words"]) {
          const broken = attempt(() =>
            database.exec(`insert into ${table} (${table}) values ('integrity-check')`),
          );
          if (broken !== undefined) problems.push({ kind: "index", text: `${table}: ${broken}` });
        }
        return problems;
      },
      messages: openMessageCheck(database, texts),
      structure: openStructureCheck(database),
      blobs: (conversationId) =>
        usedBlobs()
          .all(lineage.conversation(conversationId))
          .map((row) => textIn(row, "hash")),
    },
    forget: lineage.forget,
  };
}

const sliceMs = 15;

function openMessageCheck(database: DatabaseSync, texts: Texts): CheckOperations["messages"] {
  const lineage = openLineage(database);
  const index = openSearchIndex(database);
  const own = statement(
    database,
    `select ${messageColumns}, messages.conversation from ${messageTables} where branch = ? and position >= ? order by position`,
  );
  const before = statement(
    database,
    "select lower(hex(hash)) as hash from messages where branch = ? and position = ?",
  );
  const isBlob = statement(database, "select 1 from blobs where hash = unhex(?)");

  function contentProblem(row: Row): Problem | undefined {
    const id = `m${numberIn(row, "seq")}`;
    const record = messageIn(row, texts);
    if (record.erased) return undefined;
    if (contentHashOf(record) !== record.contentHash) {
      return { kind: "content", text: `The content of ${id} is not what its hash says.` };
    }
    const missing = record.blobs.find((blob) => !isBlob().get(hexOf(blob)));
    if (missing !== undefined)
      return { kind: "blob", text: `${id} refers to ${missing}, which is not there.` };
    // Written by the messages part.
    const text = searchableText(JSON.parse(record.message) as Message);
    const trigrams = trigramsOf(text);
    const number = numberIn(row, "number");
    const around = { above: number - 1, below: number + 1, newestFirst: true };
    const range = { ...around, conversation: numberIn(row, "conversation") };
    if (trigrams.length === 0) return undefined;
    // A loop ends the statement, which half read would keep its transaction open.
    for (const _ of index.withTrigrams([trigrams], range)) return undefined;
    return { kind: "index", text: `${id} is not found by its own text.` };
  }

  return (conversationId, name, from) => {
    const until = performance.now() + sliceMs;
    const ref = { conversationId: lineage.named(conversationId), name };
    const branch = lineage.branch(ref);
    const segments = lineage.segments(branch.number);
    const start = Math.max(from, segments.at(-1)?.first ?? 1);
    const owner = segments.find(({ first, last }) => first < start && start <= last + 1);
    const parent = owner && before().get(owner.branch, start - 1);
    let hash = parent ? textIn(parent, "hash") : rootHash;
    let position = start;
    const problems: Problem[] = [];
    for (const row of own().iterate(branch.number, start)) {
      if (performance.now() > until) return { messages: position - start, problems, next: position };
      const chain = chainProblem(row, position, hash);
      if (chain) problems.push(chain);
      const broken = attempt(() => {
        const problem = contentProblem(row);
        if (problem) problems.push(problem);
      });
      if (broken !== undefined)
        problems.push({ kind: "content", text: `m${numberIn(row, "seq")}: ${broken}` });
      hash = textIn(row, "hash");
      position = numberIn(row, "position") + 1;
    }
    return { messages: position - start, problems, next: undefined };
  };
}

function chainProblem(row: Row, position: number, parentHash: string): Problem | undefined {
  const id = asMessageId(`m${numberIn(row, "seq")}`);
  if (numberIn(row, "position") !== position) {
    return { kind: "chain", text: `Position ${position} is missing before ${id}.` };
  }
  const key = row["key"];
  const link = {
    parentHash,
    contentHash: textIn(row, "content_hash"),
    id,
    key: typeof key === "string" ? key : undefined,
    at: numberIn(row, "at"),
  };
  if (chainHash(link) === textIn(row, "hash")) return undefined;
  return { kind: "chain", text: `The hash of ${id} does not follow from the message before it.` };
}

function openStructureCheck(database: DatabaseSync): CheckOperations["structure"] {
  const lineage = openLineage(database);
  const branches = statement(database, "select name from branches where conversation = ? order by number");
  const summaries = statement(database, `select ${summaryColumns} where summaries.conversation = ?`);
  const contexts = statement(
    database,
    "select version, through, items from contexts where branch = ? order by version",
  );

  function contextProblems(branch: KnownBranch, rows: readonly Row[]): Problem[] {
    const segments = lineage.segments(branch.number);
    const visible = new Map(
      rows
        .filter((row) => isVisible(segments, numberIn(row, "branch"), numberIn(row, "last")))
        .map((row) => [textIn(row, "id"), summaryIn(row)]),
    );
    const head = lineage.head(branch.number).position;
    const problems: Problem[] = [];
    for (const row of contexts().all(branch.number)) {
      const broken = attempt(() => {
        const through = throughOf(JSON.parse(textIn(row, "items")) as [], head, (id) => visible.get(id));
        if (through !== numberIn(row, "through")) throw new RangeError(`It reaches ${through}.`);
      });
      const label = `The context of "${branch.name}", version ${numberIn(row, "version")}`;
      if (broken !== undefined) problems.push({ kind: "context", text: `${label}: ${broken}` });
    }
    return problems;
  }

  return (conversationId) => {
    const conversation = lineage.conversation(conversationId);
    const rows = summaries().all(conversation);
    const byId = new Map(rows.map((row) => [textIn(row, "id"), summaryIn(row)]));
    const problems: Problem[] = [];
    for (const summary of byId.values()) {
      const broken = attempt(() => validateSummary(summary, (id) => byId.get(id)));
      if (broken !== undefined) problems.push({ kind: "summary", text: broken });
    }
    for (const row of branches().all(conversation)) {
      const branch = lineage.branch({
        conversationId: lineage.named(conversationId),
        name: textIn(row, "name"),
      });
      const { forkedFrom } = branch;
      const parent = lineage.segments(branch.number).at(-2);
      const reached = parent && lineage.head(parent.branch).position;
      if (forkedFrom && forkedFrom.position > 0 && (reached ?? 0) < forkedFrom.position) {
        problems.push({
          kind: "branch",
          text: `"${branch.name}" leaves "${forkedFrom.name}" beyond its end.`,
        });
      }
      problems.push(...contextProblems(branch, rows));
    }
    return problems;
  };
}

/** What went wrong, in words; undefined where nothing did. */
function attempt(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
