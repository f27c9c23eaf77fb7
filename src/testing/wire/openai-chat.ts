/** OpenAI's chat completions on the wire, as a server writes them. */
import {
  textOf,
  type Dialect,
  type WireEvent,
  type WireMessage,
  type WireReply,
  type WireUsage,
} from "./dialect.ts";

export const openaiChat: Dialect = {
  name: "openai-chat",

  read(_path, body) {
    const messages = Array.isArray(body["messages"]) ? body["messages"].map(toMessage) : [];
    return { model: String(body["model"]), stream: body["stream"] === true, messages };
  },

  whole(reply, model) {
    const message = {
      role: "assistant",
      content: reply.text,
      ...(reply.reasoning !== undefined && { ...thinking(reply.reasoning) }),
      ...(reply.toolCalls.length > 0 && { tool_calls: toolCalls(reply) }),
    };
    return {
      ...{ id: "chatcmpl-1", object: "chat.completion", created: 1, model },
      choices: [{ index: 0, message, finish_reason: reply.finishReason }],
      ...(reply.usage !== undefined && { usage: usageOf(reply.usage) }),
    };
  },

  events(reply, model) {
    const chunk = (delta: unknown, finish_reason: string | null = null): WireEvent => ({
      data: {
        id: "chatcmpl-1",
        object: "chat.completion.chunk",
        created: 1,
        model,
        choices: [{ index: 0, delta, finish_reason }],
      },
    });
    const calls = toolCalls(reply).map((call, index) => chunk({ tool_calls: [{ index, ...call }] }));
    return [
      chunk({ role: "assistant", content: "" }),
      ...(reply.reasoning === undefined ? [] : [chunk({ ...thinking(reply.reasoning) })]),
      ...reply.pieces.map((content) => chunk({ content })),
      ...calls,
      chunk({}, reply.finishReason),
      ...(reply.usage === undefined
        ? []
        : [{ data: { id: "chatcmpl-1", model, choices: [], usage: usageOf(reply.usage) } }]),
      { data: "[DONE]" },
    ];
  },

  failure(status, message) {
    return {
      error: {
        message,
        type: status >= 500 ? "server_error" : "invalid_request_error",
        param: null,
        code: null,
      },
    };
  },
};

function toMessage(message: { role?: unknown; content?: unknown; tool_calls?: unknown }): WireMessage {
  const calls = message.tool_calls === undefined ? "" : JSON.stringify(message.tool_calls);
  return { role: String(message.role), text: textOf(message.content) + calls };
}

/** Servers disagree on the name; they who know both send both. */
function thinking(text: string): object {
  return { reasoning_content: text, reasoning: text };
}

function toolCalls(reply: WireReply): readonly object[] {
  return reply.toolCalls.map((call) => ({
    ...{ id: call.id, type: "function" },
    function: { name: call.name, arguments: JSON.stringify(call.input) },
  }));
}

function usageOf(usage: WireUsage): object {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedInputTokens ?? 0 },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens ?? 0 },
    ...(usage.cost !== undefined && { cost: usage.cost }),
  };
}
