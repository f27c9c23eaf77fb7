/** The part of the database that searches: candidates from the index, each verified in its message, a slice at a time. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { searchableText } from "../../core/conversation.ts";
import type { BranchRef } from "../../core/conversation.ts";
import type { SearchQuery, Snippet } from "../../core/conversation-store.ts";
import type { ConversationId } from "../../core/ids.ts";
import type { Message } from "../../core/message.ts";
import { numberIn, numberOrNullIn, statement, textIn } from "../parts/part.ts";
import type { OpenPart, Part, Row, Texts } from "../parts/part.ts";
import { isVisible } from "./message-rows.ts";
import { openLineage } from "./lineage.ts";
import type { Segment } from "./lineage.ts";
import { hitIn, matcherOf } from "./matcher.ts";
import type { Matcher } from "./matcher.ts";
import { openSearchIndex } from "./search-index.ts";
import type { IndexRange } from "./search-index.ts";

export interface SearchOperations {
  /** Works for some milliseconds, then says how far it came. */
  slice(request: SearchRequest): SearchSlice;
}

export interface SearchRequest {
  readonly query: SearchQuery;
  readonly in: BranchRef | { readonly conversationId: ConversationId } | "all";
  readonly first: number;
  readonly last: number;
  readonly newestFirst: boolean;
  readonly limit: number;
  /** Where the slice before ended. */
  readonly from: SearchPlace | undefined;
}

export interface SearchPlace {
  /** Newest message of the search, by number: what comes later is left out. */
  readonly upTo: number;
  /** The last message that was looked at, by number; for ranked words, how many were. */
  readonly reached: number;
}

export interface SearchSlice {
  readonly hits: readonly HitRecord[];
  /** Undefined at the end. */
  readonly next: SearchPlace | undefined;
  readonly messages: number;
  readonly by: "index" | "scan";
}

export interface HitRecord {
  readonly conversationId: string;
  readonly seq: number;
  readonly branch: string;
  readonly position: number;
  readonly role: string;
  readonly at: number;
  readonly matches: number;
  readonly snippets: readonly Snippet[];
}

export const searchPart: Part<SearchOperations> = {
  name: "search",
  about: "Reads the tables above; it has none of its own.",
  reads: ["slice"],
  migrations: [],
  open: openSearch,
};

const sliceMs = 12;
/** Words that more messages have than this don't choose candidates where a rarer one does. */
const commonWord = 10_000;
const scanStretch = 4096;

/** Without the hashes and the verbatim text, which can be long. */
const selectFound = `select messages.number, messages.conversation, messages.seq, messages.branch, messages.position,
  messages.at, messages.message, erasures.at as erased_at
  from messages left join erasures on erasures.message = messages.number`;

