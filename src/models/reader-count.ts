/** Questions that ask how many lines, rows or times: what is to be counted, and the sentence that reports it. Pure. */
import { grouped } from "../core/grouped.ts";
import { escapePattern, fold, quotation, termsOf, wordsOf } from "./reader-words.ts";

/** What a cell is to count. Without values it is the lines themselves. */
export interface CountWanted {
  readonly measure: "lines" | "times";
  readonly values: readonly CountedValue[];
  /** The question's other words: a column or a key of that name is meant. */
  readonly keys: readonly string[];
}

export interface CountedValue {
  readonly text: string;
  readonly pattern: string;
  readonly ignoreCase: boolean;
}

/** What the cell printed. */
export interface Counted {
  /** Lines that hold all values. */
  readonly lines: number;
  /** Matches of the only value; null where there are several. */
  readonly times: number | null;
  readonly allLines: number;
  /** Lines where each value fills a field of its own, at the place named; null where none stands out. */
  readonly inField: { readonly lines: number; readonly names: readonly string[] } | null;
  readonly first: readonly { readonly id: string; readonly text: string }[];
}

/** @param isTable whether the context holds records: their names are counted too, a book's are not */
export function countWanted(question: string, isTable: boolean): CountWanted | undefined {
  const asked = fold(question);
  if (!/\bhow (many|often)\b|\bnumber of\b|\bcount\b|\bwie (viele|oft)\b|\bcombien\b/.test(asked))
    return undefined;
  const hasUnit = unit.test(asked);
  const values = valuesOf(question, isTable, hasUnit);
  if (values.length === 0 && !/\bhow many (lines|rows|records|entries)\b/.test(asked)) return undefined;
  const isCountable = hasUnit || isTable || question.search(quotation) >= 0;
  if (!isCountable) return undefined;
  const taken = new Set(values.flatMap(({ text }) => wordsOf(text)));
  const keys = [...new Set(wordsOf(question))].filter((word) => !taken.has(word));
  const measure = /\b(times|often|oft|fois|occurrences?|mentions?|mentioned)\b/.test(asked)
    ? "times"
    : "lines";
  return { measure, values, keys };
}

const unit =
  /\b(lines?|rows?|times|records?|entries|entry|occurrences?|requests?|hits|messages?|errors|warnings|mentions?|mentioned|often|zeilen|oft|mal|lignes|fois)\b/;
const unitWords = new Set(
  "line row time record entry entrie occurrence request hit messag message occur appear contain word term log mention zeil count number file total there".split(
    " ",
  ),
);

/** Quoted text, else numbers and names with signs in them, else names, else whatever the question tells. */
function valuesOf(question: string, isTable: boolean, hasUnit: boolean): CountedValue[] {
  const quoted = [...question.matchAll(quotation)].map((match) => match[1]?.trim() ?? "");
  if (quoted.length > 0) return quoted.map(valueOf);
  const tail = question.replace(/^\W*\p{L}+/u, "");
  const tokens = tail.match(/\/?[\p{L}\p{N}_][\p{L}\p{N}_.:/@-]*/gu) ?? [];
  const exact = tokens.map((text) => text.replace(/[.:/-]+$/, "")).filter((text) => isExact.test(text));
  const names = tail.match(/\p{Lu}\p{L}*\p{Ll}\p{L}*(?:\s+\p{Lu}\p{L}*\p{Ll}\p{L}*)*/gu) ?? [];
  const found = [...exact, ...names.filter((name) => !exact.some((text) => text.includes(name)))];
  if (found.length > 0 && (isTable || hasUnit)) return [...new Set(found)].slice(0, 4).map(valueOf);
  if (!hasUnit) return [];
  const [rest] = termsOf(question).filter(({ stems }) => stems.every((stem) => !isUnit(stem)));
  return rest ? [valueOf(rest.text)] : [];
}

/** Has a digit, a sign inside, or capitals alone. */
const isExact = /\p{N}|[\p{L}\p{N}][.:/@_][\p{L}\p{N}]|^\/|^(?!(?:I|A)$)\p{Lu}+$/u;

function isUnit(stem: string): boolean {
  return unitWords.has(stem) || [...unitWords].some((word) => wordsOf(word)[0] === stem);
}

function valueOf(text: string): CountedValue {
  const before = /^[\p{L}\p{N}_]/u.test(text) ? "\\b" : "";
  const after = /[\p{L}\p{N}_]$/u.test(text) ? "\\b" : "";
  return {
    text,
    pattern: `${before}${text.split(/\s+/).map(escapePattern).join("\\s+")}${after}`,
    ignoreCase: text === text.toLowerCase(),
  };
}

/** Says what was counted and how, number first. */
export function countSentence({ measure, values }: CountWanted, counted: Counted): string {
  const { lines, times, allLines, inField } = counted;
  if (values.length === 0) return `${grouped(allLines)} lines.`;
  const names = values.map(({ text }) => `"${text}"`).join(" and ");
  const anywhere = `${grouped(lines)} of ${grouped(allLines)} lines ${lines === 1 ? "holds" : "hold"} ${names}`;
  if (measure === "times" && times !== null)
    return `${grouped(times)} ${times === 1 ? "time" : "times"}: so often ${names} stands in the text as a word of its own; ${anywhere}.`;
  if (inField && inField.lines !== lines)
    return `${grouped(inField.lines)} ${inField.lines === 1 ? "line has" : "lines have"} ${inField.names.join(" and ")}; ${anywhere} anywhere.`;
  return `${anywhere}${inField ? ` (${inField.names.join(" and ")})` : ""}.`;
}
