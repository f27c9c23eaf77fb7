/** The words of the bench: a family of tasks, a task, and what plays a model where there is none. It knows no arm and no runner. */
import type { Json, JsonObject } from "../core/json.ts";

/**
 * What a number may claim. l0: machinery, simulated models, no word on accuracy. l1: official or recorded data and code through
 * our REPL, the leaf reads from gold. l2: a model at an endpoint, the only source of accuracy.
 */
export type Level = "l0" | "l1" | "l2";

export interface Task {
  /** Unique in its family, and fit for a file name. */
  readonly id: string;
  readonly family: string;
  /** Nominal length in tokens: what tasks are grouped by. */
  readonly lengthTokens: number;
  /** What a simulated model must know to play it: a key of the dataset's knowledge. */
  readonly world: string;
  /** Files and folders, never the text itself. */
  readonly context: readonly string[];
  readonly question: string;
  /** Read by the scorer alone: no arm is given it. */
  readonly gold: Json;
  readonly meta?: JsonObject;
}

export interface Dataset {
  readonly tasks: readonly Task[];
  /** What simulated models know that the text does not say, for instance gold labels, by world. */
  readonly knowledge: Readonly<Record<string, JsonObject>>;
  /** Where it comes from and under what terms, for the report. */
  readonly source: string;
}

export interface GenerateRequest {
  readonly seed: number;
  readonly lengths: readonly number[];
  /** Tasks for each length; a family may give fewer where it has no more. */
  readonly perLength: number;
  /** Where contexts are written. */
  readonly folder: string;
  /** A folder with texts of the user's, where the family can use them. */
  readonly data: string | undefined;
}

export interface Family {
  readonly name: string;
  readonly about: string;
  /** How the work grows with the length: look-ups, one reading, or all pairs. */
  readonly growth: "1" | "N" | "N²";
  readonly defaultLengths: readonly number[];
  generate?(request: GenerateRequest): Promise<Dataset>;
  /** Official or recorded data in a folder of the user's. Throws ConfigError naming what is missing. */
  load?(folder: string): Promise<Dataset>;
  /** From 0 to 1, as the benchmark's own scorer has it. Of judged families, what can be told without a model. */
  score(task: Pick<Task, "gold" | "meta">, answer: string): number;
  /** Where answers can't be scored by comparing texts: then a run needs a model that judges. */
  readonly judge?: Judge;
  /** Plays the family's models. @param knowledge of one world, read in the process of the simulated server */
  mind(knowledge: JsonObject): Mind;
}

export interface Judge {
  /** Ends in a version: another wording is another judge, and their numbers don't mix. */
  readonly name: string;
  /** One or several prompts for an answer; its score is the mean of what they come to. */
  prompts(task: Pick<Task, "question" | "gold" | "meta">, answer: string): readonly string[];
  /** From 0 to 1; undefined where the reply can't be read. */
  read(reply: string): number | undefined;
}

/** A simulated model's skill in one family. It is shown prompts alone, never a task's id or gold. */
export interface Mind {
  /** True where the question is one of this family. */
  knows(question: string): boolean;
  /** The root LM's reply on its n-th turn, from 1, over the public REPL functions. */
  root(question: string, turn: number, depth: number): string;
  /** A sub-call's answer; undefined where the prompt is none of this family's. */
  leaf(prompt: string, sight: Sight): string | undefined;
  /** The answer of one that is shown text and question at once. */
  read(text: string, question: string, sight: Sight): string;
  /** Words that lead to the answer, for arms that search. */
  searchFor(question: string): readonly string[];
  /** True where the answer depends on every line, so that a search is of no use. @default false */
  readonly needsAll?: boolean;
  /** How the map arm gets there; undefined where no line by itself says anything. */
  plan?(question: string): MapPlan | undefined;
  /** What such a plan's prompt comes to for one line. @param position where it stands in the prompt, from 0 to 1 */
  record?(line: string, position: number, sight: Sight): JsonObject;
  /** True for lines that questions are about: what an adversarial summariser drops. */
  isTelling?(line: string): boolean;
}

/** One prompt for every line, and a query over what comes back. */
export interface MapPlan {
  /** `{{line}}` stands for the line. */
  readonly prompt: string;
  /** The members of each result. */
  readonly fields: Readonly<Record<string, "string" | "integer" | "boolean">>;
  /** One select over the table `results`, which has a column for each field. */
  readonly sql: string;
}

/** How well a simulated model sees the items of one prompt: drawn from seed and item, the same each time. */
export interface Sight {
  /** @param position where the item stands in the prompt, from 0 to 1 */
  isRight(item: string, position: number): boolean;
  /** A number from 0 to 1 that depends on the seed and the item alone. */
  draw(item: string): number;
}

export const perfectSight: Sight = { isRight: () => true, draw: () => 0 };

/** A reply of a root LM: a plan and one block. */
export function cell(plan: string, code: string): string {
  return `${plan}\n\`\`\`repl\n${code}\n\`\`\``;
}
