/**
 * Makes a list of messages one that providers accept: each call of a tool has its result, each result its call. A message
 * is changed by what came before it alone, so that a longer list begins with the same bytes. Pure.
 */
import type { Message, ToolResultPart } from "../core/message.ts";

/** Messages that are in order come back as the same objects. */
export function pairTools(messages: readonly Message[]): readonly Message[] {
  const paired: Message[] = [];
  const open = new Map<string, string>();
  for (const message of messages) {
    if (message.role === "tool") {
      paired.push(...pairResults(message, open));
      continue;
    }
    // The talk went on without these results; one that comes later is told as text.
    if (message.role === "user") paired.push(...closeCalls(open));
    paired.push(message);
    if (message.role !== "assistant") continue;
    for (const part of message.content)
      if (part.type === "tool-call") open.set(part.toolCallId, part.toolName);
  }
  return paired;
}

/** What stands for a result that never came. */
export const noResult = "[no result: the call was broken off]";

function closeCalls(open: Map<string, string>): Message[] {
  if (open.size === 0) return [];
  const content = [...open].map(
    ([toolCallId, toolName]) =>
      ({ type: "tool-result", toolCallId, toolName, output: noResult, isError: true }) as const,
  );
  open.clear();
  return [{ role: "tool", content }];
}

function pairResults(message: Message & { role: "tool" }, open: Map<string, string>): Message[] {
  const matched: ToolResultPart[] = [];
  const orphans: ToolResultPart[] = [];
  for (const part of message.content) (open.delete(part.toolCallId) ? matched : orphans).push(part);
  if (orphans.length === 0) return [message];
  const told: Message[] = orphans.map(({ toolName, output }) => ({
    role: "user",
    content: [
      {
        type: "text",
        text: `[Result of ${toolName}, whose call is not shown]\n${typeof output === "string" ? output : JSON.stringify(output)}`,
      },
    ],
  }));
  return matched.length === 0 ? told : [{ ...message, content: matched }, ...told];
}
