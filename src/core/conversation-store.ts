/** Port: where conversations are kept. Nothing is changed or removed but by `erase`, which leaves a tombstone. */
import type {
  ActiveContext,
  Blob,
  Branch,
  BranchRef,
  ContextItem,
  Conversation,
  NewMessage,
  StoredMessage,
  SummaryContent,
  SummaryNode,
} from "./conversation.ts";
import type { BlobId, ConversationId, MessageId, SummaryId } from "./ids.ts";

/**
 * Contract: a write is atomic, and durable once its promise resolves; a read sees every write that was called before
 * it. Several processes may use one store. Throws StoreError: "not_found" for what is not there.
 */
export interface ConversationStore {
  readonly messages: MessageStore;
  readonly summaries: SummaryStore;
  readonly blobs: BlobStore;
  /** Opens a conversation; makes it, with an empty branch "main", where there is none of this id. */
  open(id: ConversationId): Promise<Conversation>;
  /** The last used first. */
  list(options: { readonly limit: number }): Promise<readonly ConversationOverview[]>;
  branch(ref: BranchRef): Promise<Branch>;
  /**
   * A new branch that shares the positions 1 to `at` with `from`; nothing is copied. It begins with the newest active
   * context of `from` that reaches no further than `at`.
   * @param options.name defaults to "branch-2" and so on; "version_conflict" where the name is taken
   */
  fork(from: BranchRef, at: number, options?: { readonly name?: string }): Promise<Branch>;
  context(branch: BranchRef): Promise<ActiveContext>;
  /**
   * Puts the new summaries and the new items in place at once, if the version is still the expected one; else changes
   * nothing. Throws "invalid_context" where the items do not cover positions 1 to n each once, for any n up to the
   * head.
   */
  swap(branch: BranchRef, swap: NewContext): Promise<SwapResult>;
  search(query: SearchQuery, options: SearchOptions): Promise<SearchPage>;
  /** Checks every hash, link, coverage and index of a conversation, or of all. Changes nothing. */
  check(id: ConversationId | "all", options?: { readonly signal?: AbortSignal }): Promise<CheckReport>;
  /** The conversation as lines of JSON, without line ends: everything that `import` needs to make it again, hash for hash. */
  export(id: ConversationId, options?: { readonly signal?: AbortSignal }): AsyncIterable<string>;
  /**
   * Adds an exported conversation, whole or not at all, under the id it had. Doing it twice adds nothing;
   * "version_conflict" where another conversation has the id, "corrupt" where a hash is wrong.
   */
  import(
    lines: AsyncIterable<string> | Iterable<string>,
    options?: { readonly signal?: AbortSignal },
  ): Promise<Conversation>;
  /**
   * Removes content for good: from messages, search indexes, the blobs and summaries that only they use, and the
   * file's free pages. Hashes, ids and times stay, so that the rest can still be verified.
   */
  erase(id: ConversationId, what: ErasureTarget, reason: string): Promise<ErasureReport>;
  close(): Promise<void>;
}

export interface ConversationOverview {
  readonly id: ConversationId;
  readonly createdAt: number;
  readonly lastMessageAt: number | undefined;
  /** On all branches together. */
  readonly messages: number;
  readonly branches: number;
  readonly tokens: number;
}

export interface MessageStore {
  /**
   * Adds messages at the end of a branch, in order, all or none. Of several appends at once, one comes after the
   * other. A message whose key the branch already has is not added again; throws "key_conflict" where its content is
   * another one.
   * @param options.expectedHead hash that the head must have, else "version_conflict" and nothing is added
   */
  append(
    branch: BranchRef,
    messages: readonly NewMessage[],
    options?: { readonly expectedHead?: string },
  ): Promise<readonly AppendedMessage[]>;
  /** Messages of a branch by position, both ends included, a page at a time. @default all, oldest first */
  read(branch: BranchRef, range?: MessageRange): AsyncIterable<StoredMessage>;
  /** By id, on whatever branch; undefined where there is none. `position` is the one it has on its own branch. */
  get(conversationId: ConversationId, id: MessageId): Promise<StoredMessage | undefined>;
}

export interface MessageRange {
  readonly first?: number;
  readonly last?: number;
  /** @default "oldest-first" */
  readonly order?: "oldest-first" | "newest-first";
  readonly signal?: AbortSignal;
}

