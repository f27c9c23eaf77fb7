/**
 * Picks the sentences of a passage that answer a question best. The score is the share of the question's words, each weighed
 * by its rarity, that stand close together; a little more where the kind of answer asked for is there. Pure.
 */
import { holds, type Expected } from "./reader-question.ts";
import { isCommented, sentencesOf, type Sentence } from "./reader-sentences.ts";
import { fold, isDense, relatedTo, wordsOf } from "./reader-words.ts";

export interface Wanted {
  readonly terms: readonly WeighedTerm[];
  readonly expected: Expected;
}

export interface WeighedTerm {
  readonly text: string;
  readonly stems: readonly string[];
  readonly weight: number;
}

export interface Quote {
  /** Offsets in the passage, end exclusive. */
  readonly start: number;
  readonly end: number;
  readonly score: number;
}

/** @param place where the passage is from; a path often names what its text only hints at */
export function bestQuotes(text: string, place: string, wanted: Wanted, most: number): Quote[] {
  const sentences = sentencesOf(text);
  const evidence = sentences.map(({ start, end }) => evidenceOf(text.slice(start, end)));
  const passage = together([...evidence, evidenceOf(place)]);
  const blocks = Map.groupBy(evidence, (_, i) => sentences[i]?.block ?? 0);
  const surroundings = new Map([...blocks].map(([block, parts]) => [block, together(parts)]));
  const candidates: Quote[] = [];
  for (const [first, from] of sentences.entries()) {
    for (let last = first; last < first + mostSentences; last++) {
      const to = sentences[last];
      if (!to || (last > first && to.end - from.start > mostCharacters)) break;
      const near = [from.block, to.block].map((block) => surroundings.get(block) ?? passage);
      const window: Window = {
        text: text.slice(from.start, to.end),
        here: together(evidence.slice(first, last + 1)),
        block: together(near),
        passage,
        beginsBlock: sentences[first - 1]?.block !== from.block,
      };
      const score = scoreOf(window, wanted) * acrossBlocks ** (to.block - from.block);
      if (score > 0) candidates.push({ start: from.start, end: to.end, score });
    }
  }
  return withoutOverlap(candidates, most).map((quote) => inContext(text, quote, sentences));
}

const mostSentences = 5;
const mostCharacters = 600;
const acrossBlocks = 0.8;

/** The words of a stretch of text: as they are compared, and as they stand there but for case and accents. */
interface Evidence {
  readonly words: readonly string[];
  readonly stems: ReadonlySet<string>;
  readonly exact: ReadonlySet<string>;
}

function evidenceOf(text: string): Evidence {
  const words = wordsOf(text);
  return { words, stems: new Set(words), exact: new Set(fold(text).match(/[\p{L}\p{N}_]+/gu)) };
}

function together(parts: readonly Evidence[]): Evidence {
  const [only] = parts;
  if (only && parts.length === 1) return only;
  return {
    words: parts.flatMap(({ words }) => words),
    stems: new Set(parts.flatMap(({ stems }) => [...stems])),
    exact: new Set(parts.flatMap(({ exact }) => [...exact])),
  };
}

/** How far a stretch speaks of a term: 1 for the word itself, less for an inflection, still less for a related word. */
function supportOf({ stems, text }: WeighedTerm, { words, stems: here, exact }: Evidence): number {
  const [first, ...rest] = stems;
  if (first === undefined) return 0;
  const isPhraseAt = (word: string, at: number): boolean =>
    word === first && rest.every((stem, i) => words[at + 1 + i] === stem);
  if (rest.length > 0) return here.has(first) && words.some(isPhraseAt) ? 1 : 0;
  if (here.has(first)) return exact.has(fold(text)) || isDense(text) ? 1 : asInflection;
  return relatedTo(text).some((word) => exact.has(word)) ? asRelated : 0;
}

const asInflection = 0.8;
const asRelated = 0.6;

interface Window {
  readonly text: string;
  readonly here: Evidence;
  /** The whole of the paragraph, item or comment that it is in. */
  readonly block: Evidence;
  readonly passage: Evidence;
  readonly beginsBlock: boolean;
}

