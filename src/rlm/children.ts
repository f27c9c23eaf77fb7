/**
 * rlm_query: a child run with its own sandbox, grant and trace, or a plain sub-call where a child would be no more than that: at
 * the last level, and for a text that any model reads at once.
 */
import { callModel } from "../core/call-model.ts";
import { spanId, type Corpus, type Span } from "../core/corpus.ts";
import { BudgetError, ConfigError } from "../core/errors.ts";
import { grouped } from "../core/grouped.ts";
import { newRunId } from "../core/ids.ts";
import { user } from "../core/message.ts";
import { emitter, type RunScope } from "../core/scope.ts";
import type { SolveChild } from "./child-runs.ts";
import { grantChild, type Grant } from "./grant.ts";
import type { AskOutcome } from "./outcome.ts";
import type { Problem } from "./problem.ts";

/** @param ask runs the child; handed in because it is what calls this */
export function solveChildOf(parent: Problem, ask: (child: Problem) => Promise<AskOutcome>): SolveChild {
  return async ({ question, parts, sharers, onLimit, signal }) => {
    const { scope, settings, cast } = parent;
    if (scope.depth >= settings.depth) throw noDepth(parent);
    const text = await smallText(parent, parts);
    if (text !== undefined || scope.depth + 1 >= settings.depth) {
      const context = text ?? (await wholeText(parent, parts));
      const reply = await callModel(
        scope,
        cast.subModel,
        { messages: [user(`${question}\n\n${context}`)] },
        { role: "sub", signal },
      );
      return reply.text;
    }
    const depth = scope.depth + 1;
    const place = await cast.enterChild(depth, signal);
    try {
      const child = { question, parts, onLimit, signal };
      return await runChild(parent, child, grantChild(scope.budget, sharers()), ask);
    } finally {
      place.leave();
    }
  };
}

async function runChild(
  parent: Problem,
  child: {
    readonly question: string;
    readonly parts: readonly (Span | string)[] | undefined;
    readonly onLimit: (limit: BudgetError) => void;
    readonly signal: AbortSignal;
  },
  grant: Grant,
  ask: (child: Problem) => Promise<AskOutcome>,
): Promise<string> {
  const { cast, corpus } = parent;
  const deadline = new AbortController();
  const timeMs = grant.whole.limits.timeMs;
  const timer = timeMs === undefined ? undefined : setTimeout(() => deadline.abort(timeUp(timeMs)), timeMs);
  const signal = AbortSignal.any([child.signal, deadline.signal]);
  const own = child.parts === undefined ? corpus : await cast.deriveCorpus(corpus, child.parts, signal);
  try {
    const outcome = await ask({
      ...{ cast, settings: parent.settings },
      ...{ query: child.question, corpus: own, grant },
      scope: childScope(parent.scope, grant, signal),
    });
    if (outcome.status === "answered") return outcome.answer;
    if (outcome.status === "cancelled") throw child.signal.reason;
    if (outcome.answer.trim() === "") throw outcome.limit;
    child.onLimit(outcome.limit);
    return `[Not finished: ${outcome.limit.message.replace(/ Raise it with .*$/, "")}]\n${outcome.answer}`;
  } finally {
    clearTimeout(timer);
    if (own !== corpus) await own.close();
  }
}

function childScope(parent: RunScope, grant: Grant, signal: AbortSignal): RunScope {
  const run = { runId: newRunId(), parentRunId: parent.runId, depth: parent.depth + 1 };
  return {
    ...run,
    tree: parent.tree,
    budget: grant.work,
    signal,
    occurrences: new Map(),
    emit: emitter(run, parent.tree.nextSeq, parent.tree.publish),
  };
}

function timeUp(limitMs: number): BudgetError {
  return new BudgetError(
    "time",
    `The child's share of the time, ${(limitMs / 1000).toFixed(1)} s, is used up.`,
    { limit: limitMs, spent: limitMs },
  );
}

function noDepth({ scope, settings }: Problem): BudgetError {
  return new BudgetError(
    "depth",
    `Children are not allowed at this depth (--depth ${settings.depth}); answer with code and what you read yourself.`,
    { limit: settings.depth, spent: scope.depth },
  );
}

/** Below this many characters a child is a plain call: a REPL over a page of text only costs. */
const smallCharacters = 4_000;

async function smallText(
  { corpus }: Problem,
  parts: readonly (Span | string)[] | undefined,
): Promise<string | undefined> {
  if (parts === undefined) return undefined;
  const characters = parts.reduce(
    (sum, part) => sum + (typeof part === "string" ? part.length : part.end - part.start),
    0,
  );
  return characters <= smallCharacters ? joined(corpus, parts) : undefined;
}

/** All of the parts as one text, for a plain call; whether it fits the window is checked at the door. */
async function wholeText(
  { corpus, cast }: Problem,
  parts: readonly (Span | string)[] | undefined,
): Promise<string> {
  const wanted =
    parts ??
    corpus.documents.map(({ id, start, bytes, characters }) => ({
      documentId: id,
      start,
      end: start + (characters ?? bytes),
    }));
  const characters = wanted.reduce(
    (sum, part) => sum + (typeof part === "string" ? part.length : part.end - part.start),
    0,
  );
  if (characters > mostPlainCharacters)
    throw new ConfigError(
      "invalid_input",
      `rlm_query() is a plain sub-call at this depth, and ${grouped(characters)} characters are more than ${cast.subModel.id} can be sent. Pass smaller pieces, or work on them with code here.`,
    );
  return joined(corpus, wanted);
}

const mostPlainCharacters = 16_000_000;

/** Each part under its id, so that what the sub-LM says can be traced back to it. */
async function joined(corpus: Corpus, parts: readonly (Span | string)[]): Promise<string> {
  const texts = await Promise.all(
    parts.map(async (part) =>
      typeof part === "string"
        ? part
        : `[${spanId(part)}]\n${await corpus.read(part.documentId, part.start, part.end)}`,
    ),
  );
  return texts.join("\n\n").toWellFormed();
}
