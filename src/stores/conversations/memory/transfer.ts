/** Export and import in memory. */
import { chainHash } from "../../../core/conversation.ts";
import { asMessageId } from "../../../core/ids.ts";
import type { Message } from "../../../core/message.ts";
import { wrongHistory } from "../contexts.ts";
import { contentHashOf } from "../message-rows.ts";
import { damaged, takenId } from "../transfer.ts";
import type { TransferOperations } from "../transfer.ts";
import { conversationOf, headHash, keep, newBranch, newConversation } from "./tree.ts";
import type { MemoryBranch, MemoryConversation, MemoryTables } from "./tree.ts";

export function memoryTransfer(tables: MemoryTables): TransferOperations {
  const drafts = new Map<number, MemoryConversation>();
  let last = 0;
  function draftOf(number: number): MemoryConversation {
    const draft = drafts.get(number);
    if (!draft) throw damaged("it was given up before");
    return draft;
  }
  function branchIn(draft: MemoryConversation, name: string): MemoryBranch {
    const branch = draft.branches.find((known) => known.name === name);
    if (!branch) throw damaged(`the branch "${name}" is used before it is named`);
    return branch;
  }
  return {
    branches: (id) =>
      conversationOf(tables, id).branches.map(({ name, parent, forkPosition, createdAt }) => ({
        ...{ name, parent: parent?.name ?? null, forkPosition, createdAt },
      })),
    messages: (id, afterSeq) =>
      conversationOf(tables, id)
        .messages.slice(afterSeq, afterSeq + 256)
        .map(({ record, branch }) => ({ ...record, branch })),
    summaries: (id) => Array.from(conversationOf(tables, id).summaries.values(), ({ record }) => record),
    contexts: (id) =>
      conversationOf(tables, id).branches.flatMap(({ name, contexts }) =>
        contexts.map((context) => ({ ...context, branch: name })),
      ),
    begin(createdAt) {
      drafts.set(++last, newConversation(undefined, createdAt));
      return last;
    },
    addBranch(number, { name, parent, forkPosition, createdAt }) {
      const draft = draftOf(number);
      if (draft.branches.some((known) => known.name === name)) {
        throw damaged(`the branch "${name}" comes twice`);
      }
      const owner = parent === null ? undefined : branchIn(draft, parent);
      draft.branches.push(newBranch(name, owner, forkPosition, createdAt));
    },
    addMessages(number, messages) {
      const draft = draftOf(number);
      for (const { branch: name, ...message } of messages) {
        const branch = branchIn(draft, name);
        fill(branch);
        const id = asMessageId(`m${message.seq}`);
        const isNext =
          message.seq === draft.messages.length + 1 && message.position === branch.path.length + 1;
        if (!isNext) throw damaged(`${id} at position ${message.position} is not the one that follows`);
        const { contentHash, key, at, hash } = message;
        if (!message.erased && contentHashOf(message) !== contentHash) {
          throw damaged(`the content of ${id} is not what its hash says`);
        }
        const parentHash = headHash(branch);
        if (chainHash({ parentHash, contentHash, id, key, at }) !== hash) {
          throw damaged(`the hash of ${id} does not follow from the message before it`);
        }
        const { role } = JSON.parse(message.message) as Message;
        const record = { ...message, parentHash };
        const added = { number: tables.order.length + 1, record, conversation: draft, branch: name, role };
        keep(tables, branch, [added]);
      }
    },
    addSummary(number, name, summary) {
      const draft = draftOf(number);
      const branch = branchIn(draft, name);
      fill(branch);
      const end = branch.path[summary.covers.last - 1];
      if (end?.record.hash !== summary.covers.hash || !end) throw wrongHistory(summary);
      draft.summaries.set(summary.id, { record: summary, end });
    },
    addContext(number, { branch, ...context }) {
      branchIn(draftOf(number), branch).contexts.push(context);
    },
    finish(number, id) {
      if (tables.conversations.some((conversation) => conversation.id === id)) throw takenId(id);
      const draft = draftOf(number);
      for (const branch of draft.branches) fill(branch);
      draft.id = id;
      tables.conversations.push(draft);
      drafts.delete(number);
    },
    abandon(number) {
      drafts.delete(number);
    },
  };
}

/** A branch whose own messages begin has all of its parent's before them. */
function fill(branch: MemoryBranch): void {
  if (!branch.parent || branch.path.length > 0) return;
  fill(branch.parent);
  branch.path.push(...branch.parent.path.slice(0, branch.forkPosition));
}
