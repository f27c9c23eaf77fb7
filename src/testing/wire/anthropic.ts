/** Anthropic's messages on the wire, as a server writes them. */
import {
  textOf,
  type Dialect,
  type WireEvent,
  type WireMessage,
  type WireReply,
  type WireUsage,
} from "./dialect.ts";

export const anthropicMessages: Dialect = {
  name: "anthropic",

  read(_path, body) {
    const system = body["system"] === undefined ? [] : [{ role: "system", text: textOf(body["system"]) }];
    const messages = Array.isArray(body["messages"]) ? body["messages"].map(toMessage) : [];
    return {
      model: String(body["model"]),
      stream: body["stream"] === true,
      messages: [...system, ...messages],
    };
  },

  whole(reply, model) {
    const content = blocks(reply).map((block) => block.whole);
    return {
      ...head(model),
      content,
      stop_reason: stopReasons[reply.finishReason],
      stop_sequence: null,
      usage: usageOf(reply.usage),
    };
  },

  events(reply, model) {
    const event = (name: string, data: object): WireEvent => ({ event: name, data: { type: name, ...data } });
    const parts = blocks(reply).flatMap(({ empty, deltas }, index) => [
      event("content_block_start", { index, content_block: empty }),
      ...deltas.map((delta) => event("content_block_delta", { index, delta })),
      event("content_block_stop", { index }),
    ]);
    const usage = usageOf(reply.usage);
    return [
      event("message_start", {
        message: { ...head(model), content: [], stop_reason: null, stop_sequence: null, usage },
      }),
      event("ping", {}),
      ...parts,
      event("message_delta", {
        delta: { stop_reason: stopReasons[reply.finishReason], stop_sequence: null },
        usage,
      }),
      event("message_stop", {}),
    ];
  },

  failure(status, message) {
    return { type: "error", error: { type: failureTypes[status] ?? "api_error", message } };
  },
};

const stopReasons = {
  stop: "end_turn",
  length: "max_tokens",
  tool_calls: "tool_use",
  content_filter: "refusal",
} as const;

const failureTypes: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  404: "not_found_error",
  429: "rate_limit_error",
  529: "overloaded_error",
};

function head(model: string): object {
  return { id: "msg_1", type: "message", role: "assistant", model };
}

/** A content block whole, and the same as it is streamed. */
interface Block {
  readonly whole: object;
  readonly empty: object;
  readonly deltas: readonly object[];
}

function blocks(reply: WireReply): readonly Block[] {
  const { text, reasoning } = reply;
  const found: Block[] = [];
  if (reasoning !== undefined) {
    found.push({
      whole: { type: "thinking", thinking: reasoning, signature: "signed" },
      empty: { type: "thinking", thinking: "", signature: "" },
      deltas: [
        { type: "thinking_delta", thinking: reasoning },
        { type: "signature_delta", signature: "signed" },
      ],
    });
  }
  if (text !== null) {
    const deltas = reply.pieces.map((piece) => ({ type: "text_delta", text: piece }));
    found.push({ whole: { type: "text", text }, empty: { type: "text", text: "" }, deltas });
  }
  for (const { id, name, input } of reply.toolCalls) {
    found.push({
      whole: { type: "tool_use", id, name, input },
      empty: { type: "tool_use", id, name, input: {} },
      deltas: [{ type: "input_json_delta", partial_json: JSON.stringify(input) }],
    });
  }
  return found;
}

/** Anthropic counts cached input apart from the rest. */
function usageOf(usage: WireUsage | undefined): object {
  if (usage === undefined) return { input_tokens: 0, output_tokens: 0 };
  const cached = usage.cachedInputTokens ?? 0;
  return {
    input_tokens: usage.inputTokens - cached,
    cache_read_input_tokens: cached,
    output_tokens: usage.outputTokens,
  };
}

function toMessage(message: { role?: unknown; content?: unknown }): WireMessage {
  return { role: String(message.role), text: textOf(message.content) };
}
