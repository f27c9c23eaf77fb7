/** The words of a conversation that is kept whole: messages, branches, summaries, what is active. Pure. */
import type { BlobId, ConversationId, MessageId, SummaryId } from "./ids.ts";
import { canonicalJson, sha256 } from "./json.ts";
import type { Json, JsonObject } from "./json.ts";
import type { Message } from "./message.ts";

export interface Conversation {
  readonly id: ConversationId;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly branches: readonly Branch[];
}

/** What operations on a branch are given: a `Branch` is one too. */
export interface BranchRef {
  readonly conversationId: ConversationId;
  /** The first branch is "main". */
  readonly name: string;
}

/** One path from the first message to a newest one. Branches share what they have in common. */
export interface Branch extends BranchRef {
  /** Where it left another branch; undefined for "main". */
  readonly forkedFrom: { readonly name: string; readonly position: number } | undefined;
  readonly head: Head;
}

/** The newest message of a branch. Position 0 and `rootHash` where there is none yet. */
export interface Head {
  readonly position: number;
  readonly hash: string;
}

export interface NewMessage {
  readonly message: Message;
  /** What the provider or another program called this message; kept to the letter. For instance one line of a transcript. */
  readonly verbatim?: string;
  /**
   * Stable name in its source. The same key and content again is the same message; without a key the same text said
   * twice is two messages.
   */
  readonly key?: string;
  /** Facts about the message that stay with it for ever, for instance what was recalled for it. */
  readonly metadata?: JsonObject;
  /** Attachments and large outputs that belong to it: they go when it is erased. */
  readonly blobs?: readonly BlobId[];
  /** Milliseconds since the epoch. @default now */
  readonly at?: number;
  /** Estimated. @default what the text weighs */
  readonly tokens?: number;
}

export interface StoredMessage {
  readonly id: MessageId;
  /** Place on its branch, from 1. */
  readonly position: number;
  /** For one that was erased, a stand-in of the same role whose tool calls keep their ids. */
  readonly message: Message;
  readonly verbatim: string | undefined;
  readonly key: string | undefined;
  readonly metadata: JsonObject | undefined;
  readonly blobs: readonly BlobId[];
  readonly at: number;
  readonly tokens: number;
  /** `contentHash` of what was given. It stays when the content is erased. */
  readonly contentHash: string;
  /** `chainHash` of everything up to and including this message. */
  readonly hash: string;
  readonly parentHash: string;
  /** Set where the content was erased. */
  readonly erased: Erasure | undefined;
}

export interface Erasure {
  readonly at: number;
  readonly reason: string;
}

/** A label on a stretch of a branch, never a replacement for it. */
export type SummaryNode = SummaryContent & {
  readonly id: SummaryId;
  readonly createdAt: number;
  /** Set where a message it covers was erased: its text is then a stand-in that asks for repair. */
  readonly erased: Erasure | undefined;
};

export type SummaryContent = {
  readonly covers: Coverage;
  /** From 1: a leaf covers messages, a condensed node covers nodes of lower levels. */
  readonly level: number;
  readonly origin: { readonly type: "model"; readonly modelId: string } | { readonly type: "deterministic" };
  readonly text: string;
  readonly tokens: number;
  /** Made without a model, or doubtful: to be made anew when a model is there. */
  readonly needsRepair: boolean;
  readonly metadata?: JsonObject;
} & (
  | { readonly kind: "leaf" }
  /** In order; together they cover exactly what this node covers. */
  | { readonly kind: "condensed"; readonly sources: readonly SummaryId[] }
);

/** A stretch of a branch, both ends included. The hash is the chain's at `last`, so it holds for one history only. */
export interface Coverage {
  readonly first: number;
  readonly last: number;
  readonly hash: string;
}

/** What the model sees: the items in order cover positions 1 to `through`; all later messages follow as they are. */
export interface ActiveContext {
  /** 0 until the first swap; counted up by each. */
  readonly version: number;
  readonly through: number;
  readonly items: readonly ContextItem[];
  /** Why it was swapped in. */
  readonly reason: string;
  readonly at: number;
}

