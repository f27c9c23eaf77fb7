/** What is kept of a run's beginning, so that it can be begun again: its context, limits and models. */
import { z } from "zod";
import type { ContextInput } from "../core/context.ts";
import { ConfigError } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import type { StoredRun } from "../core/store.ts";
import type { RunLimits } from "./limits.ts";

/** The context of a run: any text, or the answer of an earlier run. */
export type AskContext = ContextInput | PreviousAnswer;

export interface PreviousAnswer {
  /** The id of an earlier run: its whole answer is the context. */
  readonly run: string;
}

export interface Recipe {
  /** null where it was given as text or as a stream, which is not kept. */
  readonly context: { readonly paths: readonly string[] } | PreviousAnswer | null;
  readonly workingFolder: string;
  readonly limits: RunLimits;
  readonly phase0: boolean;
  /** How files are read. */
  readonly raw?: boolean | undefined;
  readonly encoding?: string | undefined;
  readonly model: string;
  readonly subModel: string;
  /** What the caller wants to find again, for instance the CLI's flags. */
  readonly caller: JsonObject;
}

export function recipeContext(context: AskContext): Recipe["context"] {
  if (typeof context !== "object" || context === null) return null;
  if ("run" in context) return { run: context.run };
  return "paths" in context ? { paths: context.paths } : null;
}

/** What is typed becomes what is kept: members that are undefined are left out. */
export function toJson(value: object): JsonObject {
  return jsonObject.parse(JSON.parse(JSON.stringify(value)));
}

const jsonObject = z.record(z.string(), z.json());

const schema = z.object({
  context: z.union([z.object({ paths: z.array(z.string()) }), z.object({ run: z.string() }), z.null()]),
  workingFolder: z.string(),
  limits: z.record(z.string(), z.number()),
  phase0: z.boolean(),
  raw: z.boolean().optional(),
  encoding: z.string().optional(),
  model: z.string(),
  subModel: z.string(),
  caller: z.record(z.string(), z.json()),
});

/** Throws ConfigError where the run's context was not kept. */
export function readRecipe(run: StoredRun): Recipe & { readonly context: NonNullable<Recipe["context"]> } {
  const recipe = schema.parse(run.recipe);
  if (recipe.context === null)
    throw new ConfigError(
      "invalid_input",
      `The context of ${run.id} was given as text, which is not kept. Call ask again with the same query and context and resume: "${run.id}".`,
    );
  return { ...recipe, context: recipe.context };
}
