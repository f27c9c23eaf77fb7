/** Conversations in memory: branches that share messages, and the messages. */
import { chainHash, rootHash } from "../../../core/conversation.ts";
import type { BranchRef } from "../../../core/conversation.ts";
import { asMessageId } from "../../../core/ids.ts";
import type { Message } from "../../../core/message.ts";
import { textOfMessage } from "../../../core/message.ts";
import { estimateTokens } from "../../../core/tokens.ts";
import { beyondHead, takenName } from "../branches.ts";
import { notFoundBranch, notFoundConversation } from "../lineage.ts";
import type { BranchOperations, BranchRecord } from "../branches.ts";
import type { BlobRecord } from "../blobs.ts";
import type { ContextRecord, SummaryRecord } from "../contexts.ts";
import { keyConflict, movedHead } from "../messages.ts";
import { contentHashOf, hexOf, unknownBlob } from "../message-rows.ts";
import type { MessageOperations } from "../messages.ts";
import type { MessageRecord, NewMessageRecord } from "../message-rows.ts";

export interface MemoryTables {
  /** In order of making. */
  readonly conversations: MemoryConversation[];
  /** All messages, in order of storing. */
  readonly order: MemoryMessage[];
  readonly blobs: Map<string, { readonly facts: BlobRecord; readonly chunks: readonly Uint8Array[] }>;
}

export interface MemoryConversation {
  /** Undefined while it is being imported. */
  id: string | undefined;
  readonly createdAt: number;
  readonly branches: MemoryBranch[];
  readonly messages: MemoryMessage[];
  readonly byKey: Map<string, MemoryMessage[]>;
  readonly summaries: Map<string, MemorySummary>;
}

export interface MemoryBranch {
  readonly name: string;
  readonly parent: MemoryBranch | undefined;
  readonly forkPosition: number;
  readonly createdAt: number;
  /** Every message that it sees, by position: sharing is of the messages, not of the list. */
  readonly path: MemoryMessage[];
  readonly contexts: ContextRecord[];
}

export interface MemoryMessage {
  /** Its place in the order of storing, from 1. */
  readonly number: number;
  record: MessageRecord;
  readonly conversation: MemoryConversation;
  readonly branch: string;
  readonly role: string;
}

export interface MemorySummary {
  record: SummaryRecord;
  /** The message it ends with. */
  readonly end: MemoryMessage;
}

export function conversationOf(tables: MemoryTables, id: string): MemoryConversation {
  const found = tables.conversations.find((conversation) => conversation.id === id);
  if (found) return found;
  const newest = tables.conversations.filter((known) => known.id !== undefined).slice(-3);
  throw notFoundConversation(id, newest.map((known) => `"${known.id}"`).reverse());
}

export function branchOf(tables: MemoryTables, ref: BranchRef): MemoryBranch {
  const { branches } = conversationOf(tables, ref.conversationId);
  const found = branches.find(({ name }) => name === ref.name);
  if (found) return found;
  throw notFoundBranch(
    ref,
    branches.slice(0, 4).map(({ name }) => name),
  );
}

export function headHash(branch: MemoryBranch): string {
  return branch.path.at(-1)?.record.hash ?? rootHash;
}

function branchRecord(branch: MemoryBranch): BranchRecord {
  const { name, parent, forkPosition, path } = branch;
  const forkedFrom = parent && { name: parent.name, position: forkPosition };
  return {
    name,
    forkedFrom,
    head: { position: path.length, hash: headHash(branch) },
  };
}

export function memoryBranches(tables: MemoryTables): BranchOperations {
  const get: BranchOperations["get"] = (id) => {
    const { createdAt, branches } = conversationOf(tables, id);
    return { id, createdAt, branches: branches.map(branchRecord) };
  };
  const lastUse = ({ messages }: MemoryConversation): number => messages.at(-1)?.number ?? 0;
  return {
    open(id, at) {
      if (!tables.conversations.some((conversation) => conversation.id === id)) {
        const conversation = newConversation(id, at);
        conversation.branches.push(newBranch("main", undefined, 0, at));
        tables.conversations.push(conversation);
      }
      return get(id);
    },
    get,
    has: (id) => tables.conversations.some((conversation) => conversation.id === id),
    list: (limit) =>
      tables.conversations
        .toReversed()
        .sort((a, b) => lastUse(b) - lastUse(a))
        .flatMap(({ id, createdAt, branches, messages }) =>
          id === undefined
            ? []
            : {
                id,
                createdAt,
                lastMessageAt: messages.at(-1)?.record.at ?? null,
                messages: messages.length,
                branches: branches.length,
                tokens: messages.reduce((sum, { record }) => sum + record.tokens, 0),
              },
        )
        .slice(0, limit),
    branch: (ref) => branchRecord(branchOf(tables, ref)),
    fork(from, at, name, now) {
      const source = branchOf(tables, from);
      if (at > source.path.length) throw beyondHead(from, at, source.path.length);
      const { branches } = conversationOf(tables, from.conversationId);
      const isTaken = (wanted: string): boolean => branches.some((branch) => branch.name === wanted);
      let number = branches.length + 1;
      while (isTaken(`branch-${number}`)) number++;
      const chosen = name ?? `branch-${number}`;
      if (isTaken(chosen)) throw takenName(from, chosen);
      const branch = newBranch(chosen, ownerAt(source, at), at, now);
      branch.path.push(...source.path.slice(0, at));
      const context = contextAt(source, at);
      if (context) branch.contexts.push({ ...context, version: 1 });
      branches.push(branch);
      return branchRecord(branch);
    },
  };
}

