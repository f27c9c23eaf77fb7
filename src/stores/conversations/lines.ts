/** Conversations as lines of JSON: what a line is, and how they are written. It knows no SQL. */
import { z } from "zod";
import { messageOf } from "../../core/errors.ts";
import { asBlobId } from "../../core/ids.ts";
import type { ConversationId } from "../../core/ids.ts";
import type { Calls } from "../channel.ts";
import { blobStore } from "./blob-store.ts";
import type { SummaryRecord } from "./contexts.ts";
import { messageId } from "./records.ts";
import { damaged } from "./transfer.ts";
import type { BranchRow, TransferredMessage } from "./transfer.ts";

/** What a line of an export is. Content is JSON within JSON, so that it comes back to the letter. */
export type ExportLine =
  | { type: "conversation"; format: 1; id: string; createdAt: number }
  | ({ type: "branch" } & BranchRow)
  | { type: "blob"; id: string; mediaType: string; name?: string | undefined }
  | { type: "chunk"; data: string }
  | { type: "blob-end" }
  | MessageLine
  | SummaryLine
  | ContextLine;

export interface MessageLine {
  type: "message";
  id: string;
  branch: string;
  position: number;
  key?: string | undefined;
  at: number;
  tokens: number;
  contentHash: string;
  hash: string;
  message: string;
  verbatim?: string | undefined;
  metadata?: string | undefined;
  blobs: readonly string[];
  erased?: { at: number; reason: string } | undefined;
}

export interface SummaryLine {
  type: "summary";
  /** One on which it is true. */
  branch: string;
  id: string;
  level: number;
  covers: { first: number; last: number; hash: string };
  sources: readonly string[] | null;
  modelId: string | null;
  text: string;
  tokens: number;
  needsRepair: boolean;
  metadata?: string | undefined;
  createdAt: number;
  erased?: { at: number; reason: string } | undefined;
}

export interface ContextLine {
  type: "context";
  branch: string;
  version: number;
  through: number;
  items: readonly ({ type: "messages"; first: number; last: number } | { type: "summary"; id: string })[];
  reason: string;
  at: number;
}

const erased = z.object({ at: z.number(), reason: z.string() }).optional();
const lineSchema: z.ZodType<ExportLine> = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("conversation"),
    format: z.literal(1),
    id: z.string().min(1),
    createdAt: z.number(),
  }),
  z.object({
    type: z.literal("branch"),
    name: z.string().min(1),
    parent: z.string().nullable(),
    forkPosition: z.number().int().min(0),
    createdAt: z.number(),
  }),
  z.object({
    type: z.literal("blob"),
    id: z.string(),
    mediaType: z.string(),
    name: z.string().optional(),
  }),
  z.object({ type: z.literal("chunk"), data: z.base64() }),
  z.object({ type: z.literal("blob-end") }),
  z.object({
    type: z.literal("message"),
    id: z.string().regex(/^m[1-9]\d*$/),
    branch: z.string(),
    position: z.number().int().min(1),
    key: z.string().optional(),
    at: z.number(),
    tokens: z.number().int(),
    contentHash: z.string(),
    hash: z.string(),
    message: z.string(),
    verbatim: z.string().optional(),
    metadata: z.string().optional(),
    blobs: z.array(z.string()).default([]),
    erased,
  }),
  z.object({
    type: z.literal("summary"),
    id: z.string(),
    level: z.number().int(),
    covers: z.object({ first: z.number().int(), last: z.number().int(), hash: z.string() }),
    sources: z.array(z.string()).nullable(),
    modelId: z.string().nullable(),
    text: z.string(),
    tokens: z.number().int(),
    needsRepair: z.boolean(),
    metadata: z.string().optional(),
    createdAt: z.number(),
    branch: z.string(),
    erased,
  }),
  z.object({
    type: z.literal("context"),
    branch: z.string(),
    version: z.number().int(),
    through: z.number().int(),
    items: z.array(
      z.discriminatedUnion("type", [
        z.object({ type: z.literal("messages"), first: z.number().int(), last: z.number().int() }),
        z.object({ type: z.literal("summary"), id: z.string() }),
      ]),
    ),
    reason: z.string(),
    at: z.number(),
  }),
]);

export async function* exportLines(
  channel: Calls<"conversations">,
  id: ConversationId,
  signal: AbortSignal | undefined,
): AsyncIterable<string> {
  const { createdAt } = await channel.call("branches", "get", id);
  yield line({ type: "conversation", format: 1, id, createdAt });
  for (const { name, parent, forkPosition, createdAt: at } of await channel.call(
    "transfer",
    "branches",
    id,
  )) {
    yield line({ type: "branch", name, parent, forkPosition, createdAt: at });
  }
  const blobs = blobStore(channel);
  for (const hash of await channel.call("check", "blobs", id)) {
    const blobId = asBlobId(`blob_${hash}`);
    const blob = await blobs.describe(blobId);
    if (!blob) continue;
    const named = blob.name === undefined ? {} : { name: blob.name };
    yield line({ type: "blob", id: blobId, mediaType: blob.mediaType, ...named });
    for await (const chunk of blobs.read(blobId, signal ? { signal } : {})) {
      yield line({ type: "chunk", data: Buffer.from(chunk).toString("base64") });
    }
    yield line({ type: "blob-end" });
  }
  let last = 0;
  for (;;) {
    signal?.throwIfAborted();
    const page = await channel.call("transfer", "messages", id, last);
    for (const message of page) {
      yield line(messageLine(message));
      last = message.seq;
    }
    if (page.length === 0) break;
  }
  yield* exportMemory(channel, id);
}

async function* exportMemory(channel: Calls<"conversations">, id: ConversationId): AsyncIterable<string> {
  const names = (await channel.call("transfer", "branches", id)).map(({ name }) => name);
  const placed = new Set<string>();
  for (const name of names) {
    for (const summary of await channel.call("contexts", "summaries", { conversationId: id, name })) {
      if (placed.has(summary.id)) continue;
      placed.add(summary.id);
      yield line(summaryLine(name, summary));
    }
  }
  for (const context of await channel.call("transfer", "contexts", id)) {
    const { branch, version, through, items, reason, at } = context;
    yield line({ type: "context", branch, version, through, items: [...items], reason, at });
  }
}

// Field by field: an export of what was imported is the same, to the letter.
function messageLine(message: TransferredMessage): MessageLine {
  const { seq, branch, position, key, at, tokens, contentHash, hash, verbatim, metadata, erased } = message;
  return {
    type: "message",
    id: messageId(seq),
    ...{ branch, position, key, at, tokens, contentHash, hash },
    ...{ message: message.message, verbatim, metadata, blobs: [...message.blobs], erased },
  };
}

function summaryLine(branch: string, summary: SummaryRecord): SummaryLine {
  const { id, level, covers, sources, modelId, text, tokens, needsRepair, metadata, createdAt, erased } =
    summary;
  const { first, last, hash } = covers;
  return {
    type: "summary",
    ...{ branch, id, level, covers: { first, last, hash }, sources: sources && [...sources], modelId, text },
    ...{ tokens, needsRepair, metadata, createdAt, erased },
  };
}

function line(value: ExportLine): string {
  return JSON.stringify(value);
}

export function parseLine(text: string, number: number): ExportLine {
  try {
    return lineSchema.parse(JSON.parse(text));
  } catch (error) {
    throw damaged(`line ${number} can't be read (${messageOf(error).slice(0, 200)})`);
  }
}
