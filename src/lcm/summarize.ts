/**
 * Makes one label: normal, then aggressive, then without a model. Whatever the model does, a label comes back that keeps
 * its cap; only an end of the run or of the budget's patience stops it.
 */
import { callModel, traced } from "../core/call-model.ts";
import type { SummaryContent } from "../core/conversation.ts";
import { ModelError } from "../core/errors.ts";
import { system, user } from "../core/message.ts";
import type { Model } from "../core/model.ts";
import type { RunScope } from "../core/scope.ts";
import { estimateTokens } from "../core/tokens.ts";
import { labelWithoutModel } from "./deterministic.ts";
import { tellingFacts } from "./facts.ts";
import type { SummariserPatience } from "./patience.ts";
import { summariserInstructions, summaryTask, type SummaryStyle } from "./prompts.ts";
import { checkLabel } from "./quality.ts";
import { writeSource, type LabelSource } from "./source.ts";

/** Who writes labels, and on whose account. */
export interface Summariser {
  readonly model: Model;
  readonly scope: RunScope;
  readonly signal: AbortSignal;
  /** Is told how it went, so that a model that fails isn't asked at every turn. */
  readonly patience: SummariserPatience;
}

export interface Label {
  readonly text: string;
  readonly tokens: number;
  readonly origin: SummaryContent["origin"];
  readonly needsRepair: boolean;
  /** Why the model's attempts were not taken, in order. */
  readonly faults: readonly string[];
  /** The model could not be reached or refused us: others need not try it at once. */
  readonly isDown: boolean;
}

/** Resolves always, but for the signal: a failed summary is never the label, the deterministic one takes its place. */
export async function summarize(
  source: LabelSource,
  cap: number,
  summariser: Summariser | undefined,
): Promise<Label> {
  const faults: string[] = [];
  if (!summariser) return deterministic(source, cap, faults, false);
  for (const style of ["normal", "aggressive"] as const) {
    try {
      const attempt = await write(source, cap, style, summariser);
      if (attempt.type === "good") {
        summariser.patience.record("worked");
        return fromModel(attempt.text, summariser.model.id, faults);
      }
      faults.push(`${style}: ${attempt.fault}`);
    } catch (error) {
      // Out of patience is a failure too: a server that hangs isn't asked again at once.
      summariser.patience.record("failed");
      if (summariser.signal.aborted) return deterministic(source, cap, [...faults, "it was stopped"], false);
      const { kind, code, message } = traced(error);
      faults.push(`${style}: ${code} ${message}`);
      // A second attempt helps against a bad answer, not against a server that gives none.
      if (kind !== "model" || !(error instanceof ModelError) || !mayHelp.has(error.code))
        return deterministic(source, cap, faults, true);
    }
  }
  summariser.patience.record("failed");
  return deterministic(source, cap, faults, false);
}

const mayHelp: ReadonlySet<ModelError["code"]> = new Set(["refused", "bad_response", "context_overflow"]);

async function write(
  source: LabelSource,
  cap: number,
  style: SummaryStyle,
  { model, scope, signal }: Summariser,
): Promise<ReturnType<typeof checkLabel>> {
  const window = (model.contextWindow ?? assumedSourceWindow) * (style === "normal" ? 0.6 : 0.45);
  const text = writeSource(source, Math.floor(window / scope.tree.calibration.factor(model.id)));
  const kind = source.parts.some(({ role }) => role === "label") ? "labels" : "messages";
  const request = {
    messages: [system(summariserInstructions), user(summaryTask(style, kind, text, cap))],
    // Thinking counts as output: a cap as tight as the label's would leave a reasoning model without an answer.
    ...(!model.reasoning && { maxOutputTokens: Math.max(256, cap * 2) }),
    ...(model.reasoning && { reasoningEffort: "low" as const }),
  };
  const reply = await callModel(scope, model, request, { role: "summary", signal });
  if (reply.stopReason === "refused") return { type: "bad", fault: "the provider refused it" };
  if (reply.stopReason === "length") return { type: "bad", fault: "it was cut off" };
  const verdict = checkLabel(reply.text, { source: text, sourceTokens: source.tokens, cap, style });
  if (verdict.type === "bad") return verdict;
  return { type: "good", text: withExactFacts(verdict.text, source, cap) };
}

const assumedSourceWindow = 32_768;

/** Adds exact names and numbers of the source that the label lacks, where its cap leaves room: labels are found by them. */
function withExactFacts(text: string, source: LabelSource, cap: number): string {
  const tokens = estimateTokens(text);
  const room = Math.min(Math.floor(cap * 0.25), cap - tokens, source.tokens - 1 - tokens);
  if (room < 16) return text;
  const spoken = source.parts.map((part) => part.text).join("\n");
  const lower = text.toLowerCase();
  const missing: string[] = [];
  let line = "";
  for (const fact of tellingFacts(spoken.slice(0, longestFactSource))) {
    if (fact.kind === "name" || fact.kind === "quote" || lower.includes(fact.text.toLowerCase())) continue;
    const longer = `Exact: ${[...missing, fact.text].join(", ")}`;
    if (estimateTokens(longer) > room - 4) break;
    missing.push(fact.text);
    line = longer;
  }
  const whole = `${text}\n${line}`;
  return line === "" || estimateTokens(whole) > cap ? text : whole;
}

const longestFactSource = 200_000;

function fromModel(text: string, modelId: string, faults: readonly string[]): Label {
  const tokens = estimateTokens(text);
  return { text, tokens, origin: { type: "model", modelId }, needsRepair: false, faults, isDown: false };
}

function deterministic(source: LabelSource, cap: number, faults: readonly string[], isDown: boolean): Label {
  const text = labelWithoutModel(source, cap);
  const tokens = estimateTokens(text);
  return { text, tokens, origin: { type: "deterministic" }, needsRepair: true, faults, isDown };
}