export function newConversation(id: string | undefined, createdAt: number): MemoryConversation {
  return { id, createdAt, branches: [], messages: [], byKey: new Map(), summaries: new Map() };
}

export function newBranch(
  name: string,
  parent: MemoryBranch | undefined,
  forkPosition: number,
  createdAt: number,
): MemoryBranch {
  return { name, parent, forkPosition, createdAt, path: [], contexts: [] };
}

/** The branch that a position of this one was appended to. */
function ownerAt(branch: MemoryBranch, position: number): MemoryBranch {
  return branch.parent && position <= branch.forkPosition ? ownerAt(branch.parent, position) : branch;
}

function contextAt(branch: MemoryBranch, at: number): ContextRecord | undefined {
  const own = branch.contexts.findLast(({ through }) => through > 0 && through <= at);
  return own ?? (branch.parent && contextAt(branch.parent, Math.min(at, branch.forkPosition)));
}

export function memoryMessages(tables: MemoryTables): MessageOperations {
  return {
    append(ref, messages, expectedHead, now) {
      const conversation = conversationOf(tables, ref.conversationId);
      const branch = branchOf(tables, ref);
      const head = headHash(branch);
      if (expectedHead !== undefined && expectedHead !== head) throw movedHead(ref, expectedHead, head);
      const added: MemoryMessage[] = [];
      const outcomes = messages.map((message) => {
        const before =
          message.key === undefined
            ? undefined
            : (added.find(({ record }) => record.key === message.key) ??
              conversation.byKey
                .get(message.key)
                ?.find((known) => branch.path[known.record.position - 1] === known));
        if (before) {
          if (before.record.contentHash !== contentHashOf(message)) throw keyConflict(ref, message.key ?? "");
          return { record: before.record, added: false };
        }
        const unknown = message.blobs.find((blob) => !tables.blobs.has(hexOf(blob)));
        if (unknown !== undefined) throw unknownBlob(unknown);
        const place = {
          seq: conversation.messages.length + added.length + 1,
          position: branch.path.length + added.length + 1,
          parentHash: added.at(-1)?.record.hash ?? head,
        };
        const { record, role } = linked(message, place, now);
        const number = tables.order.length + added.length + 1;
        added.push({ number, record, conversation, branch: branch.name, role });
        return { record, added: true };
      });
      keep(tables, branch, added);
      return outcomes.map(({ record: { seq, position, hash, tokens }, added: isNew }) => ({
        ...{ added: isNew, seq, position, hash, tokens },
      }));
    },
    read(ref, from, to) {
      const { path } = branchOf(tables, ref);
      const records = path.slice(Math.max(0, Math.min(from, to) - 1), Math.max(from, to));
      return {
        messages: (from > to ? records.reverse() : records).map(({ record }) => record),
        next: undefined,
      };
    },
    get: (id, seq) => conversationOf(tables, id).messages[seq - 1]?.record,
  };
}

export function keep(tables: MemoryTables, branch: MemoryBranch, added: readonly MemoryMessage[]): void {
  for (const message of added) {
    branch.path.push(message);
    const { messages, byKey } = message.conversation;
    messages.push(message);
    const { key } = message.record;
    if (key !== undefined) byKey.set(key, [...(byKey.get(key) ?? []), message]);
    tables.order.push(message);
  }
}

function linked(
  message: NewMessageRecord,
  place: { readonly seq: number; readonly position: number; readonly parentHash: string },
  now: number,
): { record: MessageRecord; role: string } {
  // Serialised by the port.
  const parsed = JSON.parse(message.message) as Message;
  const at = message.at ?? now;
  const contentHash = contentHashOf(message);
  const id = asMessageId(`m${place.seq}`);
  const hash = chainHash({ parentHash: place.parentHash, contentHash, id, key: message.key, at });
  const tokens = message.tokens ?? estimateTokens(textOfMessage(parsed));
  return {
    record: { ...message, ...place, at, tokens, contentHash, hash, erased: undefined },
    role: parsed.role,
  };
}
