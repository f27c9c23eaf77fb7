/** Which messages belong together: calls of tools, all their results, and what stands between. Pure. */
import type { Message } from "../core/message.ts";

/** A stretch that is shown, labelled or left out only as a whole. Indexes into the list it was made of. */
export interface Group {
  readonly first: number;
  readonly last: number;
  /** A call in it still waits for its result. */
  readonly isOpen: boolean;
}

/** Partitions the messages, in order. A call that nobody answered stops waiting at the second user message after it. */
export function groupMessages(messages: readonly Message[]): readonly Group[] {
  const spans = callSpans(messages);
  const groups: Group[] = [];
  for (let first = 0; first < messages.length;) {
    let last = first;
    let isOpen = false;
    // Spans may overlap, for instance where one call was made before another was answered.
    for (let i = first; i <= last; i++) {
      const span = spans.get(i);
      if (!span) continue;
      last = Math.max(last, span.last);
      isOpen ||= span.isOpen;
    }
    groups.push({ first, last, isOpen });
    first = last + 1;
  }
  return groups;
}

interface CallSpan {
  last: number;
  isOpen: boolean;
}

interface OpenCall {
  readonly at: number;
  usersSince: number;
}

function callSpans(messages: readonly Message[]): ReadonlyMap<number, CallSpan> {
  const spans = new Map<number, CallSpan>();
  const open = new Map<string, OpenCall[]>();
  messages.forEach((message, index) => {
    if (message.role === "assistant") {
      for (const part of message.content) {
        if (part.type !== "tool-call") continue;
        open.set(part.toolCallId, [...(open.get(part.toolCallId) ?? []), { at: index, usersSince: 0 }]);
      }
    } else if (message.role === "tool") {
      for (const part of message.content) {
        // Ids may come again in later turns: a result belongs to the nearest call before it.
        const call = open.get(part.toolCallId)?.pop();
        if (call) extend(spans, call.at, index);
      }
    } else if (message.role === "user") {
      for (const [id, calls] of open) {
        for (const call of calls) call.usersSince++;
        open.set(
          id,
          calls.filter((call) => call.usersSince < usersUntilGivenUp),
        );
      }
    }
  });
  for (const calls of open.values()) for (const { at } of calls) extend(spans, at, messages.length - 1, true);
  return spans;
}

const usersUntilGivenUp = 2;

function extend(spans: Map<number, CallSpan>, at: number, last: number, isOpen = false): void {
  const span = spans.get(at);
  if (!span) spans.set(at, { last, isOpen });
  else {
    span.last = Math.max(span.last, last);
    span.isOpen ||= isOpen;
  }
}
