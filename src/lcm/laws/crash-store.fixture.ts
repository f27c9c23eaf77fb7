/** A store that fails at the n-th thing it is asked to do, before or after doing it: what a kill looks like to the caller. */
import type { ConversationStore } from "../../core/conversation-store.ts";

export class Crash extends Error {}

export interface CrashingStore {
  readonly store: ConversationStore;
  /** How many calls came so far. */
  readonly calls: () => number;
}

/** @param at the call that fails, from 1; all later ones fail too: the process is gone */
export function crashingStore(inner: ConversationStore, at: number, when: "before" | "after"): CrashingStore {
  let calls = 0;
  const step = async <Value>(work: () => Promise<Value>): Promise<Value> => {
    const call = ++calls;
    if (call > at || (call === at && when === "before")) throw new Crash(`call ${call}`);
    const value = await work();
    if (call === at) throw new Crash(`after call ${call}`);
    return value;
  };
  const store: ConversationStore = {
    ...inner,
    messages: {
      append: (...args) => step(() => inner.messages.append(...args)),
      get: (...args) => step(() => inner.messages.get(...args)),
      async *read(...args) {
        yield* await step(() => Array.fromAsync(inner.messages.read(...args)));
      },
    },
    summaries: {
      put: (...args) => step(() => inner.summaries.put(...args)),
      get: (...args) => step(() => inner.summaries.get(...args)),
      list: (...args) => step(() => inner.summaries.list(...args)),
    },
    open: (...args) => step(() => inner.open(...args)),
    branch: (...args) => step(() => inner.branch(...args)),
    context: (...args) => step(() => inner.context(...args)),
    swap: (...args) => step(() => inner.swap(...args)),
  };
  return { store, calls: () => calls };
}
