/** Erasure in memory. */
import { standInFor } from "../../../core/conversation.ts";
import { asConversationId } from "../../../core/ids.ts";
import type { Message } from "../../../core/message.ts";
import { estimateTokens } from "../../../core/tokens.ts";
import { erasedSummaryText, unknownMessage } from "../erasure.ts";
import type { ErasureOperations } from "../erasure.ts";
import { hexOf } from "../message-rows.ts";
import { branchOf, conversationOf } from "./tree.ts";
import type { MemoryMessage, MemoryTables } from "./tree.ts";

export function memoryErasure(tables: MemoryTables): ErasureOperations {
  function eraseBlobs(ids: readonly string[]): number {
    const used = new Set(tables.order.flatMap(({ record }) => record.blobs));
    const unused = ids.filter((id) => !used.has(id) && tables.blobs.delete(hexOf(id)));
    return unused.length;
  }
  function eraseSummaries(message: MemoryMessage, reason: string, at: number): number {
    const { conversation } = message;
    const covering = [...conversation.summaries.values()].filter(({ record, end }) => {
      const { first, last } = record.covers;
      const path = conversation.branches.find(({ name }) => name === end.branch)?.path ?? [];
      const { position } = message.record;
      return !record.erased && first <= position && position <= last && path[position - 1] === message;
    });
    for (const summary of covering) {
      summary.record = {
        ...summary.record,
        text: JSON.stringify(erasedSummaryText),
        tokens: estimateTokens(erasedSummaryText),
        modelId: null,
        metadata: undefined,
        needsRepair: true,
        erased: { at, reason },
      };
    }
    return covering.length;
  }

  return {
    targets(id, what) {
      const { messages } = conversationOf(tables, id);
      const meant = (): MemoryMessage[] => {
        switch (what.type) {
          case "conversation":
            return messages;
          case "messages":
            return what.ids.map((messageId) => {
              const found = messages[Number(messageId.slice(1)) - 1];
              if (!found) throw unknownMessage(id, messageId);
              return found;
            });
          case "range": {
            const { path } = branchOf(tables, { conversationId: asConversationId(id), name: what.branch });
            return path.slice(Math.max(0, what.first - 1), what.last);
          }
        }
      };
      return meant()
        .filter(({ record }) => !record.erased)
        .map(({ number }) => number);
    },
    erase(_id, numbers, reason, at) {
      const erased = { messages: 0, summaries: 0, blobs: 0 };
      for (const number of numbers) {
        const message = tables.order[number - 1];
        if (!message || message.record.erased) continue;
        const { blobs } = message.record;
        // Serialised by the port.
        const standIn = JSON.stringify(standInFor(JSON.parse(message.record.message) as Message));
        const gone = { verbatim: undefined, metadata: undefined, blobs: [] };
        message.record = { ...message.record, message: standIn, ...gone, erased: { at, reason } };
        erased.messages++;
        erased.blobs += eraseBlobs(blobs);
        erased.summaries += eraseSummaries(message, reason, at);
      }
      return erased;
    },
    emptyLog: () => true,
  };
}
