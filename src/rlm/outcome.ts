/** How a run over a corpus ends. */
import type { BudgetError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { Citation } from "./citations.ts";

export type AskOutcome = {
  /** Empty where a run was ended before there was one. May be far larger than any model's output. */
  readonly answer: string;
  /** The answer as a value, where the root LM ended with one that is not text. */
  readonly value?: Json;
  readonly citations: readonly Citation[];
} & (
  | { readonly status: "answered" }
  /** A limit was reached; the answer is the best so far. */
  | { readonly status: "partial"; readonly limit: BudgetError }
  | { readonly status: "cancelled" }
);
