/**
 * Phase 0: cheap look-ups made before the first model call. It gives the root LM labels with counts — how often the rare
 * terms of the query occur and where to look first — and never the text itself.
 */
import { spanId, type Corpus, type RankedSpan } from "../core/corpus.ts";
import { isUnabridgedError } from "../core/errors.ts";
import { grouped } from "../core/grouped.ts";

export interface ScoutLabel {
  readonly text: string;
}

/** @returns labels, most telling first; empty where the query has no term to look up */
export async function scout(
  corpus: Corpus,
  query: string,
  signal: AbortSignal,
): Promise<readonly ScoutLabel[]> {
  const terms = telling(query).slice(0, mostTerms);
  if (terms.length === 0) return [];
  const [counts, ranked] = await Promise.all([
    Promise.all(terms.map((term) => countTerm(corpus, term, signal))),
    rank(corpus, query, signal),
  ]);
  const found = counts.filter((count) => count !== undefined).sort((a, b) => a.total - b.total);
  const labels = found
    .filter(isTelling)
    .map((count) => ({ text: describeCount(count, corpus.documents.length) }));
  const missing = found.filter(({ total }) => total === 0).map(({ term }) => `"${term}"`);
  if (missing.length > 0) labels.push({ text: `No match at all: ${missing.join(", ")}` });
  return ranked.length === 0 ? labels : [...labels, { text: describeRanked(corpus, ranked) }];
}

/** A common word that is everywhere leads nowhere; a name that is everywhere says what the text is about. */
function isTelling({ term, total }: TermCount): boolean {
  return total > 0 && (total <= mostOfWord || isName(term));
}

const mostOfWord = 300;
/** What occurs more often is not counted to its end: in a gigabyte that takes seconds. */
const mostOfName = 20_000;

function isName(term: string): boolean {
  return /\p{Lu}|\p{N}/u.test(term);
}

interface TermCount {
  readonly term: string;
  readonly total: number;
  readonly documents: number;
  readonly first: readonly string[];
}

async function countTerm(corpus: Corpus, term: string, signal: AbortSignal): Promise<TermCount | undefined> {
  try {
    const countTo = isName(term) ? mostOfName : mostOfWord + 1;
    const page = await corpus.grep(term, { literal: true, ignoreCase: true, limit: 3, countTo, signal });
    return { term, total: page.total, documents: page.documents, first: page.matches.map(spanId) };
  } catch (error) {
    // A look-up is a courtesy: only the end of the run may stop it, a search that can't be made is left out.
    if (signal.aborted || !isUnabridgedError(error)) throw error;
    return undefined;
  }
}

async function rank(corpus: Corpus, query: string, signal: AbortSignal): Promise<readonly RankedSpan[]> {
  try {
    return await corpus.search(query, { limit: 5, signal });
  } catch (error) {
    if (signal.aborted || !isUnabridgedError(error)) throw error;
    return [];
  }
}

function describeCount({ term, total, documents, first }: TermCount, allDocuments: number): string {
  const isMore = total >= mostOfName;
  const spread =
    allDocuments > 1
      ? ` in ${isMore ? "at least " : ""}${grouped(documents)} of ${grouped(allDocuments)} documents`
      : "";
  const matches = isMore
    ? `${grouped(mostOfName)} matches or more`
    : `${grouped(total)} ${total === 1 ? "match" : "matches"}`;
  const places = total <= 3 ? `at ${first.join(", ")}` : `${isMore ? "one" : "first"} at ${first[0] ?? ""}`;
  return `"${term}": ${matches}${spread}, ${places}`;
}

function describeRanked(corpus: Corpus, spans: readonly RankedSpan[]): string {
  const paths = new Map(corpus.documents.map((document) => [document.id, document.path]));
  const places = spans.map((span) => {
    const path = paths.get(span.documentId);
    return `${spanId(span)}${path !== undefined && corpus.documents.length > 1 ? ` (${path}:${span.line})` : ` (line ${span.line})`}`;
  });
  return `Passages that share most of the question's words: ${places.join(", ")}`;
}

const mostTerms = 10;

/** Terms worth a look-up: quoted phrases, then names and numbers, then long words; function words never. */
export function telling(query: string): string[] {
  const quoted = [...query.matchAll(/["“”«»`]([^"“”«»`]{2,80})["“”«»`]/g)].map((match) => match[1] ?? "");
  const rest = query.replace(/["“”«»`]([^"“”«»`]{2,80})["“”«»`]/g, " ");
  const words = (rest.match(/[\p{L}\p{N}][\p{L}\p{N}_.\-/:@]*[\p{L}\p{N}]|[\p{L}\p{N}]/gu) ?? []).filter(
    (word) => !functionWords.has(word.toLowerCase()) && (word.length > 2 || /\p{N}|[^\p{ASCII}]/u.test(word)),
  );
  const weight = (word: string): number =>
    (/\p{N}|[_./@]/u.test(word) ? 3 : /^\p{Lu}/u.test(word) ? 2 : 1) + Math.min(word.length, 12) / 24;
  const ordered = words.map((word) => ({ word, weight: weight(word) })).sort((a, b) => b.weight - a.weight);
  return [
    ...new Set(
      [...quoted, ...ordered.map(({ word }) => word)]
        .map((term) => term.trim())
        .filter((term) => term !== ""),
    ),
  ];
}

const functionWords: ReadonlySet<string> = new Set(
  (
    "a about above after again all also am an and any are as at be because been before being below between both but by can could did do does doing down during " +
    "each every find first for from further get give given had has have having he her here hers him his how i if in into is it its itself just last list long make many me more most much my name named names " +
    "no nor not of off on once one only or other our out over own per please same she should show so some such tell text than that the their them then there these they this those through to too under until up " +
    "use used using very was we were what when where which while who whom whose why will with would you your answer question context document documents file files according following mention mentioned say says said"
  ).split(" "),
);
