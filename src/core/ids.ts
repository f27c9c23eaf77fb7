/** Branded ids with a visible prefix, so that one kind is never passed for another. */
import { randomFillSync } from "node:crypto";

declare const brand: unique symbol;
type Id<Prefix extends string> = string & { readonly [brand]: Prefix };

/** One question over one corpus, or a child of it. */
export type RunId = Id<"run">;
/** One model call, unique in the store. */
export type CallId = Id<"call">;
/** One `map` over one input. */
export type JobId = Id<"job">;
/** A conversation, by the name its owner gave it, or by a new id. */
export type ConversationId = Id<"conversation">;
/** A message, short because models read it: "m12" is the twelfth that its conversation was given, on any branch. */
export type MessageId = Id<"m">;
/** A summary, by the hash of what it says of what. */
export type SummaryId = Id<"sum">;
/** Bytes kept beside the messages, by their SHA-256. */
export type BlobId = Id<"blob">;

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/** Makes a run id that sorts by time of creation: nine characters of milliseconds, seven of chance. */
export function newRunId(nowMs: number = Date.now()): RunId {
  return `run_${sortableId(nowMs)}` as RunId;
}

export function newCallId(nowMs: number = Date.now()): CallId {
  return `call_${sortableId(nowMs)}` as CallId;
}

export function newJobId(nowMs: number = Date.now()): JobId {
  return `job_${sortableId(nowMs)}` as JobId;
}

/** Accepts a job id as typed by a person or read from a database. */
export function asJobId(text: string): JobId {
  return text as JobId;
}

/** Accepts a run id as typed by a person or read from a database. */
export function asRunId(text: string): RunId {
  return text as RunId;
}

export function newConversationId(nowMs: number = Date.now()): ConversationId {
  return `chat_${sortableId(nowMs)}` as ConversationId;
}

/** Accepts a conversation's name as a person chose it. */
export function asConversationId(text: string): ConversationId {
  return text as ConversationId;
}

/** Accepts the id of a message as a model or a person wrote it, or as read from a database. */
export function asMessageId(text: string): MessageId {
  return text as MessageId;
}

export function asSummaryId(text: string): SummaryId {
  return text as SummaryId;
}

export function asBlobId(text: string): BlobId {
  return text as BlobId;
}

function sortableId(nowMs: number): string {
  let time = "";
  for (let rest = nowMs, i = 0; i < 9; i++, rest = Math.floor(rest / 32))
    time = alphabet.charAt(rest % 32) + time;
  if (chance.unused + 7 > chance.bytes.length) {
    randomFillSync(chance.bytes);
    chance.unused = 0;
  }
  let rest = "";
  for (let i = 0; i < 7; i++) rest += alphabet.charAt((chance.bytes[chance.unused++] ?? 0) % 32);
  return time + rest;
}

/** Asking the system for chance costs as much for seven bytes as for thousands. */
const chance = { bytes: new Uint8Array(7 * 512), unused: 7 * 512 };
