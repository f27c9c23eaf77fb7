/** What makes two maps the same: the identity of a job and of its task, and the recipe that a worker needs. Pure. */
import { ConfigError } from "../core/errors.ts";
import { newJobId } from "../core/ids.ts";
import type { NewJob } from "../core/job-store.ts";
import { canonicalJson, isPlainObject, sha256, type Json, type JsonObject } from "../core/json.ts";

export type MapMode = "llm" | "agent";

/** What is asked of each item. Equal tasks share results, whatever their inputs. */
export interface MapTask {
  readonly prompt: string;
  /** Undefined: results are texts. */
  readonly schema: JsonObject | undefined;
  readonly mode: MapMode;
  /** How often each item is asked; the answer of most counts. */
  readonly votes: number;
  /** As its provider and the user's configuration know it. */
  readonly model: string;
}

/** How it is carried out: may differ between two runs of one job. */
export interface MapPace {
  /** Items in one prompt. @default 1 */
  readonly batch: number;
  /** Calls for one item, or for one batch, until it has a valid answer. @default 3 */
  readonly attempts: number;
  /** Longest time for one item or batch, all attempts together. @default none */
  readonly itemTimeoutMs: number | undefined;
  /** Most tokens of one answer. @default the model's */
  readonly maxOutputTokens: number | undefined;
  /** US dollars for the whole job, all its runs and workers together. @default none */
  readonly ceilingUsd: number | undefined;
}

export const defaultPace: MapPace = {
  batch: 1,
  attempts: 3,
  itemTimeoutMs: undefined,
  maxOutputTokens: undefined,
  ceilingUsd: undefined,
};

/**
 * @param source names the input: the same task over another input is another job
 * @param caller what the caller wants to find again with the job; it makes no job another one
 */
export function newJob(task: MapTask, pace: MapPace, source: string, caller: JsonObject = {}): NewJob {
  const taskHash = sha256(canonicalJson(task)).slice(0, 32);
  const key = sha256(canonicalJson({ task: taskHash, source })).slice(0, 32);
  return {
    id: newJobId(),
    at: Date.now(),
    key,
    task: taskHash,
    recipe: { task: toJson(task), pace: toJson(pace), source, caller },
  };
}

export interface JobRecipe {
  readonly task: MapTask;
  readonly pace: MapPace;
  readonly source: string;
  readonly caller: JsonObject;
}

/** What a stored recipe says. Throws ConfigError for one that this version does not understand. */
export function readRecipe(recipe: JsonObject): JobRecipe {
  const { task, pace, source, caller } = recipe;
  if (
    !isPlainObject(task) ||
    !isPlainObject(pace) ||
    typeof task["prompt"] !== "string" ||
    typeof task["model"] !== "string"
  )
    throw new ConfigError(
      "invalid_input",
      "This job was made by a version of unabridged that this one does not understand.",
    );
  const number = (from: Record<string, unknown>, name: string): number | undefined =>
    typeof from[name] === "number" ? from[name] : undefined;
  return {
    task: {
      prompt: task["prompt"],
      // Written by `newJob`, which was given a schema or none.
      schema: isPlainObject(task["schema"]) ? (task["schema"] as JsonObject) : undefined,
      mode: task["mode"] === "agent" ? "agent" : "llm",
      votes: number(task, "votes") ?? 1,
      model: task["model"],
    },
    pace: {
      batch: number(pace, "batch") ?? defaultPace.batch,
      attempts: number(pace, "attempts") ?? defaultPace.attempts,
      itemTimeoutMs: number(pace, "itemTimeoutMs"),
      maxOutputTokens: number(pace, "maxOutputTokens"),
      ceilingUsd: number(pace, "ceilingUsd"),
    },
    source: typeof source === "string" ? source : "",
    caller: isPlainObject(caller) ? (caller as JsonObject) : {},
  };
}

export function checkPace(pace: MapPace): MapPace {
  const whole = (name: "batch" | "attempts"): void => {
    if (!Number.isInteger(pace[name]) || pace[name] < 1)
      throw new ConfigError(
        "invalid_option",
        `Expected "${name}" to be a whole number from 1, got ${pace[name]}.`,
      );
  };
  whole("batch");
  whole("attempts");
  for (const name of ["itemTimeoutMs", "maxOutputTokens", "ceilingUsd"] as const) {
    const value = pace[name];
    if (value !== undefined && !(value > 0))
      throw new ConfigError("invalid_option", `Expected "${name}" to be above 0, got ${value}.`);
  }
  return pace;
}

export function checkVotes(votes: number): number {
  if (Number.isInteger(votes) && votes >= 1) return votes;
  throw new ConfigError("invalid_option", `Expected "votes" to be a whole number from 1, got ${votes}.`);
}

/** Two ready-made tasks: they fill in the schema and the frame of the prompt. */
export type Preset = "filter" | "extract";

export function applyPreset(
  preset: Preset | undefined,
  prompt: string,
  schema: JsonObject | undefined,
): { prompt: string; schema: JsonObject | undefined } {
  switch (preset) {
    case undefined:
      return { prompt, schema };
    case "filter":
      if (schema)
        throw new ConfigError(
          "invalid_option",
          "A filter has its own schema, { keep: true or false }. Leave the schema out.",
        );
      return {
        prompt: `Decide whether the item meets this condition: ${prompt}\nAnswer keep: true where it does, and keep: false where it doesn't or can't be told.`,
        schema: filterSchema,
      };
    case "extract":
      if (!schema) throw new ConfigError("invalid_option", "To extract, say what: give a schema.");
      return {
        prompt: `${prompt}\nTake every value from the item itself. Where it does not say, use null if the schema allows it, else leave the field out or empty. Invent nothing.`,
        schema,
      };
  }
}

export const filterSchema: JsonObject = {
  type: "object",
  properties: { keep: { type: "boolean" } },
  required: ["keep"],
  additionalProperties: false,
};

function toJson(value: object): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}
