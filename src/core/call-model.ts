/**
 * The one door for every model call: reserve → cache → limit → call → retry → settle → trace. Whoever needs a model
 * calls this; whoever adapts a provider does none of it.
 */
import type { CallNeeds, Reservation } from "./budget.ts";
import { isUnabridgedError, ModelError, messageOf } from "./errors.ts";
import { grouped } from "./grouped.ts";
import { newCallId, type CallId } from "./ids.ts";
import { canonicalJson, sha256 } from "./json.ts";
import { textOfMessage } from "./message.ts";
import type { CacheHints, Model, ModelReply, ModelRequest } from "./model.ts";
import type { RunScope } from "./scope.ts";
import type { StoredAnswer } from "./store.ts";
import { estimateTokens } from "./tokens.ts";
import type { CallRole, TracedError } from "./trace.ts";
import { costOf } from "./usage.ts";

export interface CallOptions {
  readonly role: CallRole;
  /** Stream the reply: pieces are traced as model-delta events. @default false */
  readonly stream?: boolean;
  /** Ends this call alone. @default the run's signal */
  readonly signal?: AbortSignal;
  readonly cache?: CacheHints;
}

/**
 * Makes one model call on a run's account. Throws ModelError once retries are used up or make no sense, BudgetError
 * before a limit would be crossed, or the signal's reason.
 */
export async function callModel(
  scope: RunScope,
  model: Model,
  request: ModelRequest,
  options: CallOptions,
): Promise<ModelReply> {
  const signal = options.signal ?? scope.signal;
  const estimate = estimateRequest(scope, model, request);
  const call: Call = {
    scope,
    model,
    options,
    signal,
    callId: newCallId(),
    startedAt: Date.now(),
    ...identify(scope, model, request),
  };
  const stored = await findAnswer(call);
  if (stored && (stored.runId !== scope.tree.rootRunId || scope.tree.accounted.has(journalKey(call))))
    return replay(call, request, stored, "cache");
  const reservation = await scope.budget.reserve(needsOf(model, request, estimate, options.role), signal);
  if (stored) return replay(call, request, stored, "journal", reservation);

  const sent: ModelRequest = { ...request, maxOutputTokens: reservation.maxOutputTokens };
  scope.emit({
    type: "model-start",
    callId: call.callId,
    role: options.role,
    model: model.id,
    provider: model.provider,
    request,
  });
  try {
    const reply = await callWithRetries(call, sent);
    // Its place is free. Whoever took it shall send first, before this call is accounted for and asks for the next.
    if (scope.tree.limiter.inFlight > 0) await afterSends();
    const costUsd = reply.costUsd ?? costOf(reply.usage, model.price);
    reservation.settle({ type: "answered", usage: reply.usage, costUsd, source: "provider" });
    if (!reply.usageEstimated) scope.tree.calibration.learn(model.id, estimate.raw, reply.usage.inputTokens);
    await saveAnswer(call, reply, costUsd ?? null);
    traceEnd(call, reply, costUsd ?? null, "provider");
    return reply;
  } catch (error) {
    settleFailure(reservation, error);
    const durationMs = Date.now() - call.startedAt;
    scope.emit({
      type: "model-error",
      callId: call.callId,
      role: options.role,
      model: model.id,
      error: traced(error),
      durationMs,
    });
    throw error;
  }
}

let turn: Promise<void> | undefined;

/** Resolves once what is ready now was done, sends included, which wait for the end of a turn of the event loop; for all at once. */
function afterSends(): Promise<void> {
  turn ??= new Promise((resolve) => {
    setImmediate(() =>
      setImmediate(() => {
        turn = undefined;
        resolve();
      }),
    );
  });
  return turn;
}

/** Tokens that a request will take, by the estimate corrected for this model. Images are not counted. */
export function requestTokens(scope: RunScope, model: Model, request: ModelRequest): number {
  return estimateRequest(scope, model, request).tokens;
}

interface Call {
  readonly scope: RunScope;
  readonly model: Model;
  readonly options: CallOptions;
  readonly signal: AbortSignal;
  readonly callId: CallId;
  readonly startedAt: number;
  readonly requestHash: string;
  readonly ordinal: number;
}

