/** Google's generateContent on the wire, as a server writes it. */
import { isPlainObject } from "../../core/json.ts";
import { textOf, type Dialect, type WireMessage, type WireReply, type WireUsage } from "./dialect.ts";

export const googleGenerateContent: Dialect = {
  name: "google",

  read(path, body) {
    const [, model, method] = /\/models\/([^:/?]+):(\w+)/.exec(path) ?? [];
    const instruction = body["systemInstruction"];
    const system = isPlainObject(instruction) ? [{ role: "system", text: textOf(instruction["parts"]) }] : [];
    const messages = Array.isArray(body["contents"]) ? body["contents"].map(toMessage) : [];
    return {
      model: model ?? "",
      stream: method === "streamGenerateContent",
      messages: [...system, ...messages],
    };
  },

  whole(reply, model) {
    const text = reply.text === null ? [] : [{ text: reply.text }];
    return response(model, [...thoughts(reply), ...text, ...calls(reply)], reply);
  },

  events(reply, model) {
    const parts = [...thoughts(reply), ...reply.pieces.map((text) => ({ text })), ...calls(reply)];
    const chunks = parts.map((part) => ({
      data: { candidates: [{ content: content([part]), index: 0 }], modelVersion: model },
    }));
    return [...chunks, { data: response(model, [], reply) }];
  },

  failure(status, message) {
    return { error: { code: status, message, status: statuses[status] ?? "INTERNAL" } };
  },
};

const finishReasons = {
  stop: "STOP",
  length: "MAX_TOKENS",
  tool_calls: "STOP",
  content_filter: "SAFETY",
} as const;

const statuses: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  404: "NOT_FOUND",
  429: "RESOURCE_EXHAUSTED",
  503: "UNAVAILABLE",
};

function response(model: string, parts: readonly object[], reply: WireReply): object {
  const candidate = { content: content(parts), finishReason: finishReasons[reply.finishReason], index: 0 };
  return {
    candidates: [candidate],
    ...(reply.usage !== undefined && { usageMetadata: usageOf(reply.usage) }),
    modelVersion: model,
  };
}

function content(parts: readonly object[]): object {
  return { role: "model", parts };
}

function thoughts(reply: WireReply): readonly object[] {
  return reply.reasoning === undefined ? [] : [{ text: reply.reasoning, thought: true }];
}

function calls(reply: WireReply): readonly object[] {
  return reply.toolCalls.map(({ name, input }) => ({
    functionCall: { name, args: input },
    thoughtSignature: "c2lnbmVk",
  }));
}

/** Google counts thoughts apart from the rest of the output. */
function usageOf(usage: WireUsage): object {
  const thoughtsTokenCount = usage.reasoningTokens ?? 0;
  return {
    ...{ promptTokenCount: usage.inputTokens, cachedContentTokenCount: usage.cachedInputTokens ?? 0 },
    ...{ candidatesTokenCount: usage.outputTokens - thoughtsTokenCount, thoughtsTokenCount },
    totalTokenCount: usage.inputTokens + usage.outputTokens,
  };
}

function toMessage(message: { role?: unknown; parts?: unknown }): WireMessage {
  return { role: String(message.role ?? "user"), text: textOf(message.parts) };
}
