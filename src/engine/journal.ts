/** The store of answers as a run uses it: a store that fails costs the memory of a call, never the call itself. */
import { messageOf } from "../core/errors.ts";
import type { AnswerStore } from "../core/store.ts";

/** @param onFailure told once, with what to tell the user */
export function forgiving(answers: AnswerStore, onFailure: (message: string) => void): AnswerStore {
  let hasFailed = false;
  const failed = (error: unknown): undefined => {
    if (!hasFailed) onFailure(messageOf(error));
    hasFailed = true;
    return undefined;
  };
  return {
    find: (requestHash, ordinal, scope) => answers.find(requestHash, ordinal, scope).catch(failed),
    save: (answer) => answers.save(answer).catch(failed),
  };
}
