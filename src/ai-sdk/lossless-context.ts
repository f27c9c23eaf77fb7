/**
 * A middleware of the AI SDK that makes a conversation of what an app sends: all of it is kept, the model is sent what fits its
 * window and may look up the rest, and the app notices nothing of it.
 */
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4GenerateResult,
  LanguageModelV4Middleware,
  LanguageModelV4StreamResult,
} from "@ai-sdk/provider";
import { BudgetError } from "../core/errors.ts";
import type { Model } from "../core/model.ts";
import { Recogniser, type ChatResult, type OpenConversation } from "../engine/index.ts";
import { knownModel } from "../models/catalogue.ts";
import { fromAiSdk, type AiSdkModel } from "../models/from-ai-sdk.ts";
import { answering, type Answering } from "./answering-model.ts";
import { clientMessages } from "./client-messages.ts";
import { StreamRelay, WholeRelay } from "./relay.ts";
import { toolsOf } from "./request.ts";

export interface LosslessContextOptions {
  /** Where everything is kept. A function finds the conversation of each call, for a model that several chats share. */
  readonly conversation:
    OpenConversation | ((params: LanguageModelV4CallOptions) => OpenConversation | Promise<OpenConversation>);
  /** Of the wrapped model, in tokens. @default as the catalogue has it, else 32768 */
  readonly contextWindow?: number;
  /** Writes labels. @default the wrapped model */
  readonly summaryModel?: AiSdkModel;
}

/**
 * For `wrapLanguageModel({ model, middleware: losslessContext({ conversation }) })`. While all fits, the model is sent exactly what
 * the app sent. The wrapped model answers, whatever model the conversation was opened with.
 */
export function losslessContext(options: LosslessContextOptions): LanguageModelV4Middleware {
  const calls = new Calls(options);
  return {
    specificationVersion: "v4",
    wrapGenerate: ({ params, model }) => calls.generate(model, params),
    wrapStream: ({ params, model }) => calls.stream(model, params),
  };
}

class Calls {
  readonly #options: LosslessContextOptions;
  readonly #recognisers = new Map<string, Recogniser>();

  constructor(options: LosslessContextOptions) {
    this.#options = options;
  }

  async generate(
    model: LanguageModelV4,
    params: LanguageModelV4CallOptions,
  ): Promise<LanguageModelV4GenerateResult> {
    const relay = new WholeRelay();
    const call = answering(model, this.#facts(model), params, relay);
    try {
      await this.#converse(model, params, call);
    } catch (error) {
      if (!call.isUnusable || !relay.result) throw error;
    }
    const { result } = relay;
    if (result) return result;
    throw new TypeError("The model was not asked, though its turn has ended.");
  }

  async stream(
    model: LanguageModelV4,
    params: LanguageModelV4CallOptions,
  ): Promise<LanguageModelV4StreamResult> {
    const unread = new AbortController();
    const relay = new StreamRelay((reason) => unread.abort(reason));
    const call = answering(model, this.#facts(model), params, relay);
    const { abortSignal } = params;
    const signal = AbortSignal.any([unread.signal, ...(abortSignal ? [abortSignal] : [])]);
    this.#converse(model, { ...params, abortSignal: signal }, call).then(
      () => relay.end(),
      (error: unknown) => (call.isUnusable ? relay.end() : relay.fail(error)),
    );
    return { ...(await relay.begun), stream: relay.stream };
  }

  /** Resolves once the reply is kept. Rejects with what the app would have met without us. */
  async #converse(
    model: LanguageModelV4,
    params: LanguageModelV4CallOptions,
    call: Answering,
  ): Promise<void> {
    const recogniser = await this.#recogniser(model, params);
    const { conversation, instructions, release } = await recogniser.recognise(clientMessages(params.prompt));
    try {
      const run = conversation.reply({
        tools: toolsOf(params),
        client: { model: call.model, instructions },
        ...(params.abortSignal && { signal: params.abortSignal }),
      });
      throwStopped(await run.result(), params.abortSignal);
    } catch (error) {
      params.abortSignal?.throwIfAborted();
      throw call.failure ? call.failure.error : error;
    } finally {
      release();
    }
  }

  async #recogniser(model: LanguageModelV4, params: LanguageModelV4CallOptions): Promise<Recogniser> {
    const { conversation, summaryModel } = this.#options;
    const found = typeof conversation === "function" ? await conversation(params) : conversation;
    const key = JSON.stringify([found.id, found.branchName, model.provider, model.modelId]);
    const facts = this.#facts(model);
    const recogniser =
      this.#recognisers.get(key) ??
      new Recogniser(
        found.with({ model: facts, summaryModel: summaryModel ? fromAiSdk(summaryModel) : facts }),
      );
    // The last used stands last.
    this.#recognisers.delete(key);
    this.#recognisers.set(key, recogniser);
    const [oldest] = this.#recognisers.keys();
    if (this.#recognisers.size > mostRemembered && oldest !== undefined) this.#recognisers.delete(oldest);
    return recogniser;
  }

  /** The wrapped model as ours, for labels and for looking things up. */
  #facts(model: LanguageModelV4): Model {
    const { contextWindow, ...known } = knownModel(model.modelId);
    return fromAiSdk(model, { ...known, contextWindow: this.#options.contextWindow ?? contextWindow });
  }
}

/** Conversations that are recognised without reading them anew. */
const mostRemembered = 256;

function throwStopped({ status, limit }: ChatResult, signal: AbortSignal | undefined): void {
  signal?.throwIfAborted();
  if (limit) throw new BudgetError(limit.code, limit.message, limit);
  if (status === "cancelled") throw new DOMException("The engine was closed.", "AbortError");
}
