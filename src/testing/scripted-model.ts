/** A model that says what a test wrote down for it, and complains precisely where the test and the code disagree. */
import { setTimeout as sleep } from "node:timers/promises";
import { ModelError } from "../core/errors.ts";
import { textOfMessage, type AssistantPart } from "../core/message.ts";
import type { GenerateOptions, Model, ModelReply, ModelRequest } from "../core/model.ts";
import { estimateTokens } from "../core/tokens.ts";
import type { Usage } from "../core/usage.ts";

/** One reply: a text, a reply in full, an error to throw, or a function of the request that gives one of these. */
export type Step = FixedStep | ((request: ModelRequest, call: number) => FixedStep | Promise<FixedStep>);
export type FixedStep = string | Error | ScriptedReply;

export interface ScriptedReply {
  /** @default "" */
  readonly text?: string;
  readonly reasoning?: string;
  readonly toolCalls?: readonly Extract<AssistantPart, { type: "tool-call" }>[];
  /** @default "stop", or "tool-calls" where there are some */
  readonly stopReason?: ModelReply["stopReason"];
  /** What the provider counted. @default estimated from the texts */
  readonly usage?: Partial<Usage>;
  readonly costUsd?: number;
  /** Wait before replying; ends early when the call's signal fires. @default 0 */
  readonly delayMs?: number;
  /** What the last message must contain for this reply to be in its place. @default anything */
  readonly expects?: string | RegExp;
}

export interface ScriptedModel extends Model {
  /** Every request so far, in order. */
  readonly requests: readonly ModelRequest[];
  readonly calls: number;
  readonly maxInFlight: number;
  /** Throws where steps are left over, naming the first of them. */
  assertConsumed(): void;
}

export type ScriptedFacts = Partial<Omit<Model, "generate">>;

/**
 * A list is replayed once, step by step, in the order in which calls begin; a single function answers every call.
 * A call beyond the list fails as a `bad_request`, which nobody retries.
 */
export function scriptedModel(steps: readonly Step[] | Step, facts: ScriptedFacts = {}): ScriptedModel {
  const requests: ModelRequest[] = [];
  const name = facts.id ?? "scripted";
  let inFlight = 0;
  let maxInFlight = 0;

  const generate = async (request: ModelRequest, options: GenerateOptions): Promise<ModelReply> => {
    options.signal.throwIfAborted();
    requests.push(request);
    const call = requests.length;
    maxInFlight = Math.max(maxInFlight, ++inFlight);
    try {
      const step = isList(steps) ? nextStep(steps, call, request, name) : steps;
      const fixed = typeof step === "function" ? await step(request, call) : step;
      return await play(fixed, request, options, `Scripted model "${name}", call ${call}`);
    } finally {
      inFlight--;
    }
  };
  return {
    ...{
      id: name,
      provider: "scripted",
      endpoint: "scripted",
      contextWindow: 128_000,
      maxOutputTokens: 8192,
    },
    ...{ price: undefined, reasoning: false, structuredOutputs: false },
    ...facts,
    generate,
    requests,
    get calls() {
      return requests.length;
    },
    get maxInFlight() {
      return maxInFlight;
    },
    assertConsumed() {
      if (!isList(steps) || requests.length >= steps.length) return;
      const next = steps[requests.length];
      const text = typeof next === "string" ? `: ${shorten(next)}` : "";
      throw new Error(
        `Scripted model "${name}" was called ${requests.length} times, but its script has ${steps.length} steps. The next was step ${requests.length + 1}${text}.`,
      );
    },
  };
}

/** A reply that holds one cell, as root LMs write it: fenced as `repl`, indented as far as its first line. */
export function code(strings: TemplateStringsArray, ...values: readonly unknown[]): string {
  const lines = String.raw(strings, ...values)
    .replace(/^[ \t]*\n/, "")
    .trimEnd()
    .split("\n");
  const indent = /^[ \t]*/.exec(lines[0] ?? "")?.[0] ?? "";
  const body = lines.map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line)).join("\n");
  return `\`\`\`repl\n${body}\n\`\`\``;
}

/** A reply of this text for which the provider reports this cost. */
export function costing(costUsd: number, text: string): ScriptedReply {
  return { text, costUsd };
}

async function play(
  step: FixedStep,
  request: ModelRequest,
  { signal, onDelta }: GenerateOptions,
  where: string,
): Promise<ModelReply> {
  if (step instanceof Error) throw step;
  const reply = typeof step === "string" ? { text: step } : step;
  checkPlace(reply, request, where);
  if (reply.delayMs !== undefined && reply.delayMs > 0) await sleepUnlessAborted(reply.delayMs, signal);
  signal.throwIfAborted();
  const content = contentOf(reply);
  for (const part of content) {
    if (part.type === "text" || part.type === "reasoning") onDelta?.({ type: part.type, text: part.text });
  }
  const callsTools = reply.toolCalls !== undefined && reply.toolCalls.length > 0;
  return {
    content,
    text: reply.text ?? "",
    stopReason: reply.stopReason ?? (callsTools ? "tool-calls" : "stop"),
    usage: { ...estimatedUsage(request, content), ...reply.usage },
    ...(reply.usage === undefined && { usageEstimated: true }),
    ...(reply.costUsd !== undefined && { costUsd: reply.costUsd }),
  };
}

function nextStep(steps: readonly Step[], call: number, request: ModelRequest, name: string): Step {
  const step = steps[call - 1];
  if (step !== undefined) return step;
  throw misplaced(
    `Scripted model "${name}" got call ${call}, but its script has only ${steps.length} steps. The last message was: ${shorten(lastText(request))}`,
  );
}

function checkPlace(reply: ScriptedReply, request: ModelRequest, where: string): void {
  const { expects } = reply;
  if (expects === undefined) return;
  const text = lastText(request);
  const fits = typeof expects === "string" ? text.includes(expects) : expects.test(text);
  if (!fits)
    throw misplaced(
      `${where} expected the last message to contain ${String(expects)}, got: ${shorten(text)}`,
    );
}

function misplaced(message: string): ModelError {
  return new ModelError("bad_request", message);
}

function contentOf(reply: ScriptedReply): readonly AssistantPart[] {
  return [
    ...(reply.reasoning === undefined ? [] : [{ type: "reasoning" as const, text: reply.reasoning }]),
    ...(reply.text === undefined || reply.text === "" ? [] : [{ type: "text" as const, text: reply.text }]),
    ...(reply.toolCalls ?? []),
  ];
}

function estimatedUsage(request: ModelRequest, content: readonly AssistantPart[]): Usage {
  const inputTokens = request.messages.reduce(
    (sum, message) => sum + estimateTokens(textOfMessage(message)),
    0,
  );
  const outputTokens = estimateTokens(textOfMessage({ role: "assistant", content }));
  return { inputTokens, cachedInputTokens: 0, outputTokens, reasoningTokens: 0 };
}

function lastText(request: ModelRequest): string {
  const last = request.messages.at(-1);
  return last === undefined ? "" : textOfMessage(last);
}

function shorten(text: string): string {
  return JSON.stringify(text.length <= 200 ? text : `${text.slice(0, 200)}…`);
}

async function sleepUnlessAborted(delayMs: number, signal: AbortSignal): Promise<void> {
  // `sleep` rejects with an AbortError; the contract asks for the signal's own reason.
  await sleep(delayMs, undefined, { signal }).catch(() => signal.throwIfAborted());
}

function isList(steps: readonly Step[] | Step): steps is readonly Step[] {
  return Array.isArray(steps);
}
