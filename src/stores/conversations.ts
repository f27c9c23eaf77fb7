/** The conversation store: the port over a database in a thread of its own, or over plain memory. It knows no SQL. */
import { join } from "node:path";
import type { BranchRef } from "../core/conversation.ts";
import type {
  AppendedMessage,
  ConversationStore,
  MessageStore,
  NewContext,
  SearchOptions,
  SearchPage,
  SearchQuery,
  SummaryStore,
  SwapResult,
} from "../core/conversation-store.ts";
import { asConversationId } from "../core/ids.ts";
import { Channel } from "./channel.ts";
import type { Calls } from "./channel.ts";
import { blobStore } from "./conversations/blob-store.ts";
import { checkConversations } from "./conversations/check-all.ts";
import { eraseContent } from "./conversations/erase-all.ts";
import {
  branchOf,
  contextOf,
  conversationOf,
  endsOf,
  messageId,
  messageRecord,
  plain,
  roleOf,
  seqOf,
  storedMessage,
  summaryOf,
  summaryRecord,
  whole,
} from "./conversations/records.ts";
import { cursorText, placeOf } from "./conversations/cursor.ts";
import type { MessagePage } from "./conversations/messages.ts";
import { memoryCalls } from "./conversations/memory/calls.ts";
import type { SearchPlace, SearchSlice } from "./conversations/search.ts";

export interface SqliteConversationsOptions {
  /** Where the file `conversations.db` is; made, for this user only, when it is not there. */
  readonly directory: string;
}

/**
 * Opens the conversations of a folder. Several processes may have it open at once. A write survives the end of the
 * process, however sudden, once its promise has resolved; after a loss of power the newest writes may be missing, never
 * torn. Does not keep the process alive while nothing is waiting. Throws StoreError.
 */
export async function sqliteConversations(options: SqliteConversationsOptions): Promise<ConversationStore> {
  return conversationStore(await Channel.open("conversations", join(options.directory, "conversations.db")));
}

/** Conversations that end with the process: for tests, and for who wants nothing on disk. */
export function memoryConversations(): ConversationStore {
  return conversationStore(memoryCalls());
}

function conversationStore(channel: Calls<"conversations">): ConversationStore {
  return {
    messages: messageStore(channel),
    summaries: summaryStore(channel),
    blobs: blobStore(channel),
    open: async (id) =>
      conversationOf(await channel.call("branches", "open", whole(id, "conversation"), Date.now())),
    list: async ({ limit }) =>
      (await channel.call("branches", "list", limit)).map((overview) => ({
        ...overview,
        id: asConversationId(overview.id),
        lastMessageAt: overview.lastMessageAt ?? undefined,
      })),
    branch: async (ref) => branchOf(ref.conversationId, await channel.call("branches", "branch", plain(ref))),
    async fork(from, at, { name } = {}) {
      const chosen = name === undefined ? undefined : whole(name, "branch");
      const record = await channel.call("branches", "fork", plain(from), at, chosen, Date.now());
      return branchOf(from.conversationId, record);
    },
    context: async (ref) => contextOf(await channel.call("contexts", "context", plain(ref))),
    swap: (ref, swap) => swapContext(channel, ref, swap),
    search: (query, search) => searchPage(channel, query, search),
    check: (id, { signal } = {}) => checkConversations(channel, id, signal),
    // What few need is loaded when it is needed: a program that only appends starts sooner.
    async *export(id, { signal } = {}) {
      const { exportLines } = await import("./conversations/lines.ts");
      yield* exportLines(channel, id, signal);
    },
    async import(lines, { signal } = {}) {
      const { importLines } = await import("./conversations/import-lines.ts");
      return importLines(channel, lines, signal);
    },
    erase: (id, what, reason) => eraseContent(channel, id, what, reason),
    close: () => channel.close(),
  };
}

function messageStore(channel: Calls<"conversations">): MessageStore {
  return {
    async append(branch, messages, { expectedHead } = {}) {
      const records = messages.map(messageRecord);
      const appended = await channel.call(
        "messages",
        "append",
        plain(branch),
        records,
        expectedHead,
        Date.now(),
      );
      return appended.map(({ added, seq, ...rest }): AppendedMessage => ({
        status: added ? "added" : "known",
        id: messageId(seq),
        ...rest,
      }));
    },
    async *read(branch, range = {}) {
      const [from, to] = endsOf(range);
      const isEmpty = (range.order === "newest-first") === from < to && from !== to;
      let next: number | undefined = isEmpty ? undefined : from;
      while (next !== undefined) {
        range.signal?.throwIfAborted();
        const page: MessagePage = await channel.call("messages", "read", plain(branch), next, to);
        for (const record of page.messages) yield storedMessage(record);
        next = page.next;
      }
    },
    async get(conversationId, id) {
      const seq = seqOf(id);
      const record = seq && (await channel.call("messages", "get", conversationId, seq));
      return record ? storedMessage(record) : undefined;
    },
  };
}

function summaryStore(channel: Calls<"conversations">): SummaryStore {
  return {
    async put(branch, summaries) {
      const records = summaries.map((summary) => summaryRecord(summary, Date.now()));
      return (await channel.call("contexts", "putSummaries", plain(branch), records)).map(summaryOf);
    },
    async get(conversationId, id) {
      const record = await channel.call("contexts", "summary", conversationId, id);
      return record && summaryOf(record);
    },
    list: async (branch) => (await channel.call("contexts", "summaries", plain(branch))).map(summaryOf),
  };
}

async function swapContext(
  channel: Calls<"conversations">,
  ref: BranchRef,
  { expectedVersion, items, newSummaries, reason }: NewContext,
): Promise<SwapResult> {
  const at = Date.now();
  const summaries = newSummaries.map((summary) => summaryRecord(summary, at));
  const swap = { expectedVersion, items: items.map((item) => ({ ...item })), summaries, reason, at };
  const swapped = await channel.call("contexts", "swap", plain(ref), swap);
  if (swapped) return { status: "swapped", context: contextOf(swapped) };
  return { status: "outdated", context: contextOf(await channel.call("contexts", "context", plain(ref))) };
}

const defaultHits = 50;

/** Slice after slice until the page is full: other calls get their turn in between. */
async function searchPage(
  channel: Calls<"conversations">,
  query: SearchQuery,
  options: SearchOptions,
): Promise<SearchPage> {
  const { matcherOf } = await import("./conversations/matcher.ts");
  // Refused here as well, before anything crosses to the other thread: only StoreErrors come back from it.
  matcherOf(query);
  const limit = options.limit ?? defaultHits;
  let place: SearchPlace | undefined = options.cursor === undefined ? undefined : placeOf(options.cursor);
  const hits: SearchSlice["hits"][number][] = [];
  for (;;) {
    options.signal?.throwIfAborted();
    const slice: SearchSlice = await channel.call("search", "slice", {
      query: { ...query },
      in: options.in === "all" ? "all" : "name" in options.in ? plain(options.in) : { ...options.in },
      first: options.first ?? 1,
      last: options.last ?? Number.MAX_SAFE_INTEGER,
      newestFirst: options.order !== "oldest-first",
      limit: limit - hits.length,
      from: place,
    });
    hits.push(...slice.hits);
    place = slice.next;
    if (place !== undefined && hits.length < limit) continue;
    return {
      hits: hits.map(({ seq, conversationId, role, ...hit }) => ({
        ...hit,
        conversationId: asConversationId(conversationId),
        id: messageId(seq),
        role: roleOf(role),
      })),
      next: place && cursorText(place),
      searched: { messages: slice.messages, by: slice.by },
    };
  }
}