function openSearch(database: DatabaseSync, texts: Texts): OpenPart<SearchOperations> {
  const lineage = openLineage(database);
  const index = openSearchIndex(database);
  const newest = statement(database, "select max(number) as count from messages");
  const one = statement(database, `${selectFound} where messages.number = ?`);
  const scan = (order: string): string =>
    `${selectFound} where messages.number > ?1 and messages.number < ?2 and (?3 is null or conversation = ?3)
       and (?4 is null or instr(messages.message, ?4) or instr(messages.message, '"$text"')) order by messages.number ${order}`;
  const scanDown = statement(database, scan("desc"));
  const scanUp = statement(database, scan("asc"));
  const conversationId = statement(database, "select id from conversations where number = ?");
  const countIn = statement(database, "select max(seq) as count from messages where conversation = ?");
  const countAll = statement(
    database,
    `select total((select max(seq) from messages where conversation = conversations.number)) as count
     from conversations where id is not null`,
  );

  function slice(request: SearchRequest): SearchSlice {
    const matcher = matcherOf(request.query);
    const scope = scopeOf(request);
    const upTo = request.from?.upTo ?? numberOf(newest());
    const messages = countOf(request, scope);
    if (matcher.lookUp.type === "words") {
      const ranked = rank(matcher.lookUp.words, scope, upTo);
      if (ranked) return { ...verifyRanked(ranked, request, matcher, scope, upTo), messages, by: "index" };
    }
    const found =
      matcher.lookUp.type === "scan"
        ? scanned(request, matcher, scope, upTo)
        : verify(candidates(matcher, indexRange(request, scope, upTo)), request, matcher, scope, upTo);
    return { ...found, messages, by: matcher.lookUp.type === "scan" ? "scan" : "index" };
  }

  function indexRange(request: SearchRequest, scope: Scope, upTo: number): IndexRange {
    const { newestFirst, from } = request;
    return {
      conversation: scope.indexed,
      above: newestFirst ? 0 : (from?.reached ?? 0),
      below: newestFirst ? (from?.reached ?? upTo + 1) : upTo + 1,
      newestFirst,
    };
  }

  function scopeOf(request: SearchRequest): Scope {
    if (request.in === "all") return { conversation: undefined, indexed: undefined, segments: undefined };
    const conversation = lineage.conversation(request.in.conversationId);
    const isMost = numberOf(countIn(), conversation) * 4 > numberOf(newest());
    // The index is asked for a conversation only where that rules out much: to intersect costs as well.
    const indexed = isMost ? undefined : conversation;
    const ref = "name" in request.in ? request.in : undefined;
    return { conversation, indexed, segments: ref && lineage.segments(lineage.branch(ref).number) };
  }

  function countOf(request: SearchRequest, scope: Scope): number {
    if (request.in !== "all" && "name" in request.in) {
      const { position } = lineage.head(lineage.branch(request.in).number);
      return Math.max(0, Math.min(position, request.last) - request.first + 1);
    }
    return scope.conversation === undefined ? numberOf(countAll()) : numberOf(countIn(), scope.conversation);
  }

  function* candidates(matcher: Matcher, range: IndexRange): IterableIterator<Row> {
    const { lookUp } = matcher;
    if (lookUp.type === "scan") return;
    const [rarest] = lookUp.type === "words" ? byRarity(lookUp.words, range) : [];
    const numbers =
      lookUp.type === "trigrams"
        ? index.withTrigrams(lookUp.alternatives, range)
        : index.withWord(
            lookUp.type === "pair" ? { word: lookUp.word, isPrefix: false } : (rarest?.word ?? emptyWord),
            range,
          );
    for (const number of numbers) {
      const row = one().get(number);
      if (row) yield row;
    }
  }

  /** Looks at every message, a stretch of numbers at a time: SQLite passes over those without the needle. */
  function scanned(request: SearchRequest, matcher: Matcher, scope: Scope, upTo: number): Found {
    const until = performance.now() + sliceMs;
    const { newestFirst, limit, from } = request;
    const needle = matcher.lookUp.type === "scan" ? (matcher.lookUp.needle ?? null) : null;
    const hits: HitRecord[] = [];
    let edge = from?.reached ?? (newestFirst ? upTo + 1 : 0);
    for (;;) {
      const above = newestFirst ? Math.max(0, edge - scanStretch - 1) : edge;
      const below = newestFirst ? edge : Math.min(upTo, edge + scanStretch) + 1;
      const stretch = newestFirst ? scanDown() : scanUp();
      for (const row of stretch.iterate(above, below, scope.conversation ?? null, needle)) {
        const hit = hitOf(row, request, matcher, scope);
        if (hit) hits.push(hit);
        const isLate = performance.now() > until;
        if (hits.length >= limit || isLate) return { hits, next: { upTo, reached: numberIn(row, "number") } };
      }
      if (newestFirst ? above === 0 : below > upTo) return { hits, next: undefined };
      edge = newestFirst ? above + 1 : below - 1;
      if (performance.now() > until) return { hits, next: { upTo, reached: edge } };
    }
  }

  function verify(
    rows: Iterable<Row>,
    request: SearchRequest,
    matcher: Matcher,
    scope: Scope,
    upTo: number,
  ): Found {
    const until = performance.now() + sliceMs;
    const hits: HitRecord[] = [];
    for (const row of rows) {
      const hit = hitOf(row, request, matcher, scope);
      if (hit) hits.push(hit);
      if (hits.length >= request.limit || performance.now() > until) {
        return { hits, next: { upTo, reached: numberIn(row, "number") } };
      }
    }
    return { hits, next: undefined };
  }

  function hitOf(row: Row, request: SearchRequest, matcher: Matcher, scope: Scope): HitRecord | undefined {
    if (row["erased_at"] !== null) return undefined;
    const [branch, position] = [numberIn(row, "branch"), numberIn(row, "position")];
    if (scope.conversation !== undefined && numberIn(row, "conversation") !== scope.conversation)
      return undefined;
    if (scope.segments && !isVisible(scope.segments, branch, position)) return undefined;
    if (position < request.first || position > request.last) return undefined;
    const folded = textIn(row, "message");
    // Written by the messages part.
    const message = JSON.parse(texts.unfold(folded)) as Message;
    const text = searchableText(message);
    const found = hitIn(text, matcher);
    if (!found && matcher.lookUp.type !== "words") return undefined;
    const id = conversationId().get(numberIn(row, "conversation"))?.["id"];
    // One that is being imported has none yet.
    if (typeof id !== "string") return undefined;
    return {
      conversationId: id,
      seq: numberIn(row, "seq"),
      branch: lineage.byNumber(branch).name,
      position,
      role: message.role,
      at: numberIn(row, "at"),
      ...(found ?? { matches: 1, snippets: [] }),
    };
  }

  function byRarity(words: Words, range: IndexRange): { word: Words[number]; count: number }[] {
    return words
      .map((word) => ({ word, count: index.countWord(word, range, commonWord + 1) }))
      .filter(({ count }) => count > 0)
      .sort((a, b) => a.count - b.count);
  }

  /** Messages with the most and rarest words first; undefined where every word is a common one. */
  function rank(words: Words, scope: Scope, upTo: number): number[] | undefined {
    const range: IndexRange = {
      conversation: scope.indexed,
      above: 0,
      below: upTo + 1,
      newestFirst: true,
    };
    const counted = byRarity(words, range);
    if (counted[0] && counted[0].count > commonWord) return undefined;
    const scores = new Map<number, number>();
    let looked = 0;
    for (const { word, count } of counted) {
      if ((looked += count) > commonWord && scores.size > 0) break;
      const weight = Math.log(1 + upTo / count);
      for (const number of index.withWord(word, range))
        scores.set(number, (scores.get(number) ?? 0) + weight);
    }
    return Array.from(scores)
      .sort(([a, scoreA], [b, scoreB]) => scoreB - scoreA || b - a)
      .map(([number]) => number);
  }

  function verifyRanked(
    ranked: readonly number[],
    request: SearchRequest,
    matcher: Matcher,
    scope: Scope,
    upTo: number,
  ): Found {
    const hits: HitRecord[] = [];
    let reached = request.from?.reached ?? 0;
    for (; reached < ranked.length && hits.length < request.limit; reached++) {
      const row = one().get(ranked[reached] ?? 0);
      const hit = row && hitOf(row, request, matcher, scope);
      if (hit) hits.push(hit);
    }
    return { hits, next: reached < ranked.length ? { upTo, reached } : undefined };
  }

  return { operations: { slice }, forget: lineage.forget };
}

type Words = readonly { readonly word: string; readonly isPrefix: boolean }[];
const emptyWord: Words[number] = { word: "", isPrefix: false };

type Found = Pick<SearchSlice, "hits" | "next">;

interface Scope {
  readonly conversation: number | undefined;
  /** What the index is asked for. */
  readonly indexed: number | undefined;
  readonly segments: readonly Segment[] | undefined;
}

/** The `count` of a query's only row; 0 where there is nothing to count. */
function numberOf(counted: StatementSync, ...values: number[]): number {
  return numberOrNullIn(counted.get(...values) ?? {}, "count") ?? 0;
}
