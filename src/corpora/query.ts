/** What a search query asks for: words and quoted phrases, written as FTS5 expressions that mean just these. Pure. */
import { spaceOutDenseScripts } from "./dense-scripts.ts";

export interface SearchQuery {
  /** Without the words that are everywhere, unless there are no others. */
  readonly words: readonly string[];
  readonly phrases: readonly string[];
}

export function parseQuery(text: string): SearchQuery {
  const phrases: string[] = [];
  const rest = text.replaceAll(/["“”]([^"“”]+)["“”]/g, (_, phrase: string) => {
    if (wordsOf(phrase).length > 0) phrases.push(phrase);
    return " ";
  });
  const words = [...new Set(wordsOf(rest).map((word) => word.toLowerCase()))];
  const telling = words.filter((word) => !everywhere.has(word));
  return { words: telling.length > 0 || phrases.length > 0 ? telling : words, phrases };
}

/** Expressions from the strictest to the widest: a later one only fills up what an earlier one leaves. */
export function expressionsOf({ words, phrases }: SearchQuery): string[] {
  const anyWord = words.map(quoted).join(" OR ");
  const allPhrases = phrases.map(quoted).join(" AND ");
  if (allPhrases === "") return anyWord === "" ? [] : [anyWord];
  return anyWord === "" ? [allPhrases] : [`${allPhrases} AND (${anyWord})`, allPhrases];
}

/** A regular expression for a word and its inflections, as the index's stemmer would take them together. */
export function stemPattern(word: string): string {
  const isAscii = /^[a-z]+$/.test(word);
  const stem = isAscii && word.length >= 5 ? word.replace(/(?:ies|ied|es|ed|ing|s|y|e)$/, "") : word;
  return (isAscii ? "\\b" : "") + stem.replaceAll(/[^\p{L}\p{N}]/gu, "\\$&");
}

function wordsOf(text: string): string[] {
  return text.match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
}

/** Inside quotes nothing is an operator; the dense scripts' characters become a phrase. */
function quoted(text: string): string {
  return `"${wordsOf(spaceOutDenseScripts(text)).join(" ")}"`;
}

const everywhere: ReadonlySet<string> = new Set(
  (
    "a about all an and any are as at be been but by can could did do does for from had has have he her him his how i if in " +
    "into is it its many me more most much my no not of on or our she so some than that the their them there these they " +
    "this those to was we were what when where which who whom whose why will with would you your s t"
  ).split(" "),
);
