/** OpenAI's responses on the wire, as a server writes them. */
import {
  textOf,
  type Dialect,
  type WireEvent,
  type WireMessage,
  type WireReply,
  type WireUsage,
} from "./dialect.ts";

export const openaiResponses: Dialect = {
  name: "openai-responses",

  read(_path, body) {
    const input = Array.isArray(body["input"]) ? body["input"].map(toMessage) : [];
    return { model: String(body["model"]), stream: body["stream"] === true, messages: input };
  },

  whole(reply, model) {
    return response(reply, model, items(reply), true);
  },

  events(reply, model) {
    const event = (type: string, data: object): WireEvent => ({ event: type, data: { type, ...data } });
    const deltas = (item: Item, output_index: number): readonly WireEvent[] => {
      const place = { output_index, item_id: item.id };
      if (item.type === "reasoning") {
        const summary = { ...place, summary_index: 0 };
        return [
          event("response.reasoning_summary_part.added", summary),
          event("response.reasoning_summary_text.delta", { ...summary, delta: reply.reasoning }),
          event("response.reasoning_summary_part.done", summary),
        ];
      }
      if (item.type !== "message") return [];
      const content = { ...place, content_index: 0 };
      const part = { type: "output_text", annotations: [] };
      return [
        event("response.content_part.added", { ...content, part: { ...part, text: "" } }),
        ...reply.pieces.map((delta) => event("response.output_text.delta", { ...content, delta })),
        event("response.output_text.done", { ...content, text: reply.text }),
        event("response.content_part.done", { ...content, part: { ...part, text: reply.text } }),
      ];
    };
    const parts = items(reply).flatMap((item, output_index) => [
      event("response.output_item.added", {
        output_index,
        item: { ...item, ...(item.type === "message" && { content: [] }) },
      }),
      ...deltas(item, output_index),
      event("response.output_item.done", { output_index, item }),
    ]);
    const end = reply.finishReason === "length" ? "response.incomplete" : "response.completed";
    return [
      event("response.created", { response: response(reply, model, [], false) }),
      ...parts,
      event(end, { response: response(reply, model, items(reply), true) }),
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

type Item = { readonly id: string; readonly type: string; readonly status: string } & Readonly<
  Record<string, unknown>
>;

function items(reply: WireReply): readonly Item[] {
  const done = { status: "completed" };
  const found: Item[] = [];
  if (reply.reasoning !== undefined) {
    found.push({
      id: "rs_1",
      type: "reasoning",
      ...done,
      encrypted_content: "sealed",
      summary: [{ type: "summary_text", text: reply.reasoning }],
    });
  }
  if (reply.text !== null) {
    found.push({
      id: "msg_1",
      type: "message",
      role: "assistant",
      ...done,
      content: [{ type: "output_text", text: reply.text, annotations: [] }],
    });
  }
  for (const { id, name, input } of reply.toolCalls) {
    found.push({
      id: `fc_${id}`,
      type: "function_call",
      ...done,
      call_id: id,
      name,
      arguments: JSON.stringify(input),
    });
  }
  return found;
}

function response(reply: WireReply, model: string, output: readonly Item[], ended: boolean): object {
  const cut =
    reply.finishReason === "length"
      ? "max_output_tokens"
      : reply.finishReason === "content_filter"
        ? "content_filter"
        : undefined;
  return {
    ...{ id: "resp_1", object: "response", created_at: 1, model, output },
    status: !ended ? "in_progress" : cut === undefined ? "completed" : "incomplete",
    incomplete_details: cut === undefined || !ended ? null : { reason: cut },
    ...(reply.usage !== undefined && ended && { usage: usageOf(reply.usage) }),
  };
}

function usageOf(usage: WireUsage): object {
  return {
    ...{
      input_tokens: usage.inputTokens,
      output_tokens: usage.outputTokens,
      total_tokens: usage.inputTokens + usage.outputTokens,
    },
    input_tokens_details: { cached_tokens: usage.cachedInputTokens ?? 0 },
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens ?? 0 },
  };
}

function toMessage(item: { role?: unknown; type?: unknown; content?: unknown }): WireMessage {
  return {
    role: String(item.role ?? item.type),
    text: item.content === undefined ? JSON.stringify(item) : textOf(item.content),
  };
}
