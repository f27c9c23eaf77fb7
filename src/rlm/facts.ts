/** The numbers a root LM is told, computed from the models in use and the corpus at hand. Pure. */
import type { CorpusDescription } from "../core/corpus.ts";
import type { Model } from "../core/model.ts";
import { assumedWindow, type Problem } from "./problem.ts";
import { profileFor } from "./profiles.ts";
import type { PromptFacts, SubFacts } from "./prompts.ts";

export function promptFacts(problem: Problem, model: Model, corpus: CorpusDescription): PromptFacts {
  const { scope, settings, cast } = problem;
  return {
    corpus,
    namedBy: problem.corpus.documents.some(({ path }) => path !== undefined) ? "path" : "title",
    profile: profileFor(model.id, model.reasoning),
    maxTurns: settings.maxIterations,
    outputCharacters: outputCharacters(model),
    sub:
      scope.depth < settings.depth
        ? subFacts(cast.subModel, corpus, scope.tree.limiter.concurrency)
        : undefined,
    childLevels: Math.max(0, settings.depth - scope.depth - 1),
    tools: cast.tools,
  };
}

/** How much of a cell's output the root LM is shown: what lets it take a dozen turns before its history is shortened. */
function outputCharacters(model: Model): number {
  const window = model.contextWindow ?? assumedWindow;
  return Math.min(20_000, Math.max(1_500, Math.floor(window / 4 / 500) * 500));
}

function subFacts(model: Model, corpus: CorpusDescription, width: number): SubFacts {
  const windowTokens = model.contextWindow ?? assumedWindow;
  const perToken = corpus.tokens > 0 ? corpus.characters / corpus.tokens : 4;
  const reply = Math.min(model.maxOutputTokens ?? 8_192, 8_192, windowTokens / 4);
  const roomTokens = (windowTokens - reply) * margin - instructionTokens;
  const promptCharacters = round(Math.max(500, roomTokens * perToken));
  return {
    modelId: model.id,
    windowTokens,
    promptCharacters,
    carefulCharacters: Math.min(promptCharacters, round(carefulTokens * perToken)),
    width,
  };
}

/** Token estimates err by some percent. */
const margin = 0.85;
/** The question that goes with a piece. */
const instructionTokens = 400;
/** Models read worse long before their window is full (the RLM paper, arXiv 2512.24601, §1; RULER): a size that all read well. */
const carefulTokens = 10_000;

function round(characters: number): number {
  const step = characters > 20_000 ? 5_000 : characters > 4_000 ? 500 : 100;
  return Math.max(step, Math.floor(characters / step) * step);
}
