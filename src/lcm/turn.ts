/** One turn: the model is asked, its calls of tools are carried out, until it answers or only the caller can go on. */
import { callModel } from "../core/call-model.ts";
import { BudgetError, messageOf, ModelError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { AssistantPart, Message, ToolCallPart, ToolResultPart } from "../core/message.ts";
import type { Model, ModelReply } from "../core/model.ts";
import type { RunScope } from "../core/scope.ts";
import type { Settled } from "./compact.ts";
import { isRecallTool } from "./recall-tools.ts";
import type { ConversationTool, ToolSurroundings } from "./surroundings.ts";

export interface TurnParts {
  readonly scope: RunScope;
  readonly model: Model;
  readonly tools: readonly ConversationTool[];
  readonly cacheKey: string;
  readonly maxSteps: number;
  /** Tools that nobody here knows are the caller's too: it answers for what its model makes up. */
  readonly passesUnknown: boolean;
  /** The next request, within `share` of what would fit by estimate. */
  settle(share: number): Promise<Settled>;
  /** Told of each call, for what is known of the provider's cache and counts. */
  called(settled: Settled, reply: ModelReply): void;
  /** Resolves once the message is kept. */
  keep(message: Message, verbatim?: string): Promise<void>;
  recall(name: string, input: Json): Promise<{ readonly output: string; readonly isError: boolean }>;
  /** For tools that read in the conversation themselves. */
  messages: ToolSurroundings["messages"];
}

export interface TurnEnd {
  readonly status: "answered" | "tool-calls";
  readonly text: string;
  /** Calls of tools that only the caller can carry out. */
  readonly toolCalls: readonly ToolCallPart[];
  readonly stopReason: ModelReply["stopReason"];
  readonly settled: Settled;
}

/** Throws ModelError, BudgetError, or the signal's reason. What was said and done until then is kept. */
export async function takeTurn(parts: TurnParts): Promise<TurnEnd> {
  const { scope, maxSteps } = parts;
  for (let step = 1; step <= maxSteps; step++) {
    scope.emit({ type: "turn-start", turn: step });
    const { reply, settled } = await ask(parts);
    await parts.keep({ role: "assistant", content: reply.content }, reply.verbatim);
    const calls = reply.content.filter((part) => part.type === "tool-call");
    if (calls.length === 0)
      return { status: "answered", text: reply.text, toolCalls: [], stopReason: reply.stopReason, settled };
    const mine = calls.filter(({ toolName }) => isMine(toolName, parts));
    if (mine.length > 0) {
      const content = await Promise.all(mine.map((call) => carryOut(call, parts)));
      await parts.keep({ role: "tool", content });
    }
    const theirs = calls.filter((call) => !mine.includes(call));
    if (theirs.length > 0)
      return { status: "tool-calls", text: reply.text, toolCalls: theirs, stopReason: "tool-calls", settled };
  }
  throw new BudgetError(
    "iterations",
    `All ${maxSteps} steps of this turn are used and the model still calls tools. Send another message to go on, or raise maxSteps.`,
    { limit: maxSteps, spent: maxSteps },
  );
}

/** Asks with the largest context that fits. Where the provider counts more than we, with less. */
async function ask(parts: TurnParts): Promise<{ reply: ModelReply; settled: Settled }> {
  const { scope, model } = parts;
  let share = 1;
  let empty = 0;
  for (;;) {
    const settled = await parts.settle(share);
    const cache = { key: parts.cacheKey, breakpoints: settled.breakpoints };
    try {
      const reply = await callModel(scope, model, settled.request, { role: "root", stream: true, cache });
      parts.called(settled, reply);
      if (hasContent(reply.content)) return { reply, settled };
      // Kept, an empty message would be refused with every later request.
      if (++empty > 1) throw emptyReply(model, reply);
    } catch (error) {
      if (!(error instanceof ModelError) || error.code !== "context_overflow" || share < leastShare)
        throw error;
      share *= 0.75;
      scope.emit({
        type: "notice",
        text: "The model counts more tokens than estimated: a smaller context is sent.",
      });
    }
  }
}

const leastShare = 0.3;

function hasContent(content: readonly AssistantPart[]): boolean {
  return content.some(
    (part) =>
      part.type === "tool-call" || part.type === "file" || (part.type === "text" && part.text.trim() !== ""),
  );
}

function emptyReply(model: Model, { stopReason, usage }: ModelReply): ModelError {
  const message =
    stopReason === "length"
      ? `${model.id} used all ${usage.outputTokens} tokens of its reply for thinking and gave no answer.`
      : `${model.id} gave an empty reply twice (${stopReason}).`;
  return new ModelError("bad_response", `${message} Send the message again, or use another model.`, {
    retryable: false,
  });
}

/** All but the tools that the caller carries out: also those that the model made up, so that it is told. */
function isMine(name: string, { tools, passesUnknown }: TurnParts): boolean {
  const tool = tools.find((known) => known.name === name);
  if (tool === undefined && passesUnknown) return isRecallTool(name);
  return tool === undefined || tool.run !== undefined;
}

async function carryOut(call: ToolCallPart, parts: TurnParts): Promise<ToolResultPart> {
  const { toolCallId, toolName, input } = call;
  const { scope } = parts;
  const startedAt = Date.now();
  scope.emit({ type: "tool-start", toolCallId, name: toolName, input });
  const { output, isError } = await result(call, parts);
  scope.emit({
    type: "tool-end",
    toolCallId,
    name: toolName,
    output,
    isError,
    durationMs: Date.now() - startedAt,
  });
  return { type: "tool-result", toolCallId, toolName, output, ...(isError && { isError }) };
}

async function result(
  { toolCallId, toolName, input }: ToolCallPart,
  { scope, tools, recall, messages }: TurnParts,
): Promise<{ output: Json; isError: boolean }> {
  const { signal } = scope;
  const tool = tools.find(({ name }) => name === toolName);
  try {
    if (!tool?.run) return await recall(toolName, input);
    const output = (await tool.run(input, { signal, toolCallId, scope, messages })) ?? null;
    return { output, isError: false };
  } catch (error) {
    signal.throwIfAborted();
    // A tool that fails is the model's business: it reads why and decides.
    return { output: messageOf(error), isError: true };
  }
}
