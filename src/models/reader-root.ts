/**
 * The built-in reader as a root LM: look, count or have passages read, quote. It decides from the messages alone, and takes
 * from them only the records that its own cells printed.
 */
import { countSentence, countWanted, type Counted } from "./reader-count.ts";
import { beginningCell, cell, countCell, finalCell, lookCell, moreCell, readCell } from "./reader-cells.ts";
import { expectedBy } from "./reader-question.ts";
import { bestQuotes, type WeighedTerm } from "./reader-quotes.ts";
import { spanOfQuote, subInstruction } from "./reader-sub.ts";
import { termsOf, type Term } from "./reader-words.ts";

/** What the root LM was sent: each message as text, in order, the system prompt first. */
export interface RootMessages {
  readonly system: string;
  readonly first: string;
  /** What it wrote before. */
  readonly replies: readonly string[];
  /** What it was told in return. */
  readonly observations: readonly string[];
}

/** The next reply: a sentence of plan and one block. */
export function nextReply(messages: RootMessages): string {
  const { first, system, replies, observations } = messages;
  const question = questionIn(first);
  const terms = termsOf(question);
  const wanted = countWanted(
    question,
    /\b(CSV|TSV|JSON|JSONL|log)\b/i.test(first.split("# The context").at(-1) ?? ""),
  );
  const did = (plan: string): boolean => replies.some((reply) => reply.startsWith(plan));
  const records = recordsIn(observations);
  const isLast = /^Turn [\d,]+ of [\d,]+: the last one\b|Sub-calls are no longer possible\.$/m.test(
    observations.at(-1) ?? "",
  );
  if (records.counted && wanted) return cell(plans.end, finalCell(countAnswer(wanted, records.counted)));
  if (terms.length === 0 && !wanted && !did(plans.begin) && !isLast)
    return cell(plans.begin, beginningCell());
  if (terms.length > 0 && !did(plans.look) && !isLast)
    return cell(plans.look, lookCell(terms, roomFor(system)));
  if (wanted && !did(plans.count) && !isLast) return cell(plans.count, countCell(wanted));
  const pages = replies.filter((reply) => reply.startsWith(plans.more)).length;
  const weighed = weigh(terms, records.counts, charactersIn(first));
  const maySubCall = system.includes("llm_query_batched(");
  if (maySubCall && !did(plans.read) && !isLast && records.found > 0 && terms.length > 0)
    return cell(plans.read, readCell(subInstruction(question, weighed)));
  if (!maySubCall && pages < mostPages && !isLast && records.waiting > 0)
    return cell(plans.more, moreCell(roomFor(system)));
  return cell(plans.end, finalCell(quotedAnswer(question, weighed, records)));
}

const mostPages = 3;

/** Each begins the reply that carries it out, so that later turns know what was tried. */
const plans = {
  look: "I count the question's words, and look for passages by rank and by words that stand close together.",
  begin: "The question has no word to look for. I see how the text begins.",
  count:
    "The question asks for a number: I count lines over the whole context, and see in which field the values stand.",
  read: "I have the passages read, several to a prompt, and keep what really stands in them.",
  more: "I can't have passages read, so I read more of them myself.",
  end: "I end with what was found.",
} as const;

function questionIn(first: string): string {
  const start = first.indexOf("# Question\n");
  const end = first.lastIndexOf("\n\n# The context\n");
  return first.slice(start < 0 ? 0 : start + "# Question\n".length, end < 0 ? undefined : end).trim();
}

function charactersIn(first: string): number {
  const [, digits] = /\n# The context\n[^\n]*?([\d,]+) characters/.exec(first) ?? [];
  return digits === undefined ? 1_000_000 : Number(digits.replaceAll(",", ""));
}

/** Of what a turn may print, the part that passages take; the rest is for the other records. */
function roomFor(system: string): number {
  const [, digits] = /at most ([\d,]+) characters/.exec(system) ?? [];
  return Math.floor(Number((digits ?? "4000").replaceAll(",", "")) * 0.85);
}

interface Records {
  readonly counts: Readonly<Record<string, number>>;
  readonly found: number;
  /** Passages not printed yet. */
  readonly waiting: number;
  readonly passages: readonly { readonly id: string; readonly place: string; readonly text: string }[];
  readonly quotes: readonly Passage[];
  readonly counted: Counted | undefined;
  readonly fault: string | undefined;
}

interface Passage {
  readonly id: string;
  readonly text: string;
  readonly score: number;
}

