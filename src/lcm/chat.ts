/** `send` as a run: the user's words are kept, the model answers, and whatever happens, what was said stays. */
import { traced } from "../core/call-model.ts";
import type { Limits } from "../core/budget.ts";
import type { AppendedMessage } from "../core/conversation-store.ts";
import { BudgetError } from "../core/errors.ts";
import { newRunId, type ConversationId, type MessageId, type RunId } from "../core/ids.ts";
import type { JsonObject } from "../core/json.ts";
import type { ToolCallPart, ToolResultPart, UserPart } from "../core/message.ts";
import type { Model, ModelReply, ToolDefinition } from "../core/model.ts";
import { Run } from "../core/run.ts";
import type { RunScope } from "../core/scope.ts";
import type { RunUsage } from "../core/usage.ts";
import type { TraceEvent } from "../core/trace.ts";
import type { Client } from "./client.ts";
import type { CloneAnswer } from "./clone.ts";
import type { Settled } from "./compact.ts";
import type { MessageInput } from "./input.ts";
import { callRecallTool } from "./recall-tools.ts";
import type { Recall } from "./recall.ts";
import { noModel, type SituationRequest } from "./situation.ts";
import type { ConversationSettings, ConversationTool, NewScope } from "./surroundings.ts";
import { takeTurn, type TurnEnd } from "./turn.ts";
import { writeExplorations } from "./write-exploration.ts";

/** The user's words, parts of a message, or results of tools that the caller carried out. Empty: answer what is there. */
export type SendInput = string | readonly (UserPart | ToolResultPart)[];

export interface SendOptions {
  readonly signal?: AbortSignal;
  /** Tools of this turn. @default those of the conversation */
  readonly tools?: readonly ConversationTool[];
  /** Stable name of the message: sent again under it, it isn't added again. */
  readonly key?: string;
  /** Facts that enter with this message and stay in it, for instance the time. */
  readonly notes?: readonly string[];
  readonly limits?: Limits;
  /** For who answers the request of another program: what that program says, in place of the conversation's own. */
  readonly client?: Client;
}

export interface ChatResult {
  /** "tool-calls": the model waits for results of tools that only the caller can carry out. */
  readonly status: "answered" | "tool-calls" | "partial" | "cancelled";
  /** What the model said last; empty where it was stopped before. */
  readonly text: string;
  readonly toolCalls: readonly ToolCallPart[];
  /** Of all messages that were added, in order. */
  readonly messageIds: readonly MessageId[];
  /** Tokens of the last request by our estimate, and why it was as it was. */
  readonly context: { readonly tokens: number; readonly reason: string } | undefined;
  readonly usage: RunUsage;
  /** US dollars; null where a model's price is not known. */
  readonly costUsd: number | null;
  readonly runId: RunId;
  /** The limit that was reached, where the status is "partial". */
  readonly limit?: Pick<BudgetError, "code" | "message" | "limit" | "spent">;
}

export interface ChatParts {
  readonly conversationId: ConversationId;
  readonly branch: string;
  readonly settings: ConversationSettings;
  readonly newScope: NewScope;
  readonly closing: AbortSignal;
  readonly tools: readonly ConversationTool[];
  model(): Promise<Model | undefined>;
  summaryModel(): Promise<Model | undefined>;
  inTurn<Value>(work: () => Promise<Value>): Promise<Value>;
  append(messages: readonly MessageInput[]): Promise<readonly AppendedMessage[]>;
  settle(request: SituationRequest): Promise<Settled>;
  called(model: Model, tools: readonly ToolDefinition[], settled: Settled, reply: ModelReply): void;
  recall(): Promise<Recall>;
  clone(question: string, places: readonly string[], scope: RunScope, model: Model): Promise<CloneAnswer>;
  largeTokens(): Promise<number>;
  ended(): void;
}

export function answer(input: SendInput, options: SendOptions, parts: ChatParts): Run<ChatResult> {
  const runId = newRunId();
  return new Run(runId, (publish) => parts.inTurn(() => run(runId, input, options, parts, publish)));
}

async function run(
  runId: RunId,
  input: SendInput,
  options: SendOptions,
  parts: ChatParts,
  publish: (event: TraceEvent) => void,
): Promise<ChatResult> {
  const signal = AbortSignal.any([parts.closing, ...(options.signal ? [options.signal] : [])]);
  const model = options.client?.model ?? (await parts.model());
  if (!model) throw noModel();
  const scope = await parts.newScope({
    runId,
    purpose: "answer",
    signal,
    limits: options.limits ?? {},
    publish,
  });
  const startedAt = Date.now();
  const { conversationId, branch } = parts;
  scope.emit({
    ...{
      type: "run-start",
      query: textOf(input),
      corpus: { kind: "conversation", conversation: conversationId, branch },
    },
    settings: { model: model.id },
  });
  const state: TurnState = { messageIds: [], settled: undefined };
  const end = (status: string, text: string, error?: unknown): void => {
    const { usage, costUsd } = scope.budget;
    const durationMs = Date.now() - startedAt;
    const failure = error === undefined ? {} : { error: traced(error) };
    scope.emit({
      type: "run-end",
      status,
      answer: text,
      citations: [],
      usage,
      costUsd,
      durationMs,
      ...failure,
    });
  };
  try {
    const turn = await converse(input, options, parts, { scope, model, state });
    end(turn.status, turn.text);
    return { ...turn, ...resultOf(scope, runId, state) };
  } catch (error) {
    const stopped = stopOf(error, scope);
    end(stopped?.status ?? "failed", "", stopped?.status === "cancelled" ? undefined : error);
    if (!stopped) throw error;
    return { ...stopped, text: "", toolCalls: [], ...resultOf(scope, runId, state) };
  } finally {
    parts.ended();
  }
}

