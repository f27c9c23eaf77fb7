/** What the walk looks at requests and labels with, and how summarisers fail. */
import { ModelError } from "../../core/errors.ts";
import type { Message } from "../../core/message.ts";
import type { ModelRequest } from "../../core/model.ts";
import type { FixedStep } from "../../testing/scripted-model.ts";
import type { ContextReport } from "../conversation.ts";
import type { MessageInput } from "../input.ts";
import { messageTokens } from "../measure.ts";

/** In each bad label, so that it is known where it must not be. */
export const poison = "zzpoisonzz";

export function goodLabel(request: ModelRequest): string {
  const text = JSON.stringify(request.messages.at(-1));
  const words = /at most (\d+) words/.exec(text)?.[1] ?? "20";
  return `Topic: ${"talk ".repeat(Math.min(4, Number(words) / 4))}and more of it\nDecided: what they wanted\nOpen: the rest of the work`;
}

/** What summarisers have been seen to do. */
export const faults: readonly ((request: ModelRequest) => FixedStep)[] = [
  () => "",
  () => new ModelError("auth", "401"),
  () => new ModelError("timeout", "too long", { retryable: false }),
  () => new ModelError("unreachable", "gone", { retryable: false }),
  () => `I'm sorry, I can't help with ${poison}.`,
  () => `${poison} `.repeat(4_000),
  () => `<think>${poison} is what they`,
  () => ({ text: `Topic: ${poison}`, stopReason: "length" }),
  () =>
    `Topic: ${poison} 8834751 and /no/such/${poison}.ts and id_${poison}_1 and 99887766\nOpen: 5544332211`,
  () => "%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%",
  () => ({ reasoning: poison, text: "" }),
  (request) => goodLabel(request),
  () => ({ text: poison, stopReason: "refused" }),
];

/** How a message reads once it is kept. */
export function asMessage(input: MessageInput): Message {
  const { role, content } = input;
  const parts =
    typeof content === "string" && role !== "system" ? [{ type: "text", text: content }] : content;
  return { role, content: parts } as Message;
}

export function tokensOfInput(input: MessageInput): number {
  return messageTokens(asMessage(input));
}

/** Counted message by message, apart from how it is assembled. */
export function countAgain({ messages, tools }: ModelRequest): number {
  const ofTools =
    tools === undefined ? 0 : messageTokens({ role: "system", content: JSON.stringify(tools) }) - 4;
  return messages.reduce((sum, message) => sum + messageTokens(message), 8 + ofTools);
}

export function isPaired(messages: readonly Message[]): boolean {
  const open = new Set<string>();
  for (const message of messages) {
    if (message.role === "tool") {
      for (const { toolCallId } of message.content) if (!open.delete(toolCallId)) return false;
    } else if (message.role === "user" && open.size > 0) return false;
    if (message.role !== "assistant") continue;
    for (const part of message.content) if (part.type === "tool-call") open.add(part.toolCallId);
  }
  return true;
}

/** How many messages two requests must share, by what they show. */
export function firstChange(before: ContextReport, after: ContextReport): number {
  // What is shown as one message each: instructions, preamble, labels, messages.
  const shown = ({ items }: ContextReport): readonly string[] =>
    items.flatMap((item) => {
      switch (item.type) {
        case "tools":
          return [];
        case "label":
          return [item.id];
        case "message":
          return [`${item.position} ${item.form} ${item.tokens}`];
        default:
          return [item.type];
      }
    });
  const [a, b] = [shown(before), shown(after)];
  let same = 0;
  while (same < a.length && a[same] === b[same]) same++;
  return same;
}
