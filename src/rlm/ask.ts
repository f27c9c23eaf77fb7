/** Answers one question over one corpus: describe, scout, open the sandbox, loop, cite. The root run and each child come here. */
import { traced } from "../core/call-model.ts";
import { BudgetError } from "../core/errors.ts";
import type { FinalAnswer, GuestContext, SandboxSession } from "../core/sandbox.ts";
import { createBindings } from "./bindings.ts";
import { solveChildOf } from "./children.ts";
import { citationsIn } from "./citations.ts";
import { promptFacts } from "./facts.ts";
import { asSet, isShared } from "./grant.ts";
import { RootHistory } from "./history.ts";
import { draft, limitsLine, runLoop, type LoopOutcome } from "./loop.ts";
import type { AskOutcome } from "./outcome.ts";
import type { Problem } from "./problem.ts";
import { firstMessage, systemPrompt } from "./prompts.ts";
import { scout } from "./scout.ts";

/** Throws ModelError where the root LM fails for good, and SandboxError. Sub-calls that fail are the root LM's business. */
export async function ask(problem: Problem): Promise<AskOutcome> {
  const { scope, grant } = problem;
  const startedAt = Date.now();
  const end = (status: string, outcome: Partial<AskOutcome>, error?: unknown): void =>
    scope.emit({
      type: "run-end",
      status,
      answer: outcome.answer ?? "",
      citations: (outcome.citations ?? []).map((citation) => ({ ...citation })),
      usage: grant.whole.usage,
      costUsd: grant.whole.costUsd,
      durationMs: Date.now() - startedAt,
      ...(error !== undefined && { error: traced(error) }),
    });
  try {
    const outcome = await solve(problem);
    end(outcome.status, outcome, outcome.status === "partial" ? outcome.limit : undefined);
    return outcome;
  } catch (error) {
    end("failed", {}, error);
    throw error;
  }
}

async function solve(problem: Problem): Promise<AskOutcome> {
  const { query, corpus, scope, cast, settings } = problem;
  const model = cast.rootModel(scope.depth);
  // Described before anything is looked up: a search counts characters that are estimates until then, and the prompt of a
  // resumed run must be the same, byte for byte.
  const description = corpus.describe();
  scope.emit({
    type: "run-start",
    query,
    corpus: { kind: description.kind, documents: description.documents, bytes: description.bytes },
    settings: { ...settings },
  });
  const facts = promptFacts(problem, model, description);
  const notes = new Set<string>();
  let history: RootHistory | undefined;
  let turn = 1;
  let refusal: BudgetError | undefined;
  const state = {
    notes,
    refusedBy: (limit: BudgetError) => void (refusal ??= isShared(limit) ? limit : undefined),
    turnText: (n: number) => history?.textOf(n),
    turnsLeft: () => settings.maxIterations - turn,
  };
  const closing = new AbortController();
  // The root LM thinks while the sandbox opens. What must not go on without a sandbox ends with its failure.
  const needs = new AbortController();
  const signal = AbortSignal.any([scope.signal, needs.signal]);
  const opened = cast.sandbox.open({
    context: guestContext(problem, description.single),
    call: createBindings(problem, state, solveChildOf(problem, ask)),
    limits: { memoryMb: settings.memoryMb },
    tools: cast.tools,
    signal: closing.signal,
  });
  let session: SandboxSession | undefined;
  opened.then(
    (open) => (session = open),
    (error: unknown) => needs.abort(error),
  );
  try {
    const labels = settings.phase0 ? await scout(corpus, query, signal) : [];
    history = new RootHistory(systemPrompt(facts), firstMessage(facts, query, labels, limitsLine(problem)));
    await problem.entered;
    const loop = await runLoop({
      ...{ problem, model, session: opened, signal, history, outputCharacters: facts.outputCharacters },
      takeNotes: () => takeAll(notes),
      onTurn: (now) => void (turn = now),
    });
    return await concluded(problem, loop, refusal);
  } catch (error) {
    if (!scope.signal.aborted) throw error;
    return await stopped(problem, session);
  } finally {
    closing.abort();
    // Its process ends behind the answer; whoever closes the sandbox waits for it.
    void opened.then((open) => open.close()).catch(ignoreUnopened);
  }
}

function ignoreUnopened(): void {
  // It never opened or its process is gone; `solve` has thrown why.
}

/** @param refusal the limit by which sub-calls or children were refused; who asked must hear what the answer may lack */
async function concluded(
  problem: Problem,
  loop: LoopOutcome,
  refusal: BudgetError | undefined,
): Promise<AskOutcome> {
  const given = await answerOf(problem, loop.final);
  const limit = loop.status === "partial" ? loop.limit : refusal;
  return limit
    ? { status: "partial", ...given, limit: asSet(limit, problem.grant) }
    : { status: "answered", ...given };
}

/** The run was cancelled or its time is up: what the root LM had drafted is saved. */
async function stopped(problem: Problem, session: SandboxSession | undefined): Promise<AskOutcome> {
  const given = await answerOf(problem, session && (await draft(session)));
  const reason: unknown = problem.scope.signal.reason;
  return reason instanceof BudgetError
    ? { status: "partial", ...given, limit: reason }
    : { status: "cancelled", ...given };
}

async function answerOf(
  { corpus }: Problem,
  final: FinalAnswer | undefined,
): Promise<Pick<AskOutcome, "answer" | "value" | "citations">> {
  if (!final) return { answer: "", citations: [] };
  const citations = await citationsIn(final.text, corpus);
  return { answer: final.text, ...(final.json !== undefined && { value: final.json }), citations };
}

function guestContext({ corpus, settings, cast }: Problem, isSingle: boolean): GuestContext {
  const isEager =
    corpus.bytes <= Math.min(settings.eagerBytes, cast.sandbox.eagerBytes ?? settings.eagerBytes);
  const load = async (index: number): Promise<Uint8Array> => {
    const document = corpus.documents[index];
    if (!document) throw new Error(`There is no document at ${index}.`);
    return corpus.load(document.id, document.start);
  };
  return {
    shape: isSingle ? "text" : "documents",
    documents: corpus.documents,
    load: isEager ? load : undefined,
  };
}

function takeAll(notes: Set<string>): readonly string[] {
  const taken = [...notes];
  notes.clear();
  return taken;
}
