/**
 * The root loop: root LM → code → execute → observe → … → answer. Every turn ends with feedback the model can act on; nothing
 * is silently ignored. It knows the sandbox, the models and the corpus only as ports.
 */
import { callModel, requestTokens } from "../core/call-model.ts";
import { BudgetError, ModelError } from "../core/errors.ts";
import { grouped } from "../core/grouped.ts";
import type { Model, ModelReply } from "../core/model.ts";
import type { ExecutionResult, FinalAnswer, SandboxSession } from "../core/sandbox.ts";
import { RootHistory } from "./history.ts";
import { observe } from "./observe.ts";
import { parseReply, type CodeCandidate, type ParsedReply } from "./parse.ts";
import { assumedWindow, type Problem } from "./problem.ts";
import { feedback, turnHeader } from "./prompts.ts";

export interface LoopParts {
  readonly problem: Problem;
  readonly model: Model;
  /** May still be opening when the loop begins. */
  readonly session: Promise<SandboxSession>;
  /** Ends the root LM's calls: the run's own signal, or the reason why the session could not be opened. */
  readonly signal: AbortSignal;
  readonly history: RootHistory;
  /** Notes of the bindings for the next observation; taken and cleared. */
  readonly takeNotes: () => readonly string[];
  readonly outputCharacters: number;
  readonly onTurn: (turn: number) => void;
}

export type LoopOutcome =
  | { readonly status: "answered"; readonly final: FinalAnswer; readonly turns: number }
  /** A limit ended the loop. `final` is what the root gave on its last, extra turn, or its draft. */
  | {
      readonly status: "partial";
      readonly final: FinalAnswer | undefined;
      readonly limit: BudgetError;
      readonly turns: number;
    };

/** Throws ModelError where the root LM fails for good, SandboxError, or the signal's reason. */
export async function runLoop(parts: LoopParts): Promise<LoopOutcome> {
  const { problem, history } = parts;
  const { maxIterations } = problem.settings;
  const streak = { withoutCode: 0, finalsBeforeLooking: 0 };
  for (let turn = 1; turn <= maxIterations; turn++) {
    parts.onTurn(turn);
    problem.scope.emit({ type: "turn-start", turn });
    let step: Step;
    try {
      step = await takeTurn(parts, turn, streak);
    } catch (error) {
      if (error instanceof BudgetError && error.code !== "time") return closeAtLimit(parts, turn, error);
      throw error;
    }
    if (step.type === "final") return { status: "answered", final: step.final, turns: turn };
    const header = turnHeader(turn + 1, { maxTurns: maxIterations, limits: limitsLine(problem) });
    const isLast = turn === maxIterations;
    history.add({
      turn,
      reply: step.reply,
      code: step.code,
      observation: isLast ? step.observation : `${step.observation}\n\n${header}`,
    });
  }
  const limit = new BudgetError(
    "iterations",
    `All ${maxIterations} turns are used and no final answer was given. Raise it with --max-iterations, or ask a narrower question.`,
    {
      limit: maxIterations,
      spent: maxIterations,
    },
  );
  return { status: "partial", final: await draft(await parts.session), limit, turns: maxIterations };
}

type Step =
  | { readonly type: "final"; readonly final: FinalAnswer }
  | { readonly type: "go-on"; readonly reply: string; readonly code: string; readonly observation: string };

interface Streak {
  withoutCode: number;
  finalsBeforeLooking: number;
}

async function takeTurn(parts: LoopParts, turn: number, streak: Streak): Promise<Step> {
  const reply = await askRoot(parts);
  const parsed = parseReply(reply.text);
  if (parsed.type === "code" && !(reply.stopReason === "length" && isCutOff(parsed))) {
    streak.withoutCode = 0;
    return runCode(parts, turn, parsed);
  }
  if (parsed.type === "prose-final" && (hasLooked(parts) || streak.finalsBeforeLooking++ > 0))
    return finishFromProse(parts, turn, reply.text, parsed);
  if (++streak.withoutCode >= mostRepliesWithoutCode) throw codeless(parts.model, reply.text);
  const text = explain(parsed, reply);
  parts.problem.scope.emit({ type: "feedback", turn, reason: parsed.type, text });
  return {
    type: "go-on",
    reply: reply.text.trim() === "" ? "(empty reply)" : reply.text,
    code: "",
    observation: text,
  };
}

