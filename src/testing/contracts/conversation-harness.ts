/** What the tests of conversation stores share: a store to test on, texts that are hard to keep, and short ways to write. */
import assert from "node:assert/strict";
import type { Branch, SummaryContent } from "../../core/conversation.ts";
import type { ConversationStore } from "../../core/conversation-store.ts";
import { StoreError } from "../../core/errors.ts";
import type { SummaryId } from "../../core/ids.ts";
import { assistant, user } from "../../core/message.ts";

export type ConversationTest = (
  title: string,
  check: (store: ConversationStore, main: Branch) => Promise<void>,
) => void;

export const awkward: string =
  'nul \0, lone \ud800 and \udc80, emoji 🐘, quotes "\'\\", é\u2028\r\n 会议预算 $text {"$text":"x"}';

export function mainOf(conversation: { readonly branches: readonly Branch[] }): Branch {
  const [main] = conversation.branches;
  assert.ok(main);
  return main;
}

export async function say(store: ConversationStore, branch: Branch, ...texts: string[]): Promise<void> {
  const messages = texts.map((text, index) => ({ message: index % 2 === 0 ? user(text) : assistant(text) }));
  await store.messages.append(branch, messages);
}

export async function textsOf(store: ConversationStore, branch: Branch): Promise<string[]> {
  return Array.fromAsync(store.messages.read(branch), ({ message }) => {
    const [part] = message.content;
    return typeof part === "object" && part.type === "text" ? part.text : "";
  });
}

export async function idsOf(store: ConversationStore, branch: Branch): Promise<string[]> {
  return Array.fromAsync(store.messages.read(branch), ({ id }) => id);
}

/** A summary of a stretch of a branch. */
export async function leafOf(
  store: ConversationStore,
  branch: Branch,
  first: number,
  last: number,
): Promise<SummaryContent & { kind: "leaf" }> {
  const [end] = await Array.fromAsync(store.messages.read(branch, { first: last, last }));
  return {
    kind: "leaf",
    covers: { first, last, hash: end?.hash ?? "" },
    level: 1,
    origin: { type: "model", modelId: "m" },
    text: `About ${first} to ${last}: ${awkward}`,
    tokens: 9,
    needsRepair: false,
    metadata: { gate: awkward },
  };
}

export async function condensedOf(
  store: ConversationStore,
  branch: Branch,
  first: number,
  last: number,
  sources: readonly SummaryId[],
): Promise<SummaryContent> {
  const { kind: _, metadata: __, ...leaf } = await leafOf(store, branch, first, last);
  const origin = { type: "deterministic" } as const;
  return { ...leaf, kind: "condensed", level: 2, origin, needsRepair: true, sources };
}

export function isError(code: string, message: RegExp = /./): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof StoreError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };
}
