/** A reply in Anthropic's events while it comes: blocks that begin, grow and end, one after the other. */
import type { JsonObject } from "../core/json.ts";
import type { Usage } from "../core/usage.ts";
import { noUsage } from "../core/usage.ts";
import type { ReplyHead, ReplyStream, SseEvent } from "./dialect.ts";
import { writeArguments } from "./read-parts.ts";

/** On thinking that we show: no provider signed it, and none must get it back. */
export const thinkingSignature = "unabridged";

export const stopReasons = {
  stop: "end_turn",
  length: "max_tokens",
  "tool-calls": "tool_use",
  refused: "refusal",
  other: "end_turn",
} as const;

export function anthropicStream(
  { id, model }: ReplyHead,
  send: (event: SseEvent) => void,
  usageOf: (usage: Usage) => JsonObject,
): ReplyStream {
  const emit = (type: string, data: JsonObject): void => send({ event: type, data: { type, ...data } });
  let index = -1;
  let open: "thinking" | "text" | undefined;
  const close = (): void => {
    if (open === undefined) return;
    if (open === "thinking")
      emit("content_block_delta", {
        index,
        delta: { type: "signature_delta", signature: thinkingSignature },
      });
    emit("content_block_stop", { index });
    open = undefined;
  };
  const begin = (kind: "thinking" | "text"): void => {
    if (open === kind) return;
    close();
    open = kind;
    const empty = kind === "text" ? { text: "" } : { thinking: "", signature: "" };
    emit("content_block_start", { index: ++index, content_block: { type: kind, ...empty } });
  };
  emit("message_start", {
    message: {
      ...{ id, type: "message", role: "assistant", model, content: [] },
      ...{ stop_reason: null, stop_sequence: null, usage: usageOf(noUsage) },
    },
  });
  return {
    reasoning(thinking) {
      begin("thinking");
      emit("content_block_delta", { index, delta: { type: "thinking_delta", thinking } });
    },
    text(text) {
      begin("text");
      emit("content_block_delta", { index, delta: { type: "text_delta", text } });
    },
    end({ toolCalls, stopReason, usage, extra }) {
      close();
      for (const { toolCallId, toolName, input } of toolCalls) {
        const block = { type: "tool_use", id: toolCallId, name: toolName, input: {} };
        emit("content_block_start", { index: ++index, content_block: block });
        const delta = { type: "input_json_delta", partial_json: writeArguments(input) };
        emit("content_block_delta", { index, delta });
        emit("content_block_stop", { index });
      }
      emit("message_delta", {
        delta: { stop_reason: stopReasons[stopReason], stop_sequence: null },
        usage: usageOf(usage),
        ...(extra && { unabridged: extra }),
      });
      emit("message_stop", {});
    },
  };
}