const mostRepliesWithoutCode = 6;

function codeless(model: Model, lastWords: string): ModelError {
  const shown = lastWords.trim().slice(0, 300);
  return new ModelError(
    "bad_response",
    `${model.id} wrote no code in ${mostRepliesWithoutCode} replies in a row, so nothing could be looked up. Its last words: "${shown}". Use a model that writes code as --model; a small one can stay the --sub-model.`,
    { retryable: false },
  );
}

/** Asks the root LM for its next step, with a history that fits its window. */
async function askRoot({ problem, model, history, signal }: LoopParts): Promise<ModelReply> {
  const { scope } = problem;
  const window = model.contextWindow ?? assumedWindow;
  const isTooLong = (): boolean =>
    requestTokens(scope, model, { messages: history.messages() }) > window * historyShare;
  while (isTooLong() && history.shorten())
    scope.emit({ type: "notice", text: "Older turns of the root LM were shortened to labels." });
  // A window that was only assumed, or an estimate that was off, shows here: shorten once more and ask again.
  for (;;) {
    try {
      const request = { messages: history.messages() };
      return await callModel(scope, model, request, { role: "root", stream: true, signal });
    } catch (error) {
      if (!(error instanceof ModelError) || error.code !== "context_overflow" || !history.shorten())
        throw error;
    }
  }
}

/** Soft threshold of the root's history: the rest is for the reply and for estimates that err. */
const historyShare = 0.6;

function isCutOff(parsed: ParsedReply & { type: "code" }): boolean {
  return parsed.candidates.every((candidate) => !candidate.isClosed);
}

async function runCode(
  parts: LoopParts,
  turn: number,
  parsed: ParsedReply & { type: "code" },
): Promise<Step> {
  const { candidate, result } = await executeFirstValid(parts, turn, parsed.candidates);
  const notes = [...parts.takeNotes()];
  if (result.final && result.final.text.trim() !== "") return { type: "final", final: result.final };
  if (result.final || result.emptyFinal) notes.push(feedback.emptyAnswer);
  if (parsed.laterBlocks > 0 && candidate.hasTrailing)
    notes.unshift(feedback.laterBlocks(parsed.laterBlocks));
  else if (candidate.hasTrailing) notes.unshift(feedback.trailingCut);
  for (const text of notes) parts.problem.scope.emit({ type: "feedback", turn, reason: "note", text });
  const observation = [...notes, observe(result, parts.outputCharacters)].join("\n\n");
  return { type: "go-on", reply: candidate.kept, code: candidate.code, observation };
}

/** A cell that doesn't parse has run nothing, so the next, longer candidate may be tried in its place. */
async function executeFirstValid(
  parts: LoopParts,
  turn: number,
  candidates: readonly CodeCandidate[],
): Promise<{ candidate: CodeCandidate; result: ExecutionResult }> {
  let first: { candidate: CodeCandidate; result: ExecutionResult } | undefined;
  for (const candidate of candidates.slice(0, mostCandidates)) {
    const result = await execute(parts, turn, candidate.code);
    first ??= { candidate, result };
    if (!isSyntaxError(result)) return { candidate, result };
  }
  if (!first) throw new Error("A reply with code had no candidate.");
  return first;
}

const mostCandidates = 6;

async function execute(
  { problem, session: opened }: LoopParts,
  turn: number,
  code: string,
): Promise<ExecutionResult> {
  const { scope, settings } = problem;
  const session = await opened;
  scope.occurrences.clear();
  scope.emit({ type: "code-start", turn, code });
  const startedAt = Date.now();
  const result = await session.execute(code, { timeoutMs: settings.cellTimeoutMs, signal: scope.signal });
  scope.emit({ type: "code-end", turn, result, durationMs: Date.now() - startedAt });
  return result;
}

function isSyntaxError(result: ExecutionResult): boolean {
  return result.status === "threw" && /^(SyntaxError|IndentationError|TabError)$/.test(result.error.type);
}

