/** Conversations as the engine opens them: its models, its limits, its store, and `ask` for questions over long histories. */
import { Budget } from "../core/budget.ts";
import type { DocumentInput } from "../core/context.ts";
import { ConfigError } from "../core/errors.ts";
import { CallLimiter } from "../core/limiter.ts";
import { emitter } from "../core/scope.ts";
import { TokenCalibration } from "../core/tokens.ts";
import {
  openConversation,
  type AskHistory,
  type ConversationSettings,
  type ConversationTool,
  type NewScope,
  type OpenConversation,
} from "../lcm/index.ts";
import { ask, divide } from "../rlm/index.ts";
import { castOf } from "./cast.ts";
import { Clock } from "./clock.ts";
import { mapTool } from "./conversation-map.ts";
import { checkLimits, type CheckedLimits, type RunLimits } from "./limits.ts";
import type { EngineParts } from "./parts.ts";

export interface ConversationRequest {
  /** The system message of every request; the same from turn to turn, or the provider's cache is lost. @default none */
  readonly instructions?: string;
  /** @default "main" */
  readonly branch?: string;
  /** Tools of every request. One without `run` ends the turn, and the caller sends its result. */
  readonly tools?: readonly ConversationTool[];
  /**
   * Offer the model the tool `map`: the same asked of every record of a file or result, or of every message. Rows are kept
   * as a job, apart from the conversation, where erasing the conversation doesn't reach them. @default false
   */
  readonly map?: boolean;
  /** Limits of each `send`, before the engine's own. */
  readonly limits?: RunLimits;
  readonly settings?: Partial<ConversationSettings>;
  /** Everything is drawn on it: answers, labels, questions about the past. @default each run has its limits to itself */
  readonly budget?: Budget;
}

/** Opens nothing yet: the store and the model are asked when they are first needed. */
export function conversationOf(
  parts: EngineParts,
  id: string,
  request: ConversationRequest,
  engineLimits: RunLimits,
  closing: AbortSignal,
): OpenConversation {
  const limits = checkLimits({ ...engineLimits, ...request.limits });
  const calibration = new TokenCalibration();
  const { instructions, branch, settings, budget } = request;
  const tools = toolsOf(parts, id, request);
  return openConversation(id, {
    store: () => parts.conversations(),
    model: async () => (await parts.models()).model,
    newScope: scopes(limits, calibration, closing, budget),
    calibration,
    ask: askHistory(parts, limits),
    ...(instructions !== undefined && { instructions }),
    ...(branch !== undefined && { branch }),
    tools,
    ...(settings && { settings }),
  });
}

function toolsOf(
  parts: EngineParts,
  id: string,
  { tools = [], map = false }: ConversationRequest,
): readonly ConversationTool[] {
  if (!map) return tools;
  const own = mapTool(parts, id);
  if (tools.every(({ name }) => name !== own.name)) return [...tools, own];
  throw new ConfigError(
    "invalid_option",
    `There is a tool "${own.name}" already. Give it another name, or leave "map" out.`,
  );
}

/** Each run of a conversation has the limits to itself; how many calls are in flight is shared by all of them. */
function scopes(
  limits: CheckedLimits,
  calibration: TokenCalibration,
  closing: AbortSignal,
  shared: Budget | undefined,
): NewScope {
  const limiter = new CallLimiter(limits.concurrency);
  return ({ runId, signal, limits: own, publish }) => {
    let seq = 0;
    const nextSeq = (): number => ++seq;
    const run = { runId, parentRunId: undefined, depth: 0 };
    const given = { ...limits.budget, ...own };
    const clock = new Clock(AbortSignal.any([signal, closing]), given.timeMs);
    return {
      ...run,
      budget: shared ? shared.child(given) : new Budget(given),
      signal: clock.signal,
      emit: emitter(run, nextSeq, publish),
      occurrences: new Map(),
      tree: {
        ...{ rootRunId: runId, publish, nextSeq, limiter, calibration },
        // An answer of a conversation is kept in the conversation; nobody asks for it twice.
        ...{ answers: undefined, useCache: false, resumed: false, accounted: new Set<string>() },
        callTimeoutMs: limits.callTimeoutMs,
      },
    };
  };
}

/** A clone's question over a long stretch is `ask` over a document for each message. */
function askHistory(parts: EngineParts, limits: CheckedLimits): AskHistory {
  return async ({ question, documents, scope }) => {
    const { inputs, positions } = await gather(documents());
    const models = await parts.models();
    const corpus = await parts.openCorpus(inputs, {
      signal: scope.signal,
      cwd: process.cwd(),
      onProgress: () => {},
    });
    try {
      const grant = divide(scope.budget);
      const outcome = await ask({
        ...{ query: question, corpus, grant },
        scope: { ...scope, budget: grant.work },
        // The clone is the main model again, and what it hands on is read by the sub-model.
        cast: { ...castOf(parts, models, [], corpus), rootModel: () => models.model },
        settings: { ...limits.settings, depth: scope.depth + 1, phase0: true },
      });
      if (outcome.status === "cancelled") throw scope.signal.reason;
      if (outcome.status === "partial" && outcome.answer === "") throw outcome.limit;
      return outcome.answer.replace(/\bd(\d+):\d+-\d+\b/g, (whole, number: string) =>
        String(positions[Number(number) - 1] ?? whole),
      );
    } finally {
      await corpus.close();
    }
  };
}

async function gather(
  documents: AsyncIterable<{ readonly position: number; readonly title: string; readonly text: string }>,
): Promise<{ inputs: DocumentInput[]; positions: number[] }> {
  const inputs: DocumentInput[] = [];
  const positions: number[] = [];
  for await (const { position, title, text } of documents) {
    inputs.push({ title, text });
    positions.push(position);
  }
  return { inputs, positions };
}
