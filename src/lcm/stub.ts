/** Messages in their own form with their texts cut: what is shown of what is too large for the window. Pure. */
import type { StoredMessage } from "../core/conversation.ts";
import type { AssistantPart, Message, ToolResultPart, UserPart } from "../core/message.ts";
import { bothEnds } from "./excerpt.ts";
import { messageTokens, textOfFile } from "./measure.ts";

/** Undefined where even so they take more than `cap` tokens: then only a label is small enough. */
export function stubOf(messages: readonly StoredMessage[], cap: number): readonly Message[] | undefined {
  const pieces = messages.reduce((sum, { message }) => sum + piecesOf(message), 0);
  for (const share of [0.9, 0.6, 0.3, 0.1]) {
    const each = Math.max(4, Math.floor((cap * share) / Math.max(1, pieces)));
    const stubs = messages.map((stored) => cut(stored, each));
    if (stubs.reduce((sum, stub) => sum + messageTokens(stub), 0) <= cap) return stubs;
  }
  return undefined;
}

function piecesOf(message: Message): number {
  return message.role === "system" ? 1 : Math.max(1, message.content.length);
}

function cut({ message, position }: StoredMessage, each: number): Message {
  const shorten = (text: string): string => {
    const short = bothEnds(text, each);
    return short === text ? text : `[message ${position}, shown in part] ${short}`;
  };
  switch (message.role) {
    case "system":
      return { ...message, content: shorten(message.content) };
    case "user":
      return { role: "user", content: message.content.map((part) => cutUserPart(part, shorten)) };
    case "assistant":
      return {
        role: "assistant",
        content: message.content.flatMap((part) => cutAssistantPart(part, shorten)),
      };
    case "tool":
      return { role: "tool", content: message.content.map((part) => cutResult(part, shorten)) };
  }
}

function cutUserPart(part: UserPart, shorten: (text: string) => string): UserPart {
  if (part.type === "text") return { type: "text", text: shorten(part.text) };
  const text = textOfFile(part);
  const name = part.filename ?? part.mediaType;
  return { type: "text", text: text === undefined ? `[${name}: not shown]` : `[${name}] ${shorten(text)}` };
}

/** Thinking goes: cut, its signature would be void. A call keeps its id and name, which its result needs. */
function cutAssistantPart(part: AssistantPart, shorten: (text: string) => string): AssistantPart[] {
  switch (part.type) {
    case "text":
      return [{ type: "text", text: shorten(part.text) }];
    case "reasoning":
      return [];
    case "file":
      return [{ type: "text", text: `[${part.filename ?? part.mediaType}: not shown]` }];
    case "tool-call": {
      const written = JSON.stringify(part.input);
      const short = shorten(written);
      return [short === written ? part : { ...part, input: { shown_in_part: short } }];
    }
  }
}

function cutResult(part: ToolResultPart, shorten: (text: string) => string): ToolResultPart {
  const written = typeof part.output === "string" ? part.output : JSON.stringify(part.output);
  const short = shorten(written);
  return short === written ? part : { ...part, output: short };
}
