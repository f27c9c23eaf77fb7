/** A reply as OpenAI's response: the items it consists of, and the events in which they come. */
import type { JsonObject } from "../core/json.ts";
import type { Usage } from "../core/usage.ts";
import type { ReplyEnd, ReplyHead, ReplyStream, ServedReply, SseEvent } from "./dialect.ts";
import { writeArguments } from "./read-parts.ts";

/** @param end undefined while the reply is coming */
export function responseOf(
  head: ReplyHead,
  output: readonly JsonObject[],
  end: ReplyEnd | undefined,
): JsonObject {
  const isCut = end?.stopReason === "length" || end?.stopReason === "refused";
  return {
    ...{ id: head.id, object: "response", created_at: Math.floor(head.at / 1000), model: head.model, output },
    status: end === undefined ? "in_progress" : isCut ? "incomplete" : "completed",
    incomplete_details: isCut
      ? { reason: end.stopReason === "length" ? "max_output_tokens" : "content_filter" }
      : null,
    ...{
      error: null,
      instructions: null,
      metadata: {},
      parallel_tool_calls: true,
      previous_response_id: null,
    },
    ...{ temperature: null, top_p: null, tool_choice: "auto", tools: [], store: false },
    usage: end ? usageOf(end.usage) : null,
    ...(end?.extra && { unabridged: end.extra }),
  };
}

export function itemsOf({ id, reasoning, text, toolCalls }: ServedReply): readonly JsonObject[] {
  return [
    ...(reasoning === "" ? [] : [reasoningItem(id, 0, reasoning)]),
    ...(text === "" ? [] : [messageItem(id, 1, text, "completed")]),
    ...toolCalls.map((call) => callItem(id, call, "completed", writeArguments(call.input))),
  ];
}

function reasoningItem(id: string, index: number, text: string): JsonObject {
  return {
    id: `rs_${id}_${index}`,
    type: "reasoning",
    summary: text === "" ? [] : [{ type: "summary_text", text }],
  };
}

function messageItem(id: string, index: number, text: string | undefined, status: string): JsonObject {
  const content = text === undefined ? [] : [outputText(text)];
  return { id: `msg_${id}_${index}`, type: "message", role: "assistant", status, content };
}

function outputText(text: string): JsonObject {
  return { type: "output_text", text, annotations: [] };
}

/** Some servers count their calls anew in each reply, so the reply's id is part of the item's. */
function callItem(
  id: string,
  { toolCallId, toolName }: ReplyEnd["toolCalls"][number],
  status: string,
  args: string,
): JsonObject {
  const call = { call_id: toolCallId, name: toolName, arguments: args };
  return { id: `fc_${id}_${toolCallId}`, type: "function_call", status, ...call };
}

function usageOf({ inputTokens, cachedInputTokens, outputTokens, reasoningTokens }: Usage): JsonObject {
  return {
    ...{ input_tokens: inputTokens, output_tokens: outputTokens, total_tokens: inputTokens + outputTokens },
    input_tokens_details: { cached_tokens: cachedInputTokens },
    output_tokens_details: { reasoning_tokens: reasoningTokens },
  };
}

export function responsesStream(head: ReplyHead, send: (event: SseEvent) => void): ReplyStream {
  const writer = new ResponseWriter(head, send);
  writer.begin();
  return {
    reasoning: (text) => writer.grow("reasoning", text),
    text: (text) => writer.grow("message", text),
    end: (end) => writer.end(end),
  };
}

class ResponseWriter {
  readonly #head: ReplyHead;
  readonly #send: (event: SseEvent) => void;
  readonly #items: JsonObject[] = [];
  #sequence = 0;
  #open: { readonly kind: "reasoning" | "message"; text: string } | undefined;

  constructor(head: ReplyHead, send: (event: SseEvent) => void) {
    this.#head = head;
    this.#send = send;
  }

  begin(): void {
    const response = responseOf(this.#head, [], undefined);
    this.#emit("response.created", { response });
    this.#emit("response.in_progress", { response });
  }

  grow(kind: "reasoning" | "message", delta: string): void {
    if (this.#open?.kind !== kind) {
      this.#close();
      this.#openItem(kind);
    }
    if (!this.#open) return;
    this.#open.text += delta;
    const place = this.#place(kind);
    if (kind === "message") this.#emit("response.output_text.delta", { ...place, delta, logprobs: [] });
    else this.#emit("response.reasoning_summary_text.delta", { ...place, delta });
  }

  end(end: ReplyEnd): void {
    this.#close();
    for (const call of end.toolCalls) this.#call(call);
    const type = end.stopReason === "length" || end.stopReason === "refused" ? "incomplete" : "completed";
    this.#emit(`response.${type}`, { response: responseOf(this.#head, this.#items, end) });
  }

  #openItem(kind: "reasoning" | "message"): void {
    this.#open = { kind, text: "" };
    const { id } = this.#head;
    const index = this.#items.length;
    const item =
      kind === "message" ? messageItem(id, index, undefined, "in_progress") : reasoningItem(id, index, "");
    this.#emit("response.output_item.added", { output_index: index, item });
    const place = this.#place(kind);
    if (kind === "message") this.#emit("response.content_part.added", { ...place, part: outputText("") });
    else
      this.#emit("response.reasoning_summary_part.added", {
        ...place,
        part: { type: "summary_text", text: "" },
      });
  }

  #close(): void {
    if (!this.#open) return;
    const { kind, text } = this.#open;
    const place = this.#place(kind);
    const { id } = this.#head;
    const index = this.#items.length;
    if (kind === "message") {
      this.#emit("response.output_text.done", { ...place, text, logprobs: [] });
      this.#emit("response.content_part.done", { ...place, part: outputText(text) });
    } else {
      this.#emit("response.reasoning_summary_text.done", { ...place, text });
      this.#emit("response.reasoning_summary_part.done", { ...place, part: { type: "summary_text", text } });
    }
    const item =
      kind === "message" ? messageItem(id, index, text, "completed") : reasoningItem(id, index, text);
    this.#emit("response.output_item.done", { output_index: index, item });
    this.#items.push(item);
    this.#open = undefined;
  }

  #call(call: ReplyEnd["toolCalls"][number]): void {
    const output_index = this.#items.length;
    const args = writeArguments(call.input);
    const item = callItem(this.#head.id, call, "completed", args);
    this.#emit("response.output_item.added", {
      output_index,
      item: callItem(this.#head.id, call, "in_progress", ""),
    });
    const place = { output_index, item_id: `fc_${this.#head.id}_${call.toolCallId}` };
    this.#emit("response.function_call_arguments.delta", { ...place, delta: args });
    this.#emit("response.function_call_arguments.done", { ...place, name: call.toolName, arguments: args });
    this.#emit("response.output_item.done", { output_index, item });
    this.#items.push(item);
  }

  #place(kind: "reasoning" | "message"): JsonObject {
    const index = this.#items.length;
    const prefix = kind === "message" ? "msg" : "rs";
    const within = kind === "message" ? { content_index: 0 } : { summary_index: 0 };
    return { item_id: `${prefix}_${this.#head.id}_${index}`, output_index: index, ...within };
  }

  #emit(type: string, data: JsonObject): void {
    this.#send({ event: type, data: { type, sequence_number: this.#sequence++, ...data } });
  }
}