function scoreOf({ text, here, block, passage, beginsBlock }: Window, { terms, expected }: Wanted): number {
  const own = terms.map((term) => supportOf(term, here));
  if (!own.some((support) => support > 0)) return 0;
  let whole = 0;
  let score = 0;
  for (const [index, term] of terms.entries()) {
    const { weight } = term;
    const support = own[index] ?? 0;
    const next = terms[index + 1];
    whole += weight;
    score +=
      weight * Math.max(support, supportOf(term, block) * inBlock, supportOf(term, passage) * inPassage);
    if (support === 0) continue;
    if (next && areNeighbours(term, next, here.words)) {
      score += Math.min(weight, next.weight) * asNeighbours;
      if (standsAlone(`${term.text} ${next.text}`, text)) score += (weight + next.weight) * asField;
    }
    if (standsAlone(term.text, text)) score += weight * asField;
    if (beginsBlock && leads(term.text, text)) score += weight * asLead;
  }
  if (whole === 0) return 0;
  score *= kindFactor(expected, text, terms);
  if (/\?["”’]?\s*$/.test(text)) score *= isQuestion;
  if (/^\s*(#{1,6}\s[^\n]*|\[[^\n]*\]: \S+\s*)$/m.test(text)) score *= isHeading;
  return score / whole / (1 + Math.max(0, text.length - freeCharacters) / halvingCharacters);
}

/** A word elsewhere in the block or the passage, or in its path, is a hint; what stands together is what counts. */
const inBlock = 0.5;
const inPassage = 0.3;
const asNeighbours = 0.25;
const asField = 0.2;
const asLead = 0.4;
const isQuestion = 0.7;
/** A heading or the target of a link names what is said elsewhere. */
const isHeading = 0.6;
/** Length is no fault up to here; from here on each sentence more has to bring something. */
const freeCharacters = 160;
const halvingCharacters = 1_600;

function kindFactor(expected: Expected, text: string, terms: readonly WeighedTerm[]): number {
  const asked = new Set(terms.flatMap((term) => [fold(term.text), ...term.stems]));
  if (expected === "person" && isNamed(text, asked)) return rightKindBeside;
  if (expected === "definition") return terms.some((term) => isDefined(term.text, text)) ? rightKind : 1;
  return holds(expected, text, asked) ? rightKind : 1;
}

const rightKind = 1.25;
const rightKindBeside = 1.4;

/** The word and, right after it, what it is. */
function isDefined(word: string, text: string): boolean {
  const at = text.indexOf(word);
  return at >= 0 && saysWhat.test(text.slice(at + word.length, at + word.length + 40));
}

const saysWhat =
  /^\W{0,3}(?:\{[^}]*\}|(?:\([^)]*\))?\s*(?:(?:is|are|was|were|means|sets|controls|specifies)\b|refers to|[:—–]\s))/;

/** "Pierre's father, Count Bezukhov": a name that the question lacks stands right beside one of its common words. */
function isNamed(text: string, asked: ReadonlySet<string>): boolean {
  const words = text.match(/[\p{L}\p{N}]+/gu) ?? [];
  return words.some((word, at) => {
    if (!/^\p{Ll}/u.test(word) || !wordsOf(word).some((stem) => asked.has(stem))) return false;
    return [words[at - 1], words[at + 1], words[at + 2]].some(
      (near) =>
        near !== undefined &&
        /^\p{Lu}\p{Ll}{2,}/u.test(near) &&
        !wordsOf(near).some((stem) => asked.has(stem)),
    );
  });
}

function areNeighbours(a: WeighedTerm, b: WeighedTerm, words: readonly string[]): boolean {
  const [last, first] = [a.stems.at(-1), b.stems[0]];
  return words.some((word, at) => word === last && (words[at + 1] === first || words[at + 2] === first));
}

/** What a paragraph or an item begins with is what it is about. */
function leads(word: string, text: string): boolean {
  return fold(text.slice(0, word.length + 20).replace(/^[^\p{L}\p{N}]+/u, "")).startsWith(fold(word));
}

/** Between marks, as a field of a record or a name in code: "Titanic" is not "Raise the Titanic". */
function standsAlone(word: string, text: string): boolean {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1))
    if (/["'`|,;>(]/.test(text.charAt(at - 1)) && /["'`|,;<:=)?]/.test(text.charAt(at + word.length)))
      return true;
  return false;
}

/** Best first; of two that share text the better one. */
function withoutOverlap(candidates: readonly Quote[], most: number): Quote[] {
  const chosen: Quote[] = [];
  const ordered = [...candidates].sort((a, b) => b.score - a.score || a.end - a.start - (b.end - b.start));
  for (const candidate of ordered) {
    if (chosen.length === most) break;
    if (chosen.every(({ start, end }) => candidate.end <= start || candidate.start >= end))
      chosen.push(candidate);
  }
  return chosen;
}

/** A heading needs what is below it, and the name of an option the comment above it or below it. */
function inContext(text: string, quote: Quote, sentences: readonly Sentence[]): Quote {
  let { start, end } = quote;
  const short = isDense(text.slice(start, end)) ? shortQuote / 3 : shortQuote;
  const next = sentences.find((sentence) => sentence.start >= end);
  const previous = sentences.findLast((sentence) => sentence.end <= start);
  const block = sentences.findLast((sentence) => sentence.start <= start)?.block;
  const isHeadingOnly = /^\s*#{1,6}\s[^\n]*$/.test(text.slice(start, end));
  const belongs = (other: Sentence | undefined, between: string): other is Sentence =>
    other?.block === block && (isCommented(text) || !between.includes("\n"));
  if (end - start < short && next && next.end - start <= mostCharacters)
    if (isHeadingOnly || belongs(next, text.slice(end, next.start))) end = next.end;
  if (end - start < short && previous && end - previous.start <= mostCharacters)
    if (belongs(previous, text.slice(previous.end, start))) start = previous.start;
  return { start, end, score: quote.score };
}

const shortQuote = 90;
