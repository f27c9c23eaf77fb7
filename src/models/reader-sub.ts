/** The built-in reader as a sub-LM: quotes, from the text in its prompt, the sentences that answer the question in it. */
import { ModelError } from "../core/errors.ts";
import { expectedBy } from "./reader-question.ts";
import { bestQuotes, type Quote, type WeighedTerm } from "./reader-quotes.ts";
import { sentencesOf } from "./reader-sentences.ts";
import { termsOf, wordsOf } from "./reader-words.ts";

/** What the reader as a root LM asks of a sub-LM, whichever that is. The passages follow. */
export function subInstruction(question: string, terms: readonly WeighedTerm[]): string {
  const weights = JSON.stringify(Object.fromEntries(terms.map(({ text, weight }) => [text, weight])));
  return `Question: ${question}${weightsMark}${weights}
Quote from the passages below the sentences that answer the question best: at most ${mostQuotes}, word for word, one a line in this form:
0.85 [d1:100-250] the sentence
First how well it answers, from 0 to 1; then the id above its passage, or of the sentence itself; then the sentence on one line. Nothing else. If no passage says anything about it, answer NOT FOUND.${passagesMark}`;
}

const weightsMark = "\nThe words that tell, with the weight of each: ";
const passagesMark = "\n\n# Passages\n";
const mostQuotes = 8;
const notFound = "NOT FOUND";

/** Throws ModelError "refused" where the prompt asks for what can't be answered by quoting. */
export function subReply(prompt: string): string {
  const weights = prompt.indexOf(weightsMark);
  const passages = prompt.indexOf(passagesMark);
  if (prompt.startsWith("Question: ") && weights > 0 && passages > weights) {
    const question = prompt.slice("Question: ".length, weights);
    const line = prompt.slice(
      weights + weightsMark.length,
      prompt.indexOf("\n", weights + weightsMark.length),
    );
    return quotesOf(question, termsFrom(line), prompt.slice(passages + passagesMark.length));
  }
  const { question, text } = divided(prompt);
  const quotes = bestQuotes(
    text,
    "",
    { terms: weighedBy(text, question), expected: expectedBy(question) },
    3,
  );
  const [best] = quotes;
  if (!best || best.score < leastScore) return notFound;
  return quotes
    .filter(({ score }) => score >= best.score * 0.7)
    .map(({ start, end }) => text.slice(start, end))
    .join("\n");
}

const leastScore = 0.35;

/** The id of a quote inside a passage; positions in ids are code points. */
export function spanOfQuote(id: string, text: string, { start, end }: Pick<Quote, "start" | "end">): string {
  const [, document = "", from = "0"] = /^(d\d+):(\d+)-/.exec(id) ?? [];
  const first = Number(from) + Array.from(text.slice(0, start)).length;
  return `${document}:${first}-${first + Array.from(text.slice(start, end)).length}`;
}

function termsFrom(json: string): WeighedTerm[] {
  // Our own line, written by subInstruction.
  const weights = JSON.parse(json) as Record<string, number>;
  return Object.entries(weights).map(([text, weight]) => ({ text, weight, stems: wordsOf(text) }));
}

function quotesOf(question: string, terms: readonly WeighedTerm[], passages: string): string {
  const expected = expectedBy(question);
  const found = [...passagesIn(passages)].flatMap(({ id, place, text }) =>
    bestQuotes(text, place, { terms, expected }, 3).map((quote) => ({ id, text, quote })),
  );
  const best = found.sort((a, b) => b.quote.score - a.quote.score).slice(0, mostQuotes);
  if (best.length === 0) return notFound;
  return best
    .map(({ id, text, quote }) => {
      const words = text.slice(quote.start, quote.end).replaceAll(/\s+/g, " ").trim();
      return `${quote.score.toFixed(2)} [${spanOfQuote(id, text, quote)}] ${words}`;
    })
    .join("\n");
}

/** An id says how long its passage is, so nothing in a passage can pass for the head of another. */
function* passagesIn(text: string): Generator<{ id: string; place: string; text: string }> {
  const head = /\s*\[(d\d+:(\d+)-(\d+))\] ([^\n]*)\n/y;
  for (let match = head.exec(text); match; match = head.exec(text)) {
    const [, id = "", start, end, place = ""] = match;
    let at = head.lastIndex;
    for (let left = Number(end) - Number(start); left > 0 && at < text.length; left--)
      at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
    yield { id, place, text: text.slice(head.lastIndex, at) };
    head.lastIndex = at;
  }
}

/** Which part of somebody's prompt is the question: what is called so, else a paragraph that ends in a question mark. */
function divided(prompt: string): { question: string; text: string } {
  const named = /^[ \t#*]*(?:question|query|frage)\s*:?[ \t*]*\n?(.+)$/im.exec(prompt);
  if (named?.[1] !== undefined) return split(prompt, named.index, named[0].length, named[1]);
  const paragraphs = [...prompt.matchAll(/[^\n](?:[^\n]|\n(?!\s*\n))*/g)];
  const asks = (match: RegExpExecArray | undefined): boolean =>
    match !== undefined && match[0].length <= mostQuestion && /[?？]["”’)]*\s*(\n|$)/.test(match[0]);
  const [first, last] = [paragraphs[0], paragraphs.at(-1)];
  const asking = asks(last) ? last : asks(first) ? first : undefined;
  if (asking && paragraphs.length > 1) return split(prompt, asking.index, asking[0].length, asking[0]);
  const line = /^[^\n]*[?？][^\n]*$/m.exec(prompt.slice(0, mostQuestion));
  if (line) return split(prompt, line.index, line[0].length, line[0]);
  if (!first || paragraphs.length < 2 || composes.test(first[0])) throw cannot(prompt);
  return split(prompt, first.index, first[0].length, first[0]);
}

const mostQuestion = 2_000;
const composes =
  /\b(summari[sz]e|summary|condense|translate|classify|label|categori[sz]e|rewrite|rephrase|write|compose|extract|json)\b/i;

function split(
  prompt: string,
  at: number,
  length: number,
  question: string,
): { question: string; text: string } {
  return { question, text: `${prompt.slice(0, at)}\n${prompt.slice(at + length)}` };
}

function cannot(prompt: string): ModelError {
  return new ModelError(
    "refused",
    `The built-in reader is no language model: it can only quote what answers a question, and this asks for something else: "${prompt.slice(0, 80)}…". Connect a language model to have it done.`,
  );
}

/** Without counts from the whole context, a word's rarity in this text has to do. */
function weighedBy(text: string, question: string): WeighedTerm[] {
  const sentences = sentencesOf(text).map(({ start, end }) => new Set(wordsOf(text.slice(start, end))));
  return termsOf(question).map(({ text: term, stems }) => {
    const holding = sentences.filter((words) => stems.every((stem) => words.has(stem))).length;
    return { text: term, stems, weight: Math.log(1 + (sentences.length + 1) / (holding + 1)) };
  });
}
