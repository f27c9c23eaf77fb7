/**
 * The store of answers as a run uses it: a store that fails costs the memory of a call, never the call itself, and one that is
 * slow is waited for only where it falls far behind. What a run saves is in the store before its own end is.
 */
import { messageOf } from "../core/errors.ts";
import type { AnswerStore } from "../core/store.ts";

/** @param onFailure told once, with what to tell the user */
export function forgiving(answers: AnswerStore, onFailure: (message: string) => void): AnswerStore {
  let hasFailed = false;
  let waiting = 0;
  const failed = (error: unknown): undefined => {
    if (!hasFailed) onFailure(messageOf(error));
    hasFailed = true;
    return undefined;
  };
  return {
    find: (requestHash, ordinal, scope) => answers.find(requestHash, ordinal, scope).catch(failed),
    async save(answer) {
      waiting++;
      const saved = answers
        .save(answer)
        .catch(failed)
        .finally(() => waiting--);
      if (waiting > mostWaiting) await saved;
    },
  };
}

const mostWaiting = 256;
