/** Builds our reply from what an AI SDK model answered, whole or as a stream. It knows no provider and no HTTP. */
import type {
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
  SharedV4ProviderMetadata,
} from "@ai-sdk/provider";
import { ModelError } from "../core/errors.ts";
import { isPlainObject, type Json, type JsonObject } from "../core/json.ts";
import type { AssistantPart } from "../core/message.ts";
import type { ModelDelta, ModelReply, ModelRequest } from "../core/model.ts";
import { countUsage, reportedCost } from "./reply-usage.ts";
import { splitThinking, ThinkSplitter } from "./think-tags.ts";

/** What both ways of asking end in. */
interface Ending {
  readonly content: readonly AssistantPart[];
  readonly finishReason: LanguageModelV4FinishReason;
  readonly usage: LanguageModelV4Usage;
  readonly providerMetadata: SharedV4ProviderMetadata | undefined;
}

/** Throws ModelError where the reply holds nothing to go on with. */
export function replyOf(
  result: LanguageModelV4GenerateResult,
  request: ModelRequest,
  wrapped: boolean,
): ModelReply {
  const parts = result.content.flatMap(toPart);
  const chosen = request.output === undefined ? undefined : result.structuredOutputText;
  const content: readonly AssistantPart[] =
    chosen === undefined
      ? parts
      : [...parts.filter((part) => part.type !== "text"), { type: "text", text: chosen }];
  const { finishReason, usage, providerMetadata } = result;
  return finish({ content, finishReason, usage, providerMetadata }, request, wrapped);
}

/** Collects a stream and hands each piece on as it comes. Throws what the stream carries as an error. */
export class ReplyCollector {
  readonly #onDelta: (delta: ModelDelta) => void;
  readonly #open = new Map<string, OpenPart>();
  #parts: (OpenPart | AssistantPart)[] = [];
  #ending: Extract<LanguageModelV4StreamPart, { type: "finish" }> | undefined;

  constructor(onDelta: (delta: ModelDelta) => void) {
    this.#onDelta = onDelta;
  }

