/** Checks conversations one after the other, a slice at a time, so that others get their turn. It knows no SQL. */
import { createHash } from "node:crypto";
import type { CheckProblem, CheckReport } from "../../core/conversation-store.ts";
import { asConversationId } from "../../core/ids.ts";
import type { ConversationId } from "../../core/ids.ts";
import type { Calls } from "../channel.ts";
import type { CheckSlice, Problem } from "./check.ts";

export async function checkConversations(
  channel: Calls<"conversations">,
  which: ConversationId | "all",
  signal: AbortSignal | undefined,
): Promise<CheckReport> {
  const ids = which === "all" ? await channel.call("check", "conversations") : [which];
  const problems: CheckProblem[] = [];
  let messages = 0;
  for (const id of ids) {
    const conversationId = asConversationId(id);
    const note = (found: readonly Problem[]): void => {
      problems.push(...found.map((problem) => ({ conversationId, ...problem })));
    };
    for (const branch of (await channel.call("branches", "get", id)).branches) {
      let from: number | undefined = 1;
      while (from !== undefined) {
        signal?.throwIfAborted();
        const slice: CheckSlice = await channel.call("check", "messages", id, branch.name, from);
        note(slice.problems);
        messages += slice.messages;
        from = slice.next;
      }
    }
    note(await channel.call("check", "structure", id));
    for (const hash of await channel.call("check", "blobs", id)) {
      note(await checkBlob(channel, hash, signal));
    }
  }
  const [first] = ids;
  if (which === "all" && first !== undefined) {
    const file = await channel.call("check", "file");
    problems.push(...file.map((problem) => ({ conversationId: asConversationId(first), ...problem })));
  }
  return { conversations: ids.length, messages, problems };
}

async function checkBlob(
  channel: Calls<"conversations">,
  expected: string,
  signal: AbortSignal | undefined,
): Promise<readonly Problem[]> {
  const hash = createHash("sha256");
  for (let index = 0; ; index++) {
    signal?.throwIfAborted();
    const chunk = await channel.call("blobs", "chunk", expected, index);
    if (!chunk) break;
    hash.update(chunk);
  }
  if (hash.digest("hex") === expected) return [];
  return [{ kind: "blob", text: `The bytes of blob_${expected} are not what its hash says.` }];
}
