/** Finds what a search asks for in one text, exactly and in linear time, and shows the place. Pure. */
import { RE2JS } from "re2js";
import type { SearchQuery, Snippet } from "../../core/conversation-store.ts";
import { ConfigError, messageOf } from "../../core/errors.ts";
import { requiredTexts } from "./required-text.ts";
import { anyWord, caseless, isDensePair, trigramsOf, wordsOf } from "./search-text.ts";

export interface Matcher {
  /** Ranges of the text that match, without overlap. An empty match is none. */
  find(text: string): Iterable<readonly [start: number, end: number]>;
  readonly lookUp: LookUp;
}

/** How an index narrows down which texts to look at. */
export type LookUp =
  /** Texts with all sequences of one of the alternatives. */
  | { readonly type: "trigrams"; readonly alternatives: readonly (readonly string[])[] }
  /** Texts with this word of two characters. */
  | { readonly type: "pair"; readonly word: string }
  | {
      readonly type: "words";
      readonly words: readonly { readonly word: string; readonly isPrefix: boolean }[];
    }
  /** Every text. Those without the needle, which JSON does not escape, can be passed over. */
  | { readonly type: "scan"; readonly needle: string | undefined };

/** Throws ConfigError "invalid_input". */
export function matcherOf(query: SearchQuery): Matcher {
  switch (query.type) {
    case "literal":
      return literalMatcher(query.text, query.ignoreCase ?? false);
    case "regex":
      return regexMatcher(query.pattern, query.ignoreCase ?? false);
    case "words":
      return wordMatcher(query.text);
  }
}

function literalMatcher(wanted: string, ignoreCase: boolean): Matcher {
  if (wanted === "") throw refused(wanted, "it is empty");
  // RE2 knows whole characters only: a piece with half of one is looked for as it is.
  const isLoose = ignoreCase && caseMatters(wanted) && wanted.isWellFormed();
  const find = isLoose ? caselessFinder(wanted) : exactFinder(wanted);
  const trigrams = trigramsOf(wanted);
  if (trigrams.length > 0) return { find, lookUp: { type: "trigrams", alternatives: [trigrams] } };
  if (isDensePair(wanted)) return { find, lookUp: { type: "pair", word: wanted } };
  const isPlain = !ignoreCase && /^[^\s"\\\p{Cc}\p{Cs}]+$/u.test(wanted);
  return { find, lookUp: { type: "scan", needle: isPlain ? wanted : undefined } };
}

function caseMatters(text: string): boolean {
  return text.toLowerCase() !== text.toUpperCase() || /\P{ASCII}/u.test(text);
}

function exactFinder(wanted: string): Matcher["find"] {
  return function* (text) {
    for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
      yield [at, at + wanted.length];
    }
  };
}

function caselessFinder(wanted: string): Matcher["find"] {
  const regex = RE2JS.compile(RE2JS.quote(wanted), RE2JS.CASE_INSENSITIVE);
  const isAscii = /^[\0-\x7f]*$/;
  const lowered = wanted.toLowerCase();
  const plain = isAscii.test(wanted);
  // Lower case keeps the length of ASCII, and is some ten times as fast.
  return (text) =>
    plain && isAscii.test(text) ? exactFinder(lowered)(text.toLowerCase()) : matchesOf(regex, text);
}

function regexMatcher(pattern: string, ignoreCase: boolean): Matcher {
  if (pattern === "") throw refused(pattern, "it is empty");
  const regex = compile(pattern, RE2JS.MULTILINE | (ignoreCase ? RE2JS.CASE_INSENSITIVE : 0));
  const alternatives = requiredTexts(pattern)?.map((pieces) => pieces.flatMap(trigramsOf).slice(0, 16));
  const isUseful = alternatives !== undefined && alternatives.every((trigrams) => trigrams.length > 0);
  return {
    find: (text) => matchesOf(regex, text),
    lookUp: isUseful ? { type: "trigrams", alternatives } : { type: "scan", needle: undefined },
  };
}

