/** Checks in memory: nobody else can have changed it, but what was imported or asked for can be wrong. */
import { messageOf } from "../../../core/errors.ts";
import { chainHash, rootHash } from "../../../core/conversation.ts";
import { asMessageId } from "../../../core/ids.ts";
import type { CheckOperations, Problem } from "../check.ts";
import { throughOf, validateSummary } from "../coverage.ts";
import { contentHashOf, hexOf } from "../message-rows.ts";
import { conversationOf } from "./tree.ts";
import type { MemoryBranch, MemoryConversation, MemoryTables } from "./tree.ts";

export function memoryCheck(tables: MemoryTables): CheckOperations {
  return {
    conversations: () => tables.conversations.flatMap(({ id }) => id ?? []),
    file: () => [],
    messages(id, name) {
      const branch = conversationOf(tables, id).branches.find((known) => known.name === name);
      const own = branch?.path.slice(branch.forkPosition) ?? [];
      const problems: Problem[] = [];
      let parentHash = branch?.path[branch.forkPosition - 1]?.record.hash ?? rootHash;
      for (const { record } of own) {
        const { contentHash, key, at, hash, seq } = record;
        const messageId = asMessageId(`m${seq}`);
        if (chainHash({ parentHash, contentHash, id: messageId, key, at }) !== hash) {
          problems.push({ kind: "chain", text: `The hash of ${messageId} does not follow.` });
        }
        if (!record.erased && contentHashOf(record) !== contentHash) {
          problems.push({ kind: "content", text: `The content of ${messageId} is not what its hash says.` });
        }
        if (record.blobs.some((blob) => !tables.blobs.has(hexOf(blob)))) {
          problems.push({ kind: "blob", text: `${messageId} refers to a blob that is not there.` });
        }
        parentHash = hash;
      }
      return { messages: own.length, problems, next: undefined };
    },
    structure(id) {
      const conversation = conversationOf(tables, id);
      const summaries = [...conversation.summaries.values()].flatMap(({ record }) =>
        problemOf("summary", () =>
          validateSummary(record, (source) => conversation.summaries.get(source)?.record),
        ),
      );
      return [
        ...summaries,
        ...conversation.branches.flatMap((branch) => contextProblems(conversation, branch)),
      ];
    },
    blobs: (id) => [
      ...new Set(conversationOf(tables, id).messages.flatMap(({ record }) => record.blobs.map(hexOf))),
    ],
  };
}

function contextProblems({ summaries }: MemoryConversation, branch: MemoryBranch): Problem[] {
  return branch.contexts.flatMap((context) =>
    problemOf("context", () => {
      throughOf(context.items, branch.path.length, (id) => summaries.get(id)?.record);
    }),
  );
}

function problemOf(kind: Problem["kind"], act: () => void): Problem[] {
  try {
    act();
    return [];
  } catch (error) {
    return [{ kind, text: messageOf(error) }];
  }
}
