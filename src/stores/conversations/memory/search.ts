/** Search in memory: every message is looked at. */
import { searchableText } from "../../../core/conversation.ts";
import type { Message } from "../../../core/message.ts";
import { hitIn, matcherOf } from "../matcher.ts";
import type { Matcher } from "../matcher.ts";
import type { HitRecord, SearchOperations, SearchRequest } from "../search.ts";
import { branchOf, conversationOf } from "./tree.ts";
import type { MemoryMessage, MemoryTables } from "./tree.ts";

export function memorySearch(tables: MemoryTables): SearchOperations {
  function inScope(request: SearchRequest, upTo: number): MemoryMessage[] {
    const target = request.in;
    const conversation = target === "all" ? undefined : conversationOf(tables, target.conversationId);
    const path = target !== "all" && "name" in target ? new Set(branchOf(tables, target).path) : undefined;
    return (conversation?.messages ?? tables.order).filter(
      (message) =>
        message.number <= upTo &&
        message.conversation.id !== undefined &&
        (!path || path.has(message)) &&
        message.record.position >= request.first &&
        message.record.position <= request.last,
    );
  }
  return {
    slice(request) {
      const matcher = matcherOf(request.query);
      const upTo = request.from?.upTo ?? tables.order.length;
      const scope = inScope(request, upTo);
      const facts = { messages: scope.length, by: "scan" } as const;
      const reached = request.from?.reached ?? 0;
      if (matcher.lookUp.type === "words") {
        const ranked = rank(scope, matcher);
        const hits = ranked.slice(reached, reached + request.limit);
        const next = reached + hits.length;
        return { hits, next: next < ranked.length ? { upTo, reached: next } : undefined, ...facts };
      }
      const hits: HitRecord[] = [];
      for (const message of request.newestFirst ? scope.toReversed() : scope) {
        const { number } = message;
        if (request.from && (request.newestFirst ? number >= reached : number <= reached)) continue;
        const hit = hitOf(message, matcher);
        if (hit) hits.push(hit);
        if (hits.length >= request.limit) return { hits, next: { upTo, reached: number }, ...facts };
      }
      return { hits, next: undefined, ...facts };
    },
  };
}

function rank(scope: readonly MemoryMessage[], matcher: Matcher): HitRecord[] {
  const found = scope.flatMap((message) => {
    const hit = hitOf(message, matcher);
    return hit ? [{ number: message.number, hit, words: foundWords(message, matcher) }] : [];
  });
  const count = (word: string): number => found.filter(({ words }) => words.has(word)).length;
  const counts = new Map<string, number>();
  for (const { words } of found)
    for (const word of words) if (!counts.has(word)) counts.set(word, count(word));
  const score = (words: ReadonlySet<string>): number =>
    [...words].reduce((sum, word) => sum + Math.log(1 + scope.length / (counts.get(word) ?? 1)), 0);
  return found
    .map(({ number, hit, words }) => ({ number, hit, score: score(words) }))
    .sort((a, b) => b.score - a.score || b.number - a.number)
    .map(({ hit }) => hit);
}

function foundWords(message: MemoryMessage, matcher: Matcher): ReadonlySet<string> {
  const text = textOf(message);
  return new Set(Array.from(matcher.find(text), ([start, end]) => text.slice(start, end).toLowerCase()));
}

function hitOf(message: MemoryMessage, matcher: Matcher): HitRecord | undefined {
  const { record, conversation, branch, role } = message;
  const found = record.erased ? undefined : hitIn(textOf(message), matcher);
  if (!found || conversation.id === undefined) return undefined;
  const { seq, position, at } = record;
  return { conversationId: conversation.id, seq, branch, position, role, at, ...found };
}

function textOf({ record }: MemoryMessage): string {
  // Serialised by the port.
  return searchableText(JSON.parse(record.message) as Message);
}
