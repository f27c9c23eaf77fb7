/** Erases message after message, a few in a transaction, then the traces in the log. It knows no SQL. */
import { setTimeout } from "node:timers/promises";
import type { ErasureReport, ErasureTarget } from "../../core/conversation-store.ts";
import type { ConversationId } from "../../core/ids.ts";
import type { Calls } from "../channel.ts";

export async function eraseContent(
  channel: Calls<"conversations">,
  id: ConversationId,
  what: ErasureTarget,
  reason: string,
): Promise<ErasureReport> {
  const numbers = await channel.call("erasure", "targets", id, { ...what });
  const at = Date.now();
  let [messages, summaries, blobs] = [0, 0, 0];
  for (let done = 0; done < numbers.length; done += batchMessages) {
    const batch = numbers.slice(done, done + batchMessages);
    const erased = await channel.call("erasure", "erase", id, batch, reason, at);
    messages += erased.messages;
    summaries += erased.summaries;
    blobs += erased.blobs;
  }
  if (numbers.length > 0) await emptyLog(channel);
  return { messages, summaries, blobs };
}

const batchMessages = 32;
const attempts = 40;

/** The log still has what the file no longer has. Readers of other processes can be in the way for a moment. */
async function emptyLog(channel: Calls<"conversations">): Promise<void> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (await channel.call("erasure", "emptyLog")) return;
    await setTimeout(25, undefined, { ref: false });
  }
}