/** Names the request by its content, and counts how often this cell has made it: votes must stay different. */
function identify(
  scope: RunScope,
  model: Model,
  request: ModelRequest,
): { requestHash: string; ordinal: number } {
  // Without a store nobody asks for it again, and hashing is what a small call costs most.
  if (!scope.tree.answers) return { requestHash: "", ordinal: 0 };
  const requestHash = sha256(
    canonicalJson({ provider: model.provider, endpoint: model.endpoint, model: model.id, request }),
  );
  const ordinal = scope.occurrences.get(requestHash) ?? 0;
  scope.occurrences.set(requestHash, ordinal + 1);
  return { requestHash, ordinal };
}

function journalKey({ requestHash, ordinal }: Call): string {
  return `${requestHash} ${ordinal}`;
}

async function findAnswer(call: Call): Promise<StoredAnswer | undefined> {
  const { requestHash, ordinal } = call;
  const { answers, useCache, resumed, accounted, rootRunId } = call.scope.tree;
  if (!answers) return undefined;
  const own =
    resumed || accounted.has(journalKey(call))
      ? await answers.find(requestHash, ordinal, rootRunId)
      : undefined;
  return own ?? (useCache ? await answers.find(requestHash, ordinal, "any") : undefined);
}

function replay(
  call: Call,
  request: ModelRequest,
  stored: StoredAnswer,
  source: "cache" | "journal",
  held?: Reservation,
): ModelReply {
  const { scope, model, options, callId } = call;
  scope.emit({
    type: "model-start",
    callId,
    role: options.role,
    model: model.id,
    provider: model.provider,
    request,
  });
  const costUsd = stored.costUsd ?? undefined;
  if (held) {
    held.settle({ type: "answered", usage: stored.reply.usage, costUsd, source: "journal" });
    scope.tree.accounted.add(journalKey(call));
  } else scope.budget.recordCached();
  traceEnd(call, stored.reply, source === "cache" ? 0 : stored.costUsd, source);
  return stored.reply;
}

async function saveAnswer(call: Call, reply: ModelReply, costUsd: number | null): Promise<void> {
  const { scope, callId, requestHash, ordinal } = call;
  if (!scope.tree.answers) return;
  scope.tree.accounted.add(journalKey(call));
  await scope.tree.answers.save({
    callId,
    runId: scope.tree.rootRunId,
    requestHash,
    ordinal,
    reply,
    costUsd,
    at: Date.now(),
  });
}

function traceEnd(
  call: Call,
  reply: ModelReply,
  costUsd: number | null,
  source: "provider" | "cache" | "journal",
): void {
  call.scope.emit({
    type: "model-end",
    callId: call.callId,
    role: call.options.role,
    model: call.model.id,
    text: reply.text,
    stopReason: reply.stopReason,
    usage: reply.usage,
    costUsd,
    source,
    durationMs: Date.now() - call.startedAt,
  });
}

async function callWithRetries(call: Call, request: ModelRequest): Promise<ModelReply> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await callOnce(call, request);
    } catch (error) {
      if (call.signal.aborted) throw call.signal.reason;
      if (!(error instanceof ModelError) || !error.retryable || attempt >= mostAttempts[error.code])
        throw error;
      const waitMs = error.retryAfterMs ?? backoffMs(attempt);
      const left = call.scope.budget.remaining().timeMs;
      if (left !== null && waitMs >= left) throw error;
      call.scope.emit({ type: "model-retry", callId: call.callId, attempt, waitMs, error: traced(error) });
      await pause(waitMs, call.signal);
    }
  }
}

/** One attempt in one slot. The slot is free again before anyone waits for a retry. */
async function callOnce(call: Call, request: ModelRequest): Promise<ModelReply> {
  const { scope, model, options, signal, callId } = call;
  const slot = await scope.tree.limiter.acquire(model.endpoint, signal);
  const silence = new SilenceTimer(scope.tree.callTimeoutMs, model.id, signal);
  try {
    const reply = await model.generate(request, {
      signal: silence.signal,
      ...(options.cache && { cache: options.cache }),
      ...(options.stream && {
        onDelta: ({ type, text }) => {
          silence.restart();
          scope.emit({ type: "model-delta", callId, kind: type, text });
        },
      }),
    });
    slot.release({ type: "ok" });
    return reply;
  } catch (error) {
    slot.release(outcomeOf(error));
    throw error;
  } finally {
    silence.stop();
  }
}

function outcomeOf(
  error: unknown,
): Parameters<Awaited<ReturnType<RunScope["tree"]["limiter"]["acquire"]>>["release"]>[0] {
  if (!(error instanceof ModelError) || (error.code !== "rate_limited" && error.code !== "overloaded"))
    return { type: "failed" };
  return {
    type: "overloaded",
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
  };
}

