/** The app's model for the length of one call: it is asked with the app's own settings, and the app hears what it says. */
import type { LanguageModelV4, LanguageModelV4CallOptions, LanguageModelV4Content } from "@ai-sdk/provider";
import { ModelError } from "../core/errors.ts";
import type { GenerateOptions, Model, ModelReply, ModelRequest } from "../core/model.ts";
import { toModelError } from "../models/model-failure.ts";
import { ReplyCollector, replyOf } from "../models/model-reply.ts";
import type { StreamRelay, WholeRelay } from "./relay.ts";
import { requestOf } from "./request.ts";

export interface Answering {
  readonly model: Model;
  /** What the model failed with in the AI SDK's own words, which the app knows how to read. */
  readonly failure: { readonly error: unknown } | undefined;
  /** The model answered, and the app was told, but it is nothing to be kept: an empty reply, or one that broke off. */
  readonly isUnusable: boolean;
}

/** @param facts the same model with settings of ours */
export function answering(
  languageModel: LanguageModelV4,
  facts: Model,
  sent: LanguageModelV4CallOptions,
  relay: WholeRelay | StreamRelay,
): Answering {
  const state: { failure: Answering["failure"]; isUnusable: boolean } = {
    failure: undefined,
    isUnusable: false,
  };
  const ask = async (request: ModelRequest, options: GenerateOptions): Promise<ModelReply> => {
    const params = { ...requestOf(request, sent, options.cache), abortSignal: options.signal };
    if ("stream" in relay) return askStream(languageModel, params, request, relay, state);
    const result = await languageModel.doGenerate(params);
    relay.add(result);
    return usable(state, () => kept(replyOf(result, request, false), result.content));
  };
  return {
    model: {
      ...facts,
      async generate(request, options) {
        const heartbeat = keepsPatience(options);
        try {
          return await ask(request, options);
        } catch (error) {
          options.signal.throwIfAborted();
          throw asFailure(error, facts, state);
        } finally {
          clearInterval(heartbeat);
        }
      },
    },
    get failure() {
      return state.failure;
    },
    get isUnusable() {
      return state.isUnusable;
    },
  };
}

async function askStream(
  languageModel: LanguageModelV4,
  params: LanguageModelV4CallOptions,
  request: ModelRequest,
  relay: StreamRelay,
  state: { isUnusable: boolean },
): Promise<ModelReply> {
  const answer = await languageModel.doStream(params);
  relay.begin(answer);
  const collector = new ReplyCollector(() => {});
  const seen: LanguageModelV4Content[] = [];
  for await (const part of answer.stream) {
    // A failure is told once, when the turn has ended with it.
    if (part.type !== "error") relay.add(part);
    collector.add(part);
    if (isContent(part)) seen.push(part);
  }
  return usable(state, () => kept(collector.reply(request, false), seen));
}

/** The app waits as long as it likes; it has its own signal to say otherwise. */
function keepsPatience({ onDelta }: GenerateOptions): NodeJS.Timeout {
  return setInterval(() => onDelta?.({ type: "reasoning", text: "" }), 10_000).unref();
}

/** Too long a context is ours to mend. All else is the app's to hear, at once: it has its own way to try again. */
function asFailure(error: unknown, facts: Model, state: { failure: Answering["failure"] }): ModelError {
  const { id, provider } = facts;
  const found = toModelError(error, { modelId: id, host: provider, keySource: undefined, secrets: [] });
  state.failure = { error };
  if (found.code === "context_overflow") return found;
  return new ModelError(found.code, found.message, { retryable: false, cause: error });
}

function usable(state: { isUnusable: boolean }, read: () => ModelReply): ModelReply {
  let reply: ModelReply | undefined;
  try {
    reply = read();
  } finally {
    state.isUnusable = reply === undefined;
  }
  // Kept, an empty message would be refused with every later request.
  state.isUnusable = !reply.content.some(
    (part) =>
      part.type === "tool-call" || part.type === "file" || (part.type === "text" && part.text.trim() !== ""),
  );
  if (state.isUnusable) throw new ModelError("bad_response", "The reply is empty.", { retryable: false });
  return reply;
}

/** What a provider did by itself has no place in our parts. */
function kept(reply: ModelReply, content: readonly LanguageModelV4Content[]): ModelReply {
  const isWhole = content.every(
    (part) =>
      part.type === "text" ||
      part.type === "reasoning" ||
      part.type === "file" ||
      (part.type === "tool-call" && part.providerExecuted !== true),
  );
  return isWhole ? reply : { ...reply, verbatim: JSON.stringify(content) };
}

function isContent(part: { readonly type: string }): part is LanguageModelV4Content {
  return contentTypes.has(part.type);
}

const contentTypes: ReadonlySet<string> = new Set([
  ...["tool-call", "tool-result", "tool-approval-request", "source", "custom", "reasoning-file", "file"],
]);