/** Texts of the context stand inside JSON strings, so no line of theirs can look like a record. */
function recordsIn(observations: readonly string[]): Records {
  const all = observations.flatMap((text) => [
    ...text.matchAll(/^(looked|waiting|passage|quote|counted) (\{.*\})$/gm),
  ]);
  // A parser of what our own cells print: the casts state its form.
  const of = <Shape>(kind: string): Shape[] =>
    all.filter((match) => match[1] === kind).flatMap((match) => parsed(match[2] ?? "") as Shape[]);
  const [looked] = of<{ counts: Record<string, number>; passages: number }>("looked");
  const fault = observations.map((text) => /^\w+(?:Error|Reached): .*$/m.exec(text)?.[0]).find(Boolean);
  return {
    counts: looked?.counts ?? {},
    found: looked?.passages ?? 0,
    waiting: of<{ passages: number }>("waiting").at(-1)?.passages ?? 0,
    passages: of("passage"),
    quotes: of("quote"),
    counted: of<Counted>("counted")[0],
    fault,
  };
}

function parsed(json: string): unknown[] {
  try {
    return [JSON.parse(json)];
  } catch {
    // Cut where the output was too long: the record is as good as not printed.
    return [];
  }
}

/** A word weighs the more the fewer passages hold it. */
function weigh(
  terms: readonly Term[],
  counts: Readonly<Record<string, number>>,
  characters: number,
): WeighedTerm[] {
  const passages = Math.max(8, characters / 1_000);
  return terms.map(({ text, stems }) => ({
    text,
    stems,
    weight: Math.round(Math.log(1 + passages / Math.max(1, counts[text] ?? 1)) * 100) / 100,
  }));
}

function countAnswer(wanted: Parameters<typeof countSentence>[0], counted: Counted): string {
  const examples = counted.first.map(({ id, text }) => `- “${text.trim()}” [${id}]`);
  const list = examples.length === 0 ? "" : `\nThe first of them:\n${examples.join("\n")}`;
  return `${countSentence(wanted, counted)}\n(Counted exactly over the whole context; no language model was asked.)${list}`;
}

function quotedAnswer(question: string, terms: readonly WeighedTerm[], records: Records): string {
  const { counts, quotes, passages, fault } = records;
  if (terms.length === 0) return beginningAnswer(records);
  const expected = expectedBy(question);
  const own = (): Passage[] =>
    passages.flatMap(({ id, place, text }) =>
      bestQuotes(text, place, { terms, expected }, 3).map((quote) => ({
        id: spanOfQuote(id, text, quote),
        text: text.slice(quote.start, quote.end),
        score: quote.score,
      })),
    );
  const best = chosen(quotes.length > 0 ? quotes : own());
  const missing = terms.filter(({ text }) => counts[text] === 0).map(({ text }) => `"${text}"`);
  const [top] = best;
  if (!top) {
    if (fault !== undefined) return `Nothing can be quoted: the search failed. ${fault}`;
    const words = terms.map(({ text }) => `"${text}"`).join(", ");
    return `Nothing found. The context was searched for ${words}. (Searched by words; no language model was asked.)`;
  }
  const lacking =
    missing.length === 0
      ? ""
      : ` (${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} nowhere in the context)`;
  const head =
    top.score >= clearScore
      ? `Passages that answer best${lacking} (quoted; no language model was asked):`
      : `No passage holds all that was asked${lacking}. The nearest ones (quoted; no language model was asked):`;
  return [head, ...best.map(({ id, text }, i) => `${i + 1}. “${shown(text)}” [${id}]`)].join("\n");
}

/** Below it, half of what the question tells is not in the passage. */
const clearScore = 0.5;
const mostQuotes = 4;

/** The best few, without those that share text with a better one or say the same, or are far behind the first. */
function chosen(quotes: readonly Passage[]): Passage[] {
  const best: Passage[] = [];
  for (const quote of [...quotes].sort((a, b) => b.score - a.score)) {
    if (best.length === mostQuotes || quote.score < (best[0]?.score ?? 0) * 0.6) break;
    if (best.every((other) => !overlap(quote.id, other.id) && shown(quote.text) !== shown(other.text)))
      best.push(quote);
  }
  return best;
}

function overlap(a: string, b: string): boolean {
  const [first, second] = [a, b].map((id) => /^(d\d+):(\d+)-(\d+)$/.exec(id));
  if (!first || !second || first[1] !== second[1]) return false;
  return Number(first[2]) < Number(second[3]) && Number(second[2]) < Number(first[3]);
}

/** On one line, without the marks that begin the lines of a comment. */
function shown(text: string): string {
  return text
    .replaceAll(/(^|\n)[^\S\n]*\*(?=\s)/g, "$1")
    .replaceAll(/\s+/g, " ")
    .trim()
    .replace(/^(\/\*\*|\/\/+) /, "")
    .replace(/ \*\/$/, "");
}

function beginningAnswer({ passages, fault }: Records): string {
  if (passages.length === 0)
    return `The question has no word to look for, and nothing could be read. ${fault ?? ""}`.trim();
  const lines = passages.map(({ id, text }) => `- “${shown(text)}” [${id}]`);
  return `The question has no word that could be looked for (no language model was asked). This is how the context begins:\n${lines.join("\n")}`;
}