function compile(pattern: string, flags: number): RE2JS {
  try {
    return RE2JS.compile(pattern, flags);
  } catch (error) {
    throw new ConfigError(
      "invalid_input",
      `The pattern "${shortened(pattern)}" can't be read: ${messageOf(error)}. Patterns are RE2's: no look-around and no back-references.`,
      { cause: error },
    );
  }
}

function* matchesOf(regex: RE2JS, text: string): Iterable<readonly [number, number]> {
  const matcher = regex.matcher(text);
  while (matcher.find()) if (matcher.end() > matcher.start()) yield [matcher.start(), matcher.end()];
}

function wordMatcher(query: string): Matcher {
  const words = wordsOf(query);
  if (words.length === 0) throw refused(query, "it has no word in it");
  const bare = words.map(({ word }) => bareWord(word));
  return {
    lookUp: { type: "words", words },
    *find(text) {
      for (const match of text.matchAll(anyWord)) {
        const word = bareWord(match[0]);
        const found = bare.find((wanted) => isFormOf(word, wanted));
        if (found !== undefined) yield [match.index, match.index + match[0].length];
        else yield* densePlaces(match[0], match.index);
      }
    },
  };

  /** Pairs of characters overlap in a text as they do in the query: what belongs together is one match. */
  function densePlaces(stretch: string, offset: number): Iterable<readonly [number, number]> {
    const places: [number, number][] = [];
    for (const { word } of words) {
      if (/[\0-\x7f]/.test(word)) continue;
      for (const [start, end] of exactFinder(word)(stretch)) places.push([offset + start, offset + end]);
    }
    const merged: [number, number][] = [];
    for (const [start, end] of places.sort(([a], [b]) => a - b)) {
      const last = merged.at(-1);
      if (last && start < last[1]) last[1] = Math.max(last[1], end);
      else merged.push([start, end]);
    }
    return merged;
  }
}

function bareWord(word: string): string {
  return caseless(word)
    .normalize("NFD")
    .replaceAll(/\p{Mn}/gu, "");
}

/** Roughly what the index takes for forms of one word: it cuts English endings. */
function isFormOf(word: string, wanted: string): boolean {
  if (word === wanted) return true;
  if (!/^[a-z]{4,}$/.test(wanted) || !/^[a-z]{4,}$/.test(word)) return false;
  const stem = wanted.slice(0, Math.max(4, wanted.length - 3));
  return word.startsWith(stem) && Math.abs(word.length - wanted.length) <= 4;
}

const aroundMatch = 120;
const longestShown = 240;

/** The match with some text on both sides; a long match is cut at its end. */
export function snippetAt(text: string, start: number, end: number): Snippet {
  const shownEnd = Math.min(end, start + longestShown);
  const from = notWithinCharacter(text, Math.max(0, start - aroundMatch));
  const to = notWithinCharacter(text, Math.min(text.length, shownEnd + aroundMatch));
  const before = from > 0 ? "…" : "";
  const shift = before.length - from;
  return {
    text: `${before}${text.slice(from, to)}${to < text.length ? "…" : ""}`,
    start: start + shift,
    end: shownEnd + shift,
  };
}

/** Moves forward over the second half of a character. */
function notWithinCharacter(text: string, index: number): number {
  const isSecondHalf = index > 0 && index < text.length && (text.codePointAt(index - 1) ?? 0) > 0xffff;
  return isSecondHalf ? index + 1 : index;
}

const snippetsShown = 3;

/** All matches counted, the first few shown; undefined where there is none. */
export function hitIn(text: string, matcher: Matcher): { matches: number; snippets: Snippet[] } | undefined {
  let matches = 0;
  const snippets: Snippet[] = [];
  let shownTo = -1;
  for (const [start, end] of matcher.find(text)) {
    matches++;
    if (snippets.length >= snippetsShown || start < shownTo) continue;
    snippets.push(snippetAt(text, start, end));
    shownTo = end + aroundMatch;
  }
  return matches === 0 ? undefined : { matches, snippets };
}

function refused(query: string, reason: string): ConfigError {
  return new ConfigError(
    "invalid_input",
    `"${shortened(query)}" can't be searched for: ${reason}. Give some characters that the message has.`,
  );
}

function shortened(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
