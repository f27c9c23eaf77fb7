/** Child runs that a cell asks for: each gets a share of what is left, and what a share can't begin gets another turn. */
import { z } from "zod";
import type { Span } from "../core/corpus.ts";
import { BudgetError } from "../core/errors.ts";
import type { Json, JsonObject } from "../core/json.ts";
import { batch, type TakesRefusals } from "./batch.ts";
import type { Problem } from "./problem.ts";

/** Runs a child over parts of the corpus; handed in, so that a loop and its bindings need not know each other. */
export type SolveChild = (child: {
  readonly question: string;
  /** Undefined for the whole corpus of the parent. */
  readonly parts: readonly (Span | string)[] | undefined;
  /** Children of this batch that are not done yet, this one included: they share what is left. */
  readonly sharers: () => number;
  /** Told where a limit cut the child's work short and there is an answer all the same. */
  readonly onLimit: (limit: BudgetError) => void;
  readonly signal: AbortSignal;
}) => Promise<string>;

type ChildPart =
  { readonly text: string } | { readonly id: string; readonly start: number; readonly end: number };

interface ChildItem {
  readonly prompt: string;
  readonly context?: readonly ChildPart[] | null | undefined;
}

const childPart: z.ZodType<ChildPart> = z.union([
  z.object({ text: z.string() }),
  z.object({ id: z.string(), start: z.number().int(), end: z.number().int() }),
]);

export const childArgs: z.ZodType<{ readonly items: readonly ChildItem[] }> = z.object({
  items: z.array(z.object({ prompt: z.string(), context: z.array(childPart).nullish() })).max(1_000),
});

/** All side by side, each with an even share; those whose share was too little to begin, one after another with what is left. */
export async function childRuns(
  problem: Problem,
  state: TakesRefusals,
  items: readonly ChildItem[],
  solveChild: SolveChild,
  signal: AbortSignal,
): Promise<Json> {
  let unfinished = items.length;
  const onLimit = (limit: BudgetError): void => state.refusedBy(limit);
  const solve = async ({ prompt, context }: ChildItem, sharers: () => number): Promise<JsonObject> => {
    if (prompt.trim() === "") return { ok: false, code: "empty_prompt", message: "The question was empty." };
    const parts = context?.map((part) =>
      "text" in part ? part.text : { documentId: part.id, start: part.start, end: part.end },
    );
    const text = await solveChild({ question: prompt.toWellFormed(), parts, sharers, onLimit, signal });
    return { ok: true, text };
  };
  const postponed = new Set<ChildItem>();
  const first = await batch(problem, state, "rlm_query", items, async (item) => {
    try {
      return await solve(item, () => unfinished);
    } catch (error) {
      if (items.length === 1 || !hasNotBegun(error)) throw error;
      postponed.add(item);
      return { ok: false, code: "budget", message: error.message };
    } finally {
      unfinished--;
    }
  });
  if (postponed.size === 0) return first;
  const waiting = items.filter((item) => postponed.has(item));
  let tooLittle: BudgetError | undefined;
  const second = await batch(
    problem,
    state,
    "rlm_query",
    waiting,
    async (item) => {
      // What is left doesn't begin one of them: the others need not be tried.
      if (tooLittle) throw tooLittle;
      try {
        return await solve(item, () => 1);
      } catch (error) {
        if (hasNotBegun(error)) tooLittle = error;
        throw error;
      }
    },
    { width: 1 },
  );
  const late = new Map(waiting.map((item, index) => [item, second.results[index]]));
  return { results: items.map((item, index) => late.get(item) ?? first.results[index] ?? {}) };
}

/** Refused before its first call: nothing was spent on it. */
function hasNotBegun(error: unknown): error is BudgetError {
  return (
    error instanceof BudgetError &&
    (error.code === "cost" || error.code === "tokens" || error.code === "calls") &&
    error.spent === 0
  );
}
