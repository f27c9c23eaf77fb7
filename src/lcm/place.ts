/** Places in a conversation as a model or a person names them: "12", "12-84", "m12", "sum_3f…". */
import type { BranchRef } from "../core/conversation.ts";
import type { ConversationStore } from "../core/conversation-store.ts";
import { ConfigError } from "../core/errors.ts";
import type { MessageId, SummaryId } from "../core/ids.ts";

/** Positions on the branch, both ends included. */
export interface Place {
  readonly first: number;
  readonly last: number;
  /** The label that was named, where one was. */
  readonly summaryId?: SummaryId;
}

/** Throws ConfigError "not_found", saying what there is, for what names nothing on this branch. */
export async function findPlace(text: string, store: ConversationStore, ref: BranchRef): Promise<Place> {
  const name = text.trim().replace(/^[[(#]+|[\])]+$/g, "");
  const { head } = await store.branch(ref);
  const range = /^(\d+)(?:\s*(?:-|–|—|\.\.|to)\s*(\d+))?$/i.exec(name);
  if (range) {
    const first = Number(range[1]);
    const last = Math.min(Number(range[2] ?? range[1]), head.position);
    if (first >= 1 && first <= last) return { first, last };
  } else if (name.startsWith("sum_")) {
    const node = await store.summaries.get(ref.conversationId, name as SummaryId);
    // A label of another branch may cover other messages: the chain's hash tells.
    if (node && (await isOnBranch(node.covers, store, ref)))
      return { first: node.covers.first, last: node.covers.last, summaryId: node.id };
  } else if (/^m\d/.test(name)) {
    const stored = await store.messages.get(ref.conversationId, name as MessageId);
    if (stored && (await isOnBranch({ last: stored.position, hash: stored.hash }, store, ref)))
      return { first: stored.position, last: stored.position };
  }
  throw new ConfigError(
    "not_found",
    `"${text}" names nothing in this conversation. Use the number of a message from 1 to ${head.position}, a range such as "3-9", or the id of a label.`,
  );
}

async function isOnBranch(
  { last, hash }: { readonly last: number; readonly hash: string },
  store: ConversationStore,
  ref: BranchRef,
): Promise<boolean> {
  for await (const stored of store.messages.read(ref, { first: last, last })) return stored.hash === hash;
  return false;
}
