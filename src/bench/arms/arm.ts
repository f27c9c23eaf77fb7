/** The words of arms: a way to answer a task with a model and a budget. It knows no single one of them. */
import type { Corpus } from "../../core/corpus.ts";
import type { JsonObject } from "../../core/json.ts";
import type { Model } from "../../core/model.ts";
import type { Sandbox } from "../../core/sandbox.ts";
import type { RunScope } from "../../core/scope.ts";
import type { TraceEvent } from "../../core/trace.ts";
import type { RunUsage } from "../../core/usage.ts";
import type { Engine } from "../../engine/index.ts";
import type { Task } from "../task.ts";

export interface Arm {
  readonly name: string;
  readonly about: string;
  run(task: Pick<Task, "context" | "question">, setting: Setting): Promise<Outcome>;
}

/** What an arm may use: the same models and the same budget for every arm. */
export interface Setting {
  readonly model: Model;
  readonly subModel: Model;
  readonly engine: Engine;
  readonly sandbox: Sandbox;
  /** For calls through the one door; its budget is that of the task. */
  readonly scope: RunScope;
  readonly limits: { readonly costUsd?: number; readonly calls?: number; readonly timeMs?: number };
  readonly signal: AbortSignal;
  readonly watch: (event: TraceEvent) => void;
  /** Counts what was spent on calls that have no events, such as labels that are written ahead. */
  readonly addUnseen: (usage: RunUsage, costUsd: number | null) => void;
  /** An engine with stores of its own, for what would else be found in those of earlier tasks. It ends with the task. */
  freshEngine(): Engine;
  openCorpus(paths: readonly string[]): Promise<Corpus>;
}

/** `overflow`: the text does not fit the model and was not sent. */
export interface Outcome {
  readonly status: "answered" | "partial" | "overflow";
  readonly answer: string;
  /** The limit that cut it short, for instance "cost". */
  readonly limit?: string;
  /** What the arm has to say of how it went, for instance how often a conversation was compacted. */
  readonly facts?: JsonObject;
}

export const windowOf = (model: Model): number => model.contextWindow ?? 128_000;

/** Tokens kept free of text for the question, the prompt's own words and the answer. */
export const reserveTokens = 4_000;

/** A text of at most `most` characters, or undefined where the corpus is larger. */
export async function wholeText(corpus: Corpus, most: number): Promise<string | undefined> {
  if (corpus.bytes > most * 4) return undefined;
  const texts: string[] = [];
  for (const document of corpus.documents) {
    const title = corpus.documents.length > 1 ? `# ${document.path ?? document.id}\n` : "";
    texts.push(title + Buffer.from(await corpus.load(document.id)).toString("utf8"));
  }
  const text = texts.join("\n\n");
  return text.length > most ? undefined : text;
}