  add(part: LanguageModelV4StreamPart): void {
    switch (part.type) {
      case "text-start":
      case "reasoning-start":
        this.#part(part.type === "text-start" ? "text" : "reasoning", part.id).add("", part.providerMetadata);
        return;
      case "text-delta":
      case "reasoning-delta":
        this.#part(part.type === "text-delta" ? "text" : "reasoning", part.id).add(
          part.delta,
          part.providerMetadata,
        );
        return;
      case "text-end":
      case "reasoning-end":
        this.#open.get(part.id)?.end(part.providerMetadata);
        this.#open.delete(part.id);
        return;
      case "tool-call":
      case "file":
        this.#parts.push(...toPart(part));
        return;
      case "finish":
        this.#ending = part;
        return;
      case "error":
        throw part.error;
      default:
        return; // Sources, pings and metadata are no part of a reply.
    }
  }

  /** The whole reply. Throws where the stream broke off before its end. */
  reply(request: ModelRequest, wrapped: boolean): ModelReply {
    // Some adapters end a stream that was cut off as if it had ended: only the provider's own reason is missing.
    const reason = this.#ending?.finishReason;
    if (this.#ending === undefined || (reason?.unified === "other" && reason.raw === undefined))
      throw brokenOff();
    for (const part of this.#open.values()) part.end(undefined);
    const content = this.#parts.flatMap((part) => (part instanceof OpenPart ? part.parts() : [part]));
    const { finishReason, usage, providerMetadata } = this.#ending;
    return finish({ content, finishReason, usage, providerMetadata }, request, wrapped);
  }

  #part(type: "text" | "reasoning", id: string): OpenPart {
    const known = this.#open.get(id);
    if (known !== undefined) return known;
    const part = new OpenPart(type, this.#parts.length === 0, this.#onDelta);
    this.#parts.push(part);
    this.#open.set(id, part);
    return part;
  }
}

/** A text or reasoning block while it is being received. */
class OpenPart {
  readonly #type: "text" | "reasoning";
  readonly #onDelta: (delta: ModelDelta) => void;
  /** Only the first text of a reply may begin with thinking. */
  readonly #splitter: ThinkSplitter | undefined;
  #text = "";
  #reasoning = "";
  #opaque: JsonObject | undefined;

  constructor(type: "text" | "reasoning", first: boolean, onDelta: (delta: ModelDelta) => void) {
    this.#type = type;
    this.#onDelta = onDelta;
    this.#splitter = first && type === "text" ? new ThinkSplitter() : undefined;
  }

  add(text: string, metadata: SharedV4ProviderMetadata | undefined): void {
    this.#remember(metadata);
    const pieces = this.#splitter?.push(text) ?? (text === "" ? [] : [{ type: this.#type, text }]);
    pieces.forEach((piece) => this.#take(piece));
  }

  end(metadata: SharedV4ProviderMetadata | undefined): void {
    this.#remember(metadata);
    this.#splitter?.end().forEach((piece) => this.#take(piece));
  }

  parts(): readonly AssistantPart[] {
    const opaque = this.#opaque === undefined ? {} : { opaque: this.#opaque };
    const parts: AssistantPart[] = [];
    const signed = this.#type === "reasoning" && this.#opaque !== undefined;
    if (this.#reasoning !== "" || signed) parts.push({ type: "reasoning", text: this.#reasoning, ...opaque });
    if (this.#text !== "") parts.push({ type: "text", text: this.#text });
    return parts;
  }

  #take(piece: ModelDelta): void {
    if (piece.type === "text") this.#text += piece.text;
    else this.#reasoning += piece.text;
    this.#onDelta(piece);
  }

  #remember(metadata: SharedV4ProviderMetadata | undefined): void {
    if (metadata === undefined) return;
    const merged: Record<string, Json> = { ...this.#opaque };
    for (const [name, values] of Object.entries(metadata)) {
      const before = merged[name];
      merged[name] = { ...(isPlainObject(before) ? toJsonObject(before) : {}), ...toJsonObject(values) };
    }
    this.#opaque = merged;
  }
}

function toPart(part: LanguageModelV4Content, index: number = 1): readonly AssistantPart[] {
  switch (part.type) {
    case "text":
      if (index > 0) return part.text === "" ? [] : [{ type: "text", text: part.text }];
      return splitThinking(part.text);
    case "reasoning":
      if (part.providerMetadata === undefined)
        return part.text === "" ? [] : [{ type: "reasoning", text: part.text }];
      return [{ type: "reasoning", text: part.text, opaque: toJsonObject(part.providerMetadata) }];
    case "tool-call": {
      if (part.providerExecuted === true) return [];
      const opaque =
        part.providerMetadata === undefined ? {} : { opaque: toJsonObject(part.providerMetadata) };
      return [
        {
          type: "tool-call",
          toolCallId: part.toolCallId,
          toolName: part.toolName,
          input: toInput(part.input),
          ...opaque,
        },
      ];
    }
    case "file": {
      const data = part.data.type === "url" ? part.data.url.toString() : part.data.data;
      return [
        {
          type: "file",
          mediaType: part.mediaType,
          data: typeof data === "string" ? data : Buffer.from(data).toString("base64"),
        },
      ];
    }
    default:
      return []; // What a provider looked up by itself is no part of the conversation.
  }
}

function finish(ending: Ending, request: ModelRequest, wrapped: boolean): ModelReply {
  const { finishReason, usage, providerMetadata } = ending;
  if (finishReason.unified === "interrupted") throw brokenOff();
  const content = wrapped ? ending.content.map(unwrap) : ending.content;
  const text = content.map((part) => (part.type === "text" ? part.text : "")).join("");
  const callsTools = content.some((part) => part.type === "tool-call");
  const stopReason =
    callsTools && finishReason.unified !== "length" ? "tool-calls" : stopReasons[finishReason.unified];
  // An empty reply that was cut by its limit says something: the thinking ate it all. An empty "stop" says nothing.
  if (
    text === "" &&
    !callsTools &&
    stopReason !== "length" &&
    !content.some((part) => part.type === "file")
  ) {
    throw emptyReply(stopReason, finishReason.raw);
  }
  const costUsd = reportedCost(usage.raw, providerMetadata);
  return {
    content,
    text,
    stopReason,
    ...countUsage(usage, content, request),
    ...(costUsd !== undefined && { costUsd }),
  };
}

const stopReasons: Readonly<Record<LanguageModelV4FinishReason["unified"], ModelReply["stopReason"]>> = {
  stop: "stop",
  length: "length",
  "tool-calls": "tool-calls",
  "content-filter": "refused",
  error: "other",
  interrupted: "other",
  other: "other",
};

function brokenOff(): ModelError {
  return new ModelError(
    "bad_response",
    "The reply broke off: its stream ended without a finish reason. It can be sent again.",
  );
}

function emptyReply(stopReason: ModelReply["stopReason"], raw: string | undefined): ModelError {
  if (stopReason === "refused") {
    return new ModelError(
      "refused",
      "The provider's content filter withheld the whole reply. Rephrase the request, or use another model.",
    );
  }
  return new ModelError(
    "bad_response",
    `The reply holds neither text nor a tool call (finish reason ${raw ?? "missing"}). It can be sent again.`,
  );
}

/** Takes the value out of the object that it was asked in. */
function unwrap(part: AssistantPart): AssistantPart {
  if (part.type !== "text") return part;
  try {
    const parsed: unknown = JSON.parse(part.text);
    return isPlainObject(parsed) && "value" in parsed
      ? { type: "text", text: JSON.stringify(parsed["value"]) }
      : part;
  } catch {
    return part; // Cut or not JSON at all: whoever asked for the schema validates, and sees what came.
  }
}

/** Arguments that are not JSON stay text: the schema of the tool refuses them with a message to the model. */
function toInput(text: string): Json {
  if (text.trim() === "") return {};
  try {
    const input: Json = JSON.parse(text);
    return input;
  } catch {
    return text;
  }
}

// The AI SDK's JSON allows undefined members; what travels as JSON has none.
function toJsonObject(value: object): JsonObject {
  return value as JsonObject;
}
