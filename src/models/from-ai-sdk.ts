/** Any AI SDK model object behind our port Model. It calls the object's own methods and knows no vendor. */
import type {
  LanguageModelV3,
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4StreamPart,
  SharedV4ProviderOptions,
} from "@ai-sdk/provider";
import type { CacheHints, GenerateOptions, Model, ModelReply, ModelRequest } from "../core/model.ts";
import type { Price } from "../core/usage.ts";
import { callOptions, isWrapped } from "./call-options.ts";
import { toModelError, type CallPlace } from "./model-failure.ts";
import { ReplyCollector, replyOf } from "./model-reply.ts";

/** A model object of an AI SDK provider package: version 4 of the specification (AI SDK 7) or 3 (AI SDK 6). */
export type AiSdkModel = LanguageModelV4 | LanguageModelV3;

/** What an AI SDK model object doesn't tell of itself. */
export interface ModelFacts {
  /** Input and output together, in tokens. @default unknown */
  readonly contextWindow?: number | undefined;
  readonly maxOutputTokens?: number | undefined;
  readonly price?: Price | undefined;
  /** @default false */
  readonly reasoning?: boolean | undefined;
  /** @default what the object says, else false */
  readonly structuredOutputs?: boolean | undefined;
  /** Models with the same endpoint share a rate limit. @default the provider's name */
  readonly endpoint?: string | undefined;
}

/** Wraps a model object that is there already. Retries, caching and budgets happen above; nothing is retried here. */
export function fromAiSdk(languageModel: AiSdkModel, facts: ModelFacts = {}): Model {
  const said =
    "supportsStructuredOutputs" in languageModel && languageModel.supportsStructuredOutputs === true;
  return lazyModel(() => Promise.resolve(languageModel), {
    ...facts,
    id: languageModel.modelId,
    provider: languageModel.provider,
    endpoint: facts.endpoint ?? languageModel.provider,
    structuredOutputs: facts.structuredOutputs ?? said,
    host: languageModel.provider,
  });
}

export interface LazyModelFacts extends ModelFacts {
  readonly id: string;
  readonly provider: string;
  readonly endpoint: string;
  /** For messages: which server. */
  readonly host: string;
  readonly keySource?: string | undefined;
  readonly apiKey?: string | undefined;
  /** What this provider is told with each request besides the request. */
  readonly providerOptions?:
    ((request: ModelRequest, cache: CacheHints | undefined) => SharedV4ProviderOptions) | undefined;
}

/** A model whose provider package is only loaded by its first call. */
export function lazyModel(load: () => Promise<AiSdkModel>, facts: LazyModelFacts): Model {
  const structuredOutputs = facts.structuredOutputs ?? false;
  const secrets = facts.apiKey === undefined ? [] : [facts.apiKey];
  const place: CallPlace = { modelId: facts.id, host: facts.host, keySource: facts.keySource, secrets };
  let loading: Promise<LanguageModelV4> | undefined;
  const loaded = (): Promise<LanguageModelV4> => (loading ??= load().then(asVersion4));
  return {
    id: facts.id,
    provider: facts.provider,
    endpoint: facts.endpoint,
    contextWindow: facts.contextWindow,
    maxOutputTokens: facts.maxOutputTokens,
    price: facts.price,
    reasoning: facts.reasoning ?? false,
    structuredOutputs,
    async generate(request, options) {
      options.signal.throwIfAborted();
      try {
        const model = await loaded();
        const extra = facts.providerOptions?.(request, options.cache);
        return await call(model, request, options, { structuredOutputs, extra });
      } catch (error) {
        if (options.signal.aborted) throw options.signal.reason;
        throw toModelError(error, place);
      }
    },
    warm() {
      // A package that can't be loaded is the first call's failure to tell.
      loaded().catch(() => {});
    },
  };
}

async function call(
  model: LanguageModelV4,
  request: ModelRequest,
  { signal, onDelta, cache }: GenerateOptions,
  { structuredOutputs, extra }: { structuredOutputs: boolean; extra: SharedV4ProviderOptions | undefined },
): Promise<ModelReply> {
  const options = callOptions(request, signal, { structuredOutputs, extra, cache });
  const wrapped = structuredOutputs && request.output !== undefined && isWrapped(request.output.schema);
  if (onDelta === undefined)
    return replyOf(await unlessAborted(model.doGenerate(options), signal), request, wrapped);
  const collector = new ReplyCollector(onDelta);
  const { stream } = await unlessAborted(model.doStream(options), signal);
  await collect(stream, collector, signal);
  return collector.reply(request, wrapped);
}

async function collect(
  stream: ReadableStream<LanguageModelV4StreamPart>,
  collector: ReplyCollector,
  signal: AbortSignal,
): Promise<void> {
  const reader = stream.getReader();
  // Cancelling ends the read that is waited for, whatever the adapter does. What it adds to that helps nobody.
  const cancel = (): void => void reader.cancel(signal.reason).catch(() => undefined);
  signal.addEventListener("abort", cancel, { once: true });
  if (signal.aborted) cancel();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) return;
      collector.add(value);
    }
  } catch (error) {
    reader.cancel(error).catch(() => undefined);
    throw error;
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}

/** Settles with the promise, or rejects once the signal fires: an adapter may be slow to notice its signal. */
function unlessAborted<T>(promise: PromiseLike<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    const settled = (): void => signal.removeEventListener("abort", abort);
    promise.then(
      (value) => (settled(), resolve(value)),
      (error: unknown) => (settled(), reject(error)),
    );
    if (signal.aborted) abort();
  });
}

/**
 * Version 3 takes a file's data bare where version 4 tags it, and knows no `reasoning` option. What it answers is a
 * part of what version 4 may answer, but for the data of files.
 */
function asVersion4(model: AiSdkModel): LanguageModelV4 {
  if (model.specificationVersion === "v4") return model;
  // The casts are the bridge itself: both sides were compared by hand.
  return {
    ...{ specificationVersion: "v4", provider: model.provider, modelId: model.modelId, supportedUrls: {} },
    doGenerate: async (options) => withTaggedFiles(await model.doGenerate(bare(options))),
    doStream: (options) => model.doStream(bare(options)),
  } as LanguageModelV4;
}

type OptionsV3 = Parameters<LanguageModelV3["doGenerate"]>[0];
type ResultV3 = Awaited<ReturnType<LanguageModelV3["doGenerate"]>>;
type ResultV4 = Awaited<ReturnType<LanguageModelV4["doGenerate"]>>;

function bare({ reasoning, ...options }: LanguageModelV4CallOptions): OptionsV3 {
  const prompt = options.prompt.map((message) => {
    if (message.role !== "user" && message.role !== "assistant") return message;
    const content = message.content.map((part) =>
      part.type !== "file"
        ? part
        : {
            ...part,
            data: part.data.type === "url" ? part.data.url : "data" in part.data ? part.data.data : "",
          },
    );
    return { ...message, content };
  });
  return { ...options, prompt } as OptionsV3;
}

function withTaggedFiles(result: ResultV3): ResultV4 {
  const content = result.content.map((part) =>
    part.type === "file" ? { ...part, data: { type: "data" as const, data: part.data } } : part,
  );
  return { ...result, content };
}
