/** What the server needs to know of a vendor's wire format: how requests are read, and how replies and failures are written. */
import type { JsonObject } from "../core/json.ts";
import type { Message, ToolCallPart } from "../core/message.ts";
import type { ModelReply, ModelRequest, ToolDefinition } from "../core/model.ts";
import type { Usage } from "../core/usage.ts";
import type { UpstreamDialect } from "../setup/service.ts";
import type { Failure } from "./failure.ts";

export interface Dialect {
  readonly name: UpstreamDialect;
  /** Behind the base URL of a provider. */
  readonly path: string;
  /** Throws ConfigError "invalid_input", naming the field, for what can't be understood. */
  read(body: JsonObject): ClientRequest;
  whole(reply: ServedReply): JsonObject;
  /** Writes a reply while it comes. */
  stream(head: ReplyHead, send: (event: SseEvent) => void): ReplyStream;
  failure(failure: Failure): JsonObject;
  /** The same in a stream that has begun. */
  failureEvent(failure: Failure): SseEvent;
}

/** A request in our words. */
export interface ClientRequest {
  /** Instructions first. */
  readonly messages: readonly Message[];
  readonly tools: readonly ToolDefinition[];
  readonly settings: Omit<ModelRequest, "messages" | "tools">;
  /** False where the client would not know what to do with the model's thinking. */
  readonly showsReasoning: boolean;
  /** The stream ends with the usage. */
  readonly wantsUsage: boolean;
}

export interface ReplyHead {
  /** As the client wrote it. */
  readonly model: string;
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly wantsUsage: boolean;
}

export interface ServedReply extends ReplyHead, ReplyEnd {
  readonly reasoning: string;
  readonly text: string;
}

export interface ReplyEnd {
  readonly toolCalls: readonly ToolCallPart[];
  readonly stopReason: ModelReply["stopReason"];
  readonly usage: Usage;
  /** What only we can tell, beside what the dialect knows. */
  readonly extra?: JsonObject;
}

export interface ReplyStream {
  reasoning(text: string): void;
  text(text: string): void;
  end(end: ReplyEnd): void;
}

export interface SseEvent {
  readonly event?: string;
  readonly data: JsonObject | "[DONE]";
}