export type ContextItem =
  | { readonly type: "messages"; readonly first: number; readonly last: number }
  | { readonly type: "summary"; readonly id: SummaryId };

export interface Blob {
  readonly id: BlobId;
  readonly bytes: number;
  readonly mediaType: string;
  /** Path or name where it came from. */
  readonly name: string | undefined;
}

/** Parent of the first message of every conversation. */
export const rootHash: string = "0".repeat(64);

/** Hash of what was given: the message and its metadata as JSON text, what came verbatim, its blobs. */
export function contentHash(content: {
  readonly message: string;
  readonly verbatim: string | undefined;
  readonly metadata: string | undefined;
  readonly blobs: readonly string[];
}): string {
  const { message, verbatim, metadata, blobs } = content;
  // Plain content, which most is, is hashed as it is stored, so that any program can check it.
  if (verbatim === undefined && metadata === undefined && blobs.length === 0) return sha256(message);
  return sha256(JSON.stringify([message, verbatim ?? null, metadata ?? null, blobs]));
}

/** Covers a message, its place and, through the parent, everything before it. */
export function chainHash(link: {
  readonly parentHash: string;
  readonly contentHash: string;
  readonly id: MessageId;
  readonly key: string | undefined;
  readonly at: number;
}): string {
  return sha256(JSON.stringify([link.parentHash, link.contentHash, link.id, link.key ?? null, link.at]));
}

/** The id of a summary follows from its content: making the same one twice makes one. */
export function summaryId(content: SummaryContent): SummaryId {
  // Sixty bits: read by models, and unique enough, since the store refuses a second content for one id.
  return `sum_${sha256(canonicalJson(content)).slice(0, 15)}` as SummaryId;
}

/** What search finds a message by: every string in it that a person or a program wrote, but no bytes in base64. */
export function searchableText(message: Message): string {
  if (message.role === "system") return message.content;
  const texts = message.content.map((part) => {
    switch (part.type) {
      case "text":
      case "reasoning":
        return part.text;
      case "file": {
        const source = /^[a-z][a-z0-9+.-]*:/i.test(part.data) && !/^data:/i.test(part.data) ? part.data : "";
        return [part.filename, part.mediaType, source].filter(Boolean).join(" ");
      }
      case "tool-call":
        return `${part.toolName} ${textOfJson(part.input)}`;
      case "tool-result":
        return `${part.toolName} ${textOfJson(part.output)}`;
    }
  });
  return texts.join("\n");
}

/** JSON as it is written, then once more each string that escapes would hide. */
function textOfJson(value: Json): string {
  if (typeof value === "string") return value;
  const written = JSON.stringify(value);
  if (!written.includes("\\")) return written;
  const hidden: string[] = [];
  collectEscaped(value, hidden);
  return [written, ...hidden].join("\n");
}

function collectEscaped(value: Json, into: string[]): void {
  if (typeof value === "string") {
    if (JSON.stringify(value).includes("\\")) into.push(value);
  } else if (Array.isArray(value)) {
    for (const member of value) collectEscaped(member, into);
  } else if (typeof value === "object" && value !== null) {
    for (const [key, member] of Object.entries(value)) {
      collectEscaped(key, into);
      collectEscaped(member, into);
    }
  }
}

/** What is left of a message whose content was erased: its role, and the ids that pair calls with results. */
export function standInFor(message: Message): Message {
  const gone = "[erased]";
  switch (message.role) {
    case "system":
      return { role: "system", content: gone };
    case "user":
      return { role: "user", content: [{ type: "text", text: gone }] };
    case "assistant": {
      const calls = message.content
        .filter((part) => part.type === "tool-call")
        .map(({ toolCallId, toolName }) => ({ type: "tool-call", toolCallId, toolName, input: {} }) as const);
      return { role: "assistant", content: [{ type: "text", text: gone }, ...calls] };
    }
    case "tool":
      return {
        role: "tool",
        content: message.content.map(({ toolCallId, toolName }) => ({
          type: "tool-result",
          toolCallId,
          toolName,
          output: gone,
        })),
      };
  }
}
