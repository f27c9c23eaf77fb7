/** What a conversation is given to live on: its store, its models, and who makes the scopes of its runs. */
import { Budget, type Limits } from "../core/budget.ts";
import type { StoredMessage } from "../core/conversation.ts";
import type { ConversationStore } from "../core/conversation-store.ts";
import { BudgetError } from "../core/errors.ts";
import type { RunId } from "../core/ids.ts";
import { CallLimiter } from "../core/limiter.ts";
import type { Json } from "../core/json.ts";
import type { Model, ToolDefinition } from "../core/model.ts";
import { emitter, type RunScope } from "../core/scope.ts";
import { TokenCalibration } from "../core/tokens.ts";
import type { TraceEvent } from "../core/trace.ts";
import type { AskHistory } from "./clone.ts";

/** A value, or what finds it when it is first needed. */
export type Lazy<Value> = Value | (() => Promise<Value>);

export interface ConversationOptions {
  readonly store: Lazy<ConversationStore>;
  /** @default "main" */
  readonly branch?: string;
  /** Answers. Without one, everything but answering works. */
  readonly model?: Lazy<Model | undefined>;
  /** Writes labels. @default the model itself */
  readonly summaryModel?: Lazy<Model | undefined>;
  /** The system message of every request. @default none */
  readonly instructions?: string;
  /** Tools of every request. */
  readonly tools?: readonly ConversationTool[];
  /** Makes the scope of a run: its budget, its trace. @default one without limits, in memory */
  readonly newScope?: NewScope;
  /** The one that scopes learn with. @default its own */
  readonly calibration?: TokenCalibration;
  /** Answers questions over long stretches of the history with code. @default clones only look around */
  readonly ask?: AskHistory;
  readonly settings?: Partial<ConversationSettings>;
  /** Milliseconds since the epoch. Only the provider's cache is judged by it. @default Date.now */
  readonly clock?: () => number;
}

export interface ConversationSettings {
  /** In tokens, where the model's own is unknown or there is no model. @default 32768 */
  readonly contextWindow: number | undefined;
  /** Share of the window above which labels are prepared. @default 0.6 */
  readonly softShare: number;
  /** Files and results of tools above it are shown as handles. @default 25000 */
  readonly largeTokens: number;
  /** Longest wait for labels where the next request can't do without them, in milliseconds. @default 30000 */
  readonly patienceMs: number;
  /** Labels are made ahead while nobody waits. @default true */
  readonly background: boolean;
  /** Model calls of one `send`. @default 50 */
  readonly maxSteps: number;
}

export const defaultConversationSettings: ConversationSettings = {
  contextWindow: undefined,
  softShare: 0.6,
  largeTokens: 25_000,
  patienceMs: 30_000,
  background: true,
  maxSteps: 50,
};

/** A tool of the caller's. Without `run`, its call ends the turn and the caller sends the result. */
export interface ConversationTool extends ToolDefinition {
  run?(input: Json, surroundings: ToolSurroundings): Promise<Json>;
}

/** What a tool that is carried out may draw on. */
export interface ToolSurroundings {
  readonly signal: AbortSignal;
  readonly toolCallId: string;
  /** The turn that it is part of: model calls made in this scope are on its account. */
  readonly scope: RunScope;
  /**
   * Messages of this branch, oldest first: a number, a range such as "3-40", or what is behind a label. Throws ConfigError
   * "not_found". @default all
   */
  messages(place?: string): AsyncIterable<StoredMessage>;
}

export type NewScope = (request: ScopeRequest) => RunScope | Promise<RunScope>;

export interface ScopeRequest {
  readonly runId: RunId;
  /** What it pays for: an answer, labels that nobody waits for, or a question about the past. */
  readonly purpose: "answer" | "labels" | "recall";
  readonly signal: AbortSignal;
  readonly limits: Limits;
  /** Takes the events for those who look on. */
  readonly publish: (event: TraceEvent) => void;
}

/** Scopes that keep nothing: for tests, and for who has no store of runs. */
export function standaloneScopes(
  calibration: TokenCalibration,
  options: { readonly concurrency?: number; readonly callTimeoutMs?: number } = {},
): NewScope {
  const limiter = new CallLimiter(options.concurrency ?? 16);
  return ({ runId, signal, limits, publish }) => {
    let seq = 0;
    const nextSeq = (): number => ++seq;
    const run = { runId, parentRunId: undefined, depth: 0 };
    const ends = limits.timeMs === undefined ? [] : [timeLimit(limits.timeMs)];
    return {
      ...run,
      budget: new Budget(limits),
      signal: AbortSignal.any([signal, ...ends]),
      emit: emitter(run, nextSeq, publish),
      occurrences: new Map(),
      tree: {
        ...{ rootRunId: runId, publish, nextSeq, limiter, calibration },
        ...{ answers: undefined, useCache: false, resumed: false, accounted: new Set<string>() },
        callTimeoutMs: options.callTimeoutMs ?? 120_000,
      },
    };
  };
}

function timeLimit(timeMs: number): AbortSignal {
  const controller = new AbortController();
  const message = `The limit of ${(timeMs / 1000).toFixed(1)} s is reached. Raise it with --max-time to go on.`;
  setTimeout(() => {
    controller.abort(new BudgetError("time", message, { limit: timeMs, spent: timeMs }));
  }, timeMs).unref();
  return controller.signal;
}

export async function resolve<Value>(lazy: Lazy<Value>): Promise<Value> {
  return typeof lazy === "function" ? await (lazy as () => Promise<Value>)() : lazy;
}
