/** Branded ids with a visible prefix, so that one kind is never passed for another. */
import { randomBytes } from "node:crypto";

declare const brand: unique symbol;
type Id<Prefix extends string> = string & { readonly [brand]: Prefix };

/** One question over one corpus, or a child of it. */
export type RunId = Id<"run">;
/** One model call, unique in the store. */
export type CallId = Id<"call">;

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/** Makes a run id that sorts by time of creation: nine characters of milliseconds, seven of chance. */
export function newRunId(nowMs: number = Date.now()): RunId {
  return `run_${sortableId(nowMs)}` as RunId;
}

export function newCallId(nowMs: number = Date.now()): CallId {
  return `call_${sortableId(nowMs)}` as CallId;
}

/** Accepts a run id as typed by a person or read from a database. */
export function asRunId(text: string): RunId {
  return text as RunId;
}

function sortableId(nowMs: number): string {
  let time = "";
  for (let rest = nowMs, i = 0; i < 9; i++, rest = Math.floor(rest / 32))
    time = alphabet.charAt(rest % 32) + time;
  return time + Array.from(randomBytes(7), (byte) => alphabet.charAt(byte % 32)).join("");
}