/** `position` and `hash` are those of the stored message, which for a known key may be far back. */
export interface AppendedMessage {
  readonly status: "added" | "known";
  readonly id: MessageId;
  readonly position: number;
  readonly hash: string;
  readonly tokens: number;
}

export interface SummaryStore {
  /** Keeps nodes that no context uses yet; what is there already stays as it is. Throws as `swap` does. */
  put(branch: BranchRef, summaries: readonly SummaryContent[]): Promise<readonly SummaryNode[]>;
  get(conversationId: ConversationId, id: SummaryId): Promise<SummaryNode | undefined>;
  /** All nodes that are true of the branch, used or not, by what they cover and then by level. */
  list(branch: BranchRef): Promise<readonly SummaryNode[]>;
}

export interface NewContext {
  readonly expectedVersion: number;
  readonly items: readonly ContextItem[];
  readonly newSummaries: readonly SummaryContent[];
  readonly reason: string;
}

export type SwapResult =
  | { readonly status: "swapped"; readonly context: ActiveContext }
  /** Another process or task was first. */
  | { readonly status: "outdated"; readonly context: ActiveContext };

export interface BlobStore {
  /** Keeps bytes once, however often they are put. They are streamed; at no time are they all in memory. */
  put(
    bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    facts: { readonly mediaType: string; readonly name?: string; readonly signal?: AbortSignal },
  ): Promise<Blob>;
  describe(id: BlobId): Promise<Blob | undefined>;
  /** Bytes [start, end), a chunk at a time. @default all */
  read(
    id: BlobId,
    range?: { readonly start?: number; readonly end?: number; readonly signal?: AbortSignal },
  ): AsyncIterable<Uint8Array>;
}

export type SearchQuery =
  | { readonly type: "literal"; readonly text: string; readonly ignoreCase?: boolean }
  /**
   * RE2's syntax: linear time, so no look-around or back-references. `^` and `$` match at lines. Throws ConfigError
   * "invalid_input" for one that can't be read.
   */
  | { readonly type: "regex"; readonly pattern: string; readonly ignoreCase?: boolean }
  /** Messages with any of the words, those with more and rarer ones first. Case and accents don't count. */
  | { readonly type: "words"; readonly text: string };

export interface SearchOptions {
  /** One branch, one conversation with all its branches, or all conversations. */
  readonly in: BranchRef | { readonly conversationId: ConversationId } | "all";
  /** Only messages at these positions; only with a branch. */
  readonly first?: number;
  readonly last?: number;
  /** For literal and regex. Words are ranked, then newest first. @default "newest-first" */
  readonly order?: "oldest-first" | "newest-first";
  /** Most hits of a page. @default 50 */
  readonly limit?: number;
  /** The `next` of the page before, with the same query and options. Messages that came since are left out. */
  readonly cursor?: string;
  readonly signal?: AbortSignal;
}

export interface SearchPage {
  /** Each message once over all pages. */
  readonly hits: readonly SearchHit[];
  /** Undefined on the last page. */
  readonly next: string | undefined;
  /** What was looked through, for who finds nothing: how many messages in all, and by what means. */
  readonly searched: { readonly messages: number; readonly by: "index" | "scan" };
}

export interface SearchHit {
  readonly conversationId: ConversationId;
  readonly id: MessageId;
  /** The branch it was appended to, and its place there. */
  readonly branch: string;
  readonly position: number;
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly at: number;
  /** Matches in the message. */
  readonly matches: number;
  /** The first of them, each in the middle of its snippet. */
  readonly snippets: readonly Snippet[];
}

export interface Snippet {
  /** Some hundred characters; "…" where the text goes on. */
  readonly text: string;
  /** The match in `text`, end exclusive. */
  readonly start: number;
  readonly end: number;
}

export interface CheckReport {
  readonly conversations: number;
  readonly messages: number;
  readonly problems: readonly CheckProblem[];
}

export interface CheckProblem {
  readonly conversationId: ConversationId;
  readonly kind: "chain" | "content" | "blob" | "summary" | "context" | "index" | "branch";
  /** For a person: what is wrong where. */
  readonly text: string;
}

/** Ranges are of positions on a branch, both ends included. Blobs and summaries that stand on them go as well. */
export type ErasureTarget =
  | { readonly type: "messages"; readonly ids: readonly MessageId[] }
  | { readonly type: "range"; readonly branch: string; readonly first: number; readonly last: number }
  | { readonly type: "conversation" };

export interface ErasureReport {
  readonly messages: number;
  readonly summaries: number;
  readonly blobs: number;
}
