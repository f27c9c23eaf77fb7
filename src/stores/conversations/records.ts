/** Between the words of the port and what crosses threads: JSON is serialised here, at once, and parsed again. Pure. */
import { summaryId } from "../../core/conversation.ts";
import type {
  ActiveContext,
  Branch,
  BranchRef,
  Conversation,
  NewMessage,
  StoredMessage,
  SummaryContent,
  SummaryNode,
} from "../../core/conversation.ts";
import type { MessageRange, SearchHit } from "../../core/conversation-store.ts";
import { ConfigError, StoreError, messageOf } from "../../core/errors.ts";
import { asBlobId, asConversationId, asMessageId, asSummaryId } from "../../core/ids.ts";
import type { ConversationId, MessageId } from "../../core/ids.ts";
import type { JsonObject } from "../../core/json.ts";
import type { Message } from "../../core/message.ts";
import type { BranchRecord, ConversationRecord } from "./branches.ts";
import type { ContextRecord, SummaryRecord } from "./contexts.ts";
import type { MessageRecord, NewMessageRecord } from "./message-rows.ts";

export function messageRecord(message: NewMessage): NewMessageRecord {
  return {
    message: json(message.message),
    verbatim: message.verbatim === undefined ? undefined : json(message.verbatim),
    metadata: message.metadata === undefined ? undefined : json(message.metadata),
    key: message.key === undefined ? undefined : whole(message.key, "key"),
    blobs: [...(message.blobs ?? [])],
    at: message.at,
    tokens: message.tokens === undefined ? undefined : Math.ceil(message.tokens),
  };
}

export function storedMessage(record: MessageRecord): StoredMessage {
  const { seq, position, key, at, tokens, contentHash, hash, parentHash, erased } = record;
  return {
    id: messageId(seq),
    position,
    // Written by messageRecord.
    message: JSON.parse(record.message) as Message,
    verbatim: record.verbatim === undefined ? undefined : (JSON.parse(record.verbatim) as string),
    key,
    metadata: record.metadata === undefined ? undefined : (JSON.parse(record.metadata) as JsonObject),
    blobs: record.blobs.map(asBlobId),
    ...{ at, tokens, contentHash, hash, parentHash, erased },
  };
}

export function summaryRecord(summary: SummaryContent, at: number): SummaryRecord {
  return {
    // The id is of the content alone, whatever else the caller's object has.
    id: summaryId(contentOf(summary)),
    level: summary.level,
    covers: { first: summary.covers.first, last: summary.covers.last, hash: summary.covers.hash },
    sources: summary.kind === "leaf" ? null : [...summary.sources],
    modelId: summary.origin.type === "model" ? summary.origin.modelId : null,
    text: json(summary.text),
    tokens: Math.ceil(summary.tokens),
    needsRepair: summary.needsRepair,
    metadata: summary.metadata === undefined ? undefined : json(summary.metadata),
    createdAt: at,
    erased: undefined,
  };
}

function contentOf(summary: SummaryContent): SummaryContent {
  const { covers, level, origin, text, tokens, needsRepair, metadata } = summary;
  const content = { covers, level, origin, text, tokens, needsRepair };
  return {
    ...content,
    ...(metadata === undefined ? {} : { metadata }),
    ...(summary.kind === "leaf" ? { kind: "leaf" } : { kind: "condensed", sources: summary.sources }),
  };
}

export function summaryOf(record: SummaryRecord): SummaryNode {
  const { level, covers, tokens, needsRepair, createdAt, erased, modelId, sources } = record;
  return {
    id: asSummaryId(record.id),
    level,
    covers,
    origin: modelId === null ? { type: "deterministic" } : { type: "model", modelId },
    // Written by summaryRecord, like the metadata.
    text: JSON.parse(record.text) as string,
    tokens,
    needsRepair,
    ...(record.metadata === undefined ? {} : { metadata: JSON.parse(record.metadata) as JsonObject }),
    ...(sources === null ? { kind: "leaf" } : { kind: "condensed", sources: sources.map(asSummaryId) }),
    createdAt,
    erased,
  };
}

export function conversationOf(record: ConversationRecord): Conversation {
  const id = asConversationId(record.id);
  return { id, createdAt: record.createdAt, branches: record.branches.map((branch) => branchOf(id, branch)) };
}

export function branchOf(conversationId: ConversationId, record: BranchRecord): Branch {
  return { conversationId, ...record };
}

export function contextOf(record: ContextRecord): ActiveContext {
  return { ...record };
}

export function messageId(seq: number): MessageId {
  return asMessageId(`m${seq}`);
}

/** Undefined for what is no id of a message. */
export function seqOf(id: MessageId): number | undefined {
  const [, digits] = /^m([1-9]\d{0,14})$/.exec(id) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

export function roleOf(role: string): SearchHit["role"] {
  if (role === "system" || role === "user" || role === "assistant" || role === "tool") return role;
  throw new StoreError("corrupt", `Expected the role of a message, found "${role}".`);
}

/** The position to begin with and the one to end with. */
export function endsOf({ first = 1, last = Number.MAX_SAFE_INTEGER, order }: MessageRange): [number, number] {
  return order === "newest-first" ? [last, first] : [first, last];
}

/** Just the reference: a Branch has more in it. */
export function plain({ conversationId, name }: BranchRef): BranchRef {
  return { conversationId, name };
}

/** Names are compared by the database, which knows neither NUL nor halves of characters. */
export function whole(name: string, what: "conversation" | "branch" | "key"): string {
  if (name !== "" && name.isWellFormed() && !name.includes("\0")) return name;
  throw new ConfigError(
    "invalid_input",
    `Expected a ${what} name of at least one character, without NUL or lone surrogates, got ${JSON.stringify(name)}.`,
  );
}

/** Taken at once, so that what the caller changes later is not stored. */
function json(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    throw new StoreError(
      "unavailable",
      `A value can't be stored as JSON (${messageOf(error)}). It must be free of cycles and under 512 MiB.`,
      { cause: error },
    );
  }
}
