/** Adds the messages of a transcript to a conversation: again and again as it grows, each once. */
import type { Branch } from "../../core/conversation.ts";
import type { ConversationStore } from "../../core/conversation-store.ts";
import { StoreError } from "../../core/errors.ts";
import type { ConversationId } from "../../core/ids.ts";
import type { TranscriptMessage } from "./transcript.ts";

export interface TranscriptImport {
  readonly added: number;
  readonly known: number;
  /** The one that the last message of the transcript is on. */
  readonly branch: Branch;
}

/**
 * A message whose parent is not the newest one begins a branch, which is named after it: so a turn that was taken again
 * is kept beside the first try.
 */
export async function importTranscript(
  store: ConversationStore,
  id: ConversationId,
  messages: AsyncIterable<TranscriptMessage> | Iterable<TranscriptMessage>,
  options: { readonly signal?: AbortSignal } = {},
): Promise<TranscriptImport> {
  const { branches } = await store.open(id);
  const [main] = branches;
  if (!main) throw new StoreError("corrupt", `The conversation "${id}" has no branch.`);
  const byName = new Map(branches.map((branch) => [branch.name, branch]));
  const places = new Map<string, Place>();
  const newest = new Map<Branch, string | undefined>([[main, undefined]]);
  let branch = main;
  const counts = { added: 0, known: 0 };
  let batch: TranscriptMessage[] = [];

  const flush = async (): Promise<void> => {
    const appended = await store.messages.append(branch, batch);
    for (const [index, { status, position }] of appended.entries()) {
      counts[status]++;
      const message = batch[index];
      if (message) places.set(message.key, { branch, position });
    }
    batch = [];
  };

  for await (const message of messages) {
    options.signal?.throwIfAborted();
    const { key, parentKey } = message;
    if (newest.get(branch) !== parentKey) {
      await flush();
      const place = parentKey === undefined ? { branch: main, position: 0 } : places.get(parentKey);
      const from = place ?? { branch, position: (await store.branch(branch)).head.position };
      branch = newest.get(from.branch) === parentKey ? from.branch : await branchFor(key, from);
    }
    batch.push(message);
    newest.set(branch, key);
    if (batch.length >= batchMessages) await flush();
  }
  await flush();
  return { ...counts, branch: await store.branch(branch) };

  async function branchFor(key: string, from: Place): Promise<Branch> {
    const name = `from ${key}`;
    const known = byName.get(name) ?? (await store.fork(from.branch, from.position, { name }));
    byName.set(name, known);
    newest.set(known, undefined);
    return known;
  }
}

const batchMessages = 200;

interface Place {
  readonly branch: Branch;
  readonly position: number;
}