function settleFailure(reservation: Reservation, error: unknown): void {
  const refused = error instanceof ModelError && error.code !== "timeout" && error.code !== "bad_response";
  reservation.settle({ type: "failed", sent: !refused });
}

/**
 * A deadline that streamed pieces push back: a call is given up for silence, not for length. Its signal is the caller's too;
 * joined by hand, because `AbortSignal.any` takes 9 µs where this takes 1, for each of thousands of calls.
 */
class SilenceTimer {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #caller: AbortSignal;
  readonly #endWithCaller = (): void => this.#controller.abort(this.#caller.reason);

  constructor(timeoutMs: number, modelId: string, caller: AbortSignal) {
    this.#caller = caller;
    if (caller.aborted) this.#endWithCaller();
    caller.addEventListener("abort", this.#endWithCaller, { once: true });
    this.#timer = setTimeout(() => {
      const seconds = timeoutMs / 1000;
      const message = `${modelId} gave no answer within ${seconds} s. Allow more with --call-timeout, or ask for less in one call.`;
      this.#controller.abort(new ModelError("timeout", message));
    }, timeoutMs);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  restart(): void {
    this.#timer.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#caller.removeEventListener("abort", this.#endWithCaller);
  }
}

function estimateRequest(
  scope: RunScope,
  model: Model,
  request: ModelRequest,
): { raw: number; tokens: number } {
  let raw = 8;
  for (const message of request.messages) raw += 4 + estimateTokens(textOfMessage(message));
  if (request.tools) raw += estimateTokens(JSON.stringify(request.tools));
  if (request.output) raw += estimateTokens(JSON.stringify(request.output.schema));
  return { raw, tokens: Math.ceil(raw * scope.tree.calibration.factor(model.id)) };
}

/** Throws ModelError "context_overflow" where the request can't fit the model's window: sending it would only cost. */
function needsOf(
  model: Model,
  request: ModelRequest,
  estimate: { tokens: number },
  role: CallRole,
): CallNeeds {
  const room = (model.contextWindow ?? Number.POSITIVE_INFINITY) - estimate.tokens;
  if (room < leastOutput / 4)
    throw new ModelError(
      "context_overflow",
      `This request is about ${grouped(estimate.tokens)} tokens; the window of ${model.id} is ${grouped(model.contextWindow ?? 0)} with its answer. Split it into smaller pieces.`,
    );
  const wanted = Math.min(
    request.maxOutputTokens ?? defaultOutput(model, role),
    model.maxOutputTokens ?? Number.POSITIVE_INFINITY,
  );
  const output = Math.max(1, Math.floor(Math.min(wanted, Math.max(room, leastOutput / 4))));
  return {
    modelKey: `${model.endpoint} ${model.id}`,
    wantedOutputTokens: output,
    leastOutputTokens: Math.min(output, leastOutput),
    amount: (outputTokens) => ({
      // Estimates of input err by some percent; reserving a little more keeps the cap a cap.
      costUsd:
        costOf(
          { inputTokens: estimate.tokens * 1.2, cachedInputTokens: 0, outputTokens, reasoningTokens: 0 },
          model.price,
        ) ?? 0,
      tokens: estimate.tokens + outputTokens,
    }),
  };
}

const leastOutput = 512;

/** Thinking counts as output: a reasoning model gets room to think and still answer. */
function defaultOutput(model: Model, role: CallRole): number {
  const plain = role === "root" ? 16_384 : 8_192;
  const wanted = model.reasoning ? plain * 2 : plain;
  return model.contextWindow === undefined
    ? wanted
    : Math.min(wanted, Math.max(leastOutput, Math.floor(model.contextWindow / 4)));
}

const mostAttempts: Record<ModelError["code"], number> = {
  rate_limited: 8,
  overloaded: 5,
  unreachable: 4,
  bad_response: 3,
  timeout: 2,
  auth: 1,
  unknown_model: 1,
  context_overflow: 1,
  refused: 1,
  bad_request: 1,
};

/** Half fixed, half chance, so that a failed batch doesn't come back as one wave. */
function backoffMs(attempt: number): number {
  const ceiling = Math.min(30_000, 500 * 2 ** (attempt - 1));
  return ceiling / 2 + (Math.random() * ceiling) / 2;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

export function traced(error: unknown): TracedError {
  if (isUnabridgedError(error)) return { kind: error.kind, code: error.code, message: error.message };
  return { kind: "other", code: error instanceof Error ? error.name : "unknown", message: messageOf(error) };
}