/** The name of a variable stands for its value; anything else is the answer as written. */
async function finishFromProse(
  parts: LoopParts,
  turn: number,
  reply: string,
  parsed: ParsedReply & { type: "prose-final" },
): Promise<Step> {
  const { form, argument } = parsed;
  const isName = /^[A-Za-z_]\w*$/.test(argument);
  if (form === "FINAL" && !isName) {
    if (argument.trim() === "") return { type: "go-on", reply, code: "", observation: feedback.emptyAnswer };
    return { type: "final", final: { via: "FINAL", text: argument } };
  }
  const code = `FINAL_VAR(${JSON.stringify(argument)})`;
  const result = await execute(parts, turn, code);
  if (result.final && result.final.text.trim() !== "") return { type: "final", final: result.final };
  if (form === "FINAL" && !result.final) return { type: "final", final: { via: "FINAL", text: argument } };
  const observation = result.final ? feedback.emptyAnswer : observe(result, parts.outputCharacters);
  return { type: "go-on", reply, code, observation };
}

function hasLooked({ history }: LoopParts): boolean {
  return history.hasRunCode;
}

function explain(parsed: ParsedReply, reply: ModelReply): string {
  if (reply.stopReason === "length") return feedback.cutReply(reply.usage.outputTokens);
  switch (parsed.type) {
    case "empty":
      return feedback.empty;
    case "prose-final":
      return feedback.finalBeforeLooking;
    case "prose":
      if (parsed.foreignFence !== undefined) return feedback.foreignFence(parsed.foreignFence);
      return parsed.mentionsFinal ? feedback.proseFinal : feedback.noCode;
    case "code":
      return feedback.noCode;
  }
}

/**
 * A limit was reached. What was kept back (see grant.ts) buys one more turn, in which the root LM may
 * only finish; where even that is too dear, its draft in answer["content"] stands.
 */
async function closeAtLimit(parts: LoopParts, turn: number, limit: BudgetError): Promise<LoopOutcome> {
  const { problem, history, model } = parts;
  const { scope } = problem;
  const partial = (final: FinalAnswer | undefined): LoopOutcome => ({
    status: "partial",
    final,
    limit,
    turns: turn,
  });
  const drafted = await draft(await parts.session);
  if (!history.hasRunCode) return partial(drafted);
  const ask = `${limit.message.replace(/ Raise it with .*$/, "")} ${turnHeader(problem.settings.maxIterations, { maxTurns: problem.settings.maxIterations, limits: "" })} Sub-calls are no longer possible.`;
  const messages = [...history.messages()];
  messages.push({ role: "user", content: [{ type: "text", text: ask }] });
  try {
    const closing = { ...scope, budget: problem.grant.whole };
    const reply = await callModel(
      closing,
      model,
      { messages },
      { role: "root", stream: true, signal: parts.signal },
    );
    const parsed = parseReply(reply.text);
    if (parsed.type === "prose-final") return partial({ via: "FINAL", text: parsed.argument });
    if (parsed.type !== "code") return partial(drafted);
    const { result } = await executeFirstValid(parts, turn, parsed.candidates);
    return partial(result.final && result.final.text.trim() !== "" ? result.final : drafted);
  } catch (error) {
    if (error instanceof BudgetError || error instanceof ModelError) return partial(drafted);
    throw error;
  }
}

/** What the root LM put into answer["content"] without calling it ready. */
export async function draft(session: SandboxSession): Promise<FinalAnswer | undefined> {
  const code = 'FINAL(answer["content"]) if isinstance(answer, dict) and answer.get("content") else None';
  try {
    const result = await session.execute(code, { timeoutMs: 5_000, signal: AbortSignal.timeout(10_000) });
    return result.final && result.final.text.trim() !== "" ? { ...result.final, via: "answer" } : undefined;
  } catch {
    // The sandbox is gone: there is no draft to save.
    return undefined;
  }
}

/** What is left, as the root LM reads it. Time is not in it: prompts of a resumed run must be the same. */
export function limitsLine({ scope }: Problem): string {
  const left = scope.budget.remaining();
  const parts = [
    left.costUsd === null ? undefined : `$${left.costUsd.toFixed(2)}`,
    left.calls === null ? undefined : `${left.calls} model calls`,
    left.tokens === null ? undefined : `${grouped(left.tokens)} tokens`,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? "" : `Left: ${parts.join(", ")}.`;
}