interface TurnState {
  messageIds: MessageId[];
  settled: Settled | undefined;
}

async function converse(
  input: SendInput,
  options: SendOptions,
  parts: ChatParts,
  { scope, model, state }: { readonly scope: RunScope; readonly model: Model; readonly state: TurnState },
): Promise<Pick<TurnEnd, "status" | "text" | "toolCalls">> {
  scope.signal.throwIfAborted();
  const tools = options.tools ?? parts.tools;
  const keep = async (messages: readonly MessageInput[]): Promise<void> => {
    if (messages.length === 0) return;
    state.messageIds.push(...(await parts.append(messages)).map(({ id }) => id));
  };
  const explored = async (
    content: readonly (UserPart | ToolResultPart)[],
  ): Promise<JsonObject | undefined> => {
    const writer = await parts.summaryModel();
    return writer && writeExplorations(content, await parts.largeTokens(), { scope, model: writer });
  };
  await keep(await messagesOf(input, options, explored));
  const recall = await parts.recall();
  const turn = await takeTurn({
    ...{ scope, model, tools, maxSteps: parts.settings.maxSteps },
    passesUnknown: options.client !== undefined,
    cacheKey: `${parts.conversationId} ${parts.branch}`.slice(0, 60),
    settle: async (share) => {
      const { emit, signal } = scope;
      return (state.settled = await parts.settle({ model, tools, scope, emit, signal, share }));
    },
    called: (settled, reply) => parts.called(model, tools, settled, reply),
    keep: async (message, verbatim) => {
      const metadata = message.role === "tool" ? await explored(message.content) : undefined;
      await keep([
        { ...message, ...(metadata && { metadata }), ...(verbatim !== undefined && { verbatim }) },
      ]);
    },
    messages: (place) => recall.messages(place),
    recall: (name, given) =>
      callRecallTool(name, given, recall, {
        signal: scope.signal,
        askClone: async (question, places) => {
          // What a client sets for its own replies is not for clones.
          const reader = options.client === undefined ? model : ((await parts.model()) ?? model);
          const { answer: text, messages } = await parts.clone(question, places, scope, reader);
          return messages.length === 0 ? text : `${text}\n\n(from messages ${messages.join(", ")})`;
        },
      }),
  });
  const { status, text, toolCalls } = turn;
  return { status, text, toolCalls };
}

async function messagesOf(
  input: SendInput,
  { key, notes = [] }: SendOptions,
  explored: (content: readonly (UserPart | ToolResultPart)[]) => Promise<JsonObject | undefined>,
): Promise<readonly MessageInput[]> {
  const parts = typeof input === "string" ? [{ type: "text", text: input } as const] : input;
  const results = parts.filter((part) => part.type === "tool-result");
  const said: UserPart[] = parts.filter((part) => part.type !== "tool-result");
  const messages: MessageInput[] = [];
  if (results.length > 0) {
    const metadata = await explored(results);
    messages.push({
      role: "tool",
      content: results,
      ...(metadata && { metadata }),
      ...(key !== undefined && { key: `${key} results` }),
    });
  }
  if (said.length > 0) {
    // Under a key the same message must come out the same, so nothing that a model writes may be part of it.
    const metadata = key === undefined ? await explored(said) : undefined;
    const content = [...said, ...notes.map((text) => ({ type: "text", text }) as const)];
    messages.push({
      role: "user",
      content,
      ...(metadata && { metadata }),
      ...(key !== undefined && { key }),
    });
  }
  return messages;
}

function resultOf(
  scope: RunScope,
  runId: RunId,
  { messageIds, settled }: TurnState,
): Pick<ChatResult, "messageIds" | "context" | "usage" | "costUsd" | "runId"> {
  const context = settled && { tokens: settled.tokens, reason: settled.reason };
  return { messageIds, context, usage: scope.budget.usage, costUsd: scope.budget.costUsd, runId };
}

/** A limit and a cancellation are results; anything else is an error. */
function stopOf(error: unknown, scope: RunScope): Pick<ChatResult, "status" | "limit"> | undefined {
  const reason: unknown = scope.signal.aborted ? scope.signal.reason : error;
  if (reason instanceof BudgetError) {
    const { code, message, limit, spent } = reason;
    return { status: "partial", limit: { code, message, limit, spent } };
  }
  return scope.signal.aborted ? { status: "cancelled" } : undefined;
}

function textOf(input: SendInput): string {
  if (typeof input === "string") return input;
  return input.map((part) => (part.type === "text" ? part.text : `[${part.type}]`)).join("\n");
}
