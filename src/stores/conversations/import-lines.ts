/** Reads exported lines back into conversations: whole or not at all. It knows no SQL. */
import type { ContextItem, Conversation } from "../../core/conversation.ts";
import { asConversationId, asSummaryId } from "../../core/ids.ts";
import type { ConversationId } from "../../core/ids.ts";
import type { Calls } from "../channel.ts";
import { blobStore } from "./blob-store.ts";
import { parseLine } from "./lines.ts";
import type { ExportLine } from "./lines.ts";
import { conversationOf } from "./records.ts";
import { damaged, takenId } from "./transfer.ts";
import type { TransferredMessage } from "./transfer.ts";

export async function importLines(
  channel: Calls<"conversations">,
  lines: AsyncIterable<string> | Iterable<string>,
  signal: AbortSignal | undefined,
): Promise<Conversation> {
  const rest = parsedLines(lines, signal);
  const head = await rest.next();
  if (head.done || head.value.type !== "conversation") {
    throw damaged('the first line does not say {"type":"conversation", …}');
  }
  const { id, createdAt } = head.value;
  if (await channel.call("branches", "has", id)) await compareLines(channel, asConversationId(id), rest);
  else await addLines(channel, id, createdAt, rest);
  return conversationOf(await channel.call("branches", "get", id));
}

type Lines = AsyncGenerator<ExportLine, void, undefined>;

async function* parsedLines(
  lines: AsyncIterable<string> | Iterable<string>,
  signal: AbortSignal | undefined,
): Lines {
  let number = 0;
  for await (const text of lines) {
    signal?.throwIfAborted();
    number++;
    if (text.trim() !== "") yield parseLine(text, number);
  }
}

/** Adds nothing: what is there is the same, or it is another conversation. */
async function compareLines(
  channel: Calls<"conversations">,
  id: ConversationId,
  lines: Lines,
): Promise<void> {
  for await (const value of lines) {
    if (value.type !== "message") continue;
    const stored = await channel.call("messages", "get", id, Number(value.id.slice(1)));
    if (stored?.hash !== value.hash) throw takenId(id);
  }
}

async function addLines(
  channel: Calls<"conversations">,
  id: string,
  createdAt: number,
  lines: Lines,
): Promise<void> {
  const draft = await channel.call("transfer", "begin", createdAt);
  try {
    const batch: TransferredMessage[] = [];
    for (let next = await lines.next(); !next.done; next = await lines.next()) {
      const line = next.value;
      if (line.type === "message") batch.push(messageOfLine(line));
      if (line.type !== "message" || batch.length >= batchMessages) {
        await channel.call("transfer", "addMessages", draft, batch.splice(0));
      }
      if (line.type === "blob") await addBlob(channel, line, lines);
      else if (line.type !== "message") await addLine(channel, draft, line);
    }
    await channel.call("transfer", "addMessages", draft, batch);
    await channel.call("transfer", "finish", draft, id);
  } catch (error) {
    // The reason of the failure is worth more; a draft that stays behind is seen by nobody.
    await channel.call("transfer", "abandon", draft).catch(() => {});
    throw error;
  }
}

const batchMessages = 64;

async function addLine(channel: Calls<"conversations">, draft: number, line: ExportLine): Promise<void> {
  switch (line.type) {
    case "branch":
      return channel.call("transfer", "addBranch", draft, line);
    case "summary": {
      const { branch, metadata, erased, ...summary } = line;
      return channel.call("transfer", "addSummary", draft, branch, { ...summary, metadata, erased });
    }
    case "context": {
      const { branch, version, through, items, reason, at } = line;
      const context = { branch, version, through, reason, at, items: items.map(itemOf) };
      return channel.call("transfer", "addContext", draft, context);
    }
    default:
      throw damaged(`a line of type "${line.type}" comes where none can be`);
  }
}

/** Takes the lines of its bytes. */
async function addBlob(
  channel: Calls<"conversations">,
  { id, mediaType, name }: ExportLine & { type: "blob" },
  lines: Lines,
): Promise<void> {
  const facts = name === undefined ? { mediaType } : { mediaType, name };
  const blob = await blobStore(channel).put(bytesOf(lines), facts);
  if (blob.id !== id) throw damaged(`the bytes of ${id} are not what its hash says`);
}

async function* bytesOf(lines: Lines): AsyncIterable<Uint8Array> {
  for (let next = await lines.next(); !next.done; next = await lines.next()) {
    if (next.value.type === "blob-end") return;
    if (next.value.type !== "chunk") break;
    yield Buffer.from(next.value.data, "base64");
  }
  throw damaged("a blob has no end");
}

function messageOfLine(line: ExportLine & { type: "message" }): TransferredMessage {
  const { type: _, id, key, verbatim, metadata, erased, ...message } = line;
  return { ...message, seq: Number(id.slice(1)), key, verbatim, metadata, erased, parentHash: "" };
}

function itemOf(item: (ExportLine & { type: "context" })["items"][number]): ContextItem {
  return item.type === "summary" ? { type: "summary", id: asSummaryId(item.id) } : item;
}
