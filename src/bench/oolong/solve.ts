/** Answers an OOLONG question from labelled records, by counting: where golds come from, and what a simulated reader answers by. Pure. */
import { answerDate, monthNames, readDate } from "./dates.ts";
import type { OolongRecord } from "./window.ts";

/** In the form that the question asks for. Throws where the question is of a form that is not known. */
export function solve(question: string, all: readonly OolongRecord[]): string {
  const records = all.filter(chosenBy(question));
  const listed = /one of the labels: ([^.]+)\./.exec(question)?.[1]?.split(", ");
  const labels = tally(records.map(({ label }) => label));
  const countOf = (label: string): number => labels.get(label) ?? 0;
  const names = listed ?? [...labels.keys()];
  if (/of the labels is the most common\?/.test(question)) return `Label: ${best(names, countOf)}`;
  if (/of the labels is the least common\?/.test(question))
    return `Label: ${best(names, (name) => -countOf(name))}`;
  const [, counted] = /classified as label '([^']+)'/.exec(question) ?? [];
  if (counted !== undefined) return `Answer: ${countOf(counted)}`;
  const [, a, b] = /is label '([^']+)' more common, .* as label '([^']+)'/.exec(question) ?? [];
  if (a !== undefined && b !== undefined)
    return `Answer: ${a} is ${relation(countOf(a), countOf(b), ["more common than", "less common than", "same frequency as"])} ${b}`;
  const answer = ofUsers(question, records) ?? ofDates(question, records) ?? ofMonths(question, records);
  if (answer === undefined) throw new Error(`No way is known to answer: ${question}`);
  return answer;
}

/** Which records the question is about: all, or those of some users, of a month, or of a range of dates. */
function chosenBy(question: string): (record: OolongRecord) => boolean {
  const users = /(?:user IDs|users with IDs) ([\d, ]+\d)/.exec(question)?.[1]?.split(/, */);
  const month = /occur in (\w+) of any year/.exec(question)?.[1];
  const [, from, to] = /occur between (.+?) and (.+?), inclusive/.exec(question) ?? [];
  const [first, last] = [readDate(from ?? ""), readDate(to ?? "")];
  return ({ user, date }) => {
    if (users && !users.includes(user)) return false;
    const iso = readDate(date) ?? "";
    if (month !== undefined && monthNames[Number(iso.slice(5, 7)) - 1] !== month) return false;
    return first === undefined || last === undefined || (iso >= first && iso <= last);
  };
}

function ofUsers(question: string, records: readonly OolongRecord[]): string | undefined {
  const label = /instances with the label (.+?)(?:\?|: User)/.exec(question)?.[1];
  const relevant = label === undefined ? records : records.filter((record) => record.label === label);
  const counts = tally(relevant.map(({ user }) => user));
  const [, one, other] = /: User (\S+) or User (\S+)\?/.exec(question) ?? [];
  if (one !== undefined && other !== undefined)
    return `User: ${(counts.get(one) ?? 0) >= (counts.get(other) ?? 0) ? one : other}`;
  if (!/which user (is represented|has the most)/.test(question)) return undefined;
  return `User: ${ranked(counts)[/second most/.test(question) ? 1 : 0] ?? "nobody"}`;
}

function ofDates(question: string, records: readonly OolongRecord[]): string | undefined {
  const dates = tally(records.map(({ date }) => readDate(date) ?? date));
  if (/which date is represented/.test(question))
    return `Date: ${answerDate(ranked(dates)[/second most/.test(question) ? 1 : 0] ?? "")}`;
  const times = /how many dates are represented exactly (\d+) time/.exec(question)?.[1];
  if (times !== undefined)
    return `Answer: ${[...dates.values()].filter((count) => count === Number(times)).length}`;
  const [, label = "", at] =
    /was label '([^']+)' more common, .* before (.+?), as compared to after/.exec(question) ?? [];
  if (at === undefined) return undefined;
  const day = readDate(at) ?? "";
  const share = (part: readonly OolongRecord[]): number =>
    part.length === 0 ? 0 : part.filter((record) => record.label === label).length / part.length;
  const before = share(records.filter(({ date }) => (readDate(date) ?? "") < day));
  const after = share(records.filter(({ date }) => (readDate(date) ?? "") > day));
  return `Answer: ${label} is ${relation(before, after, ["more common", "less common", "the same frequency"])} before ${at}`;
}

function ofMonths(question: string, records: readonly OolongRecord[]): string | undefined {
  const months = new Map<string, Map<string, number>>();
  for (const [month, inMonth] of Map.groupBy(records, ({ date }) => (readDate(date) ?? "").slice(0, 7)))
    months.set(month, tally(inMonth.map(({ label }) => label)));
  const ordered = [...months].sort(([a], [b]) => (a < b ? -1 : 1));
  const [, a = "", b = ""] =
    /did the label '([^']+?)'? first occur more often than the label '([^']+)'/.exec(question) ??
    /does the label '([^']+)' occur more frequently than the label '([^']+)'/.exec(question) ??
    [];
  const isMore = ([, counts]: (typeof ordered)[number]): boolean =>
    (counts.get(a) ?? 0) > (counts.get(b) ?? 0);
  if (/first occur more often/.test(question)) {
    const found = ordered.find(isMore)?.[0] ?? "";
    return `Answer: ${monthNames[Number(found.slice(5)) - 1]} ${found.slice(0, 4)}`;
  }
  if (/occur more frequently than/.test(question)) return `Answer: ${ordered.filter(isMore).length}`;
  const single = /is the label '([^']+)' the single most frequently/.exec(question)?.[1];
  if (single === undefined) return undefined;
  const leads = ordered.filter(([, counts]) =>
    [...counts].every(([label, count]) => label === single || count < (counts.get(single) ?? 0)),
  );
  return `Answer: ${leads.length}`;
}

export function tally(values: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

/** The most frequent first; of equals, the one that came first. */
export function ranked(counts: ReadonlyMap<string, number>): string[] {
  return [...counts].sort(([, a], [, b]) => b - a).map(([value]) => value);
}

function best(names: readonly string[], measure: (name: string) => number): string {
  let found = names[0] ?? "";
  for (const name of names) if (measure(name) > measure(found)) found = name;
  return found;
}

function relation(a: number, b: number, words: readonly [string, string, string]): string {
  return a > b ? words[0] : a < b ? words[1] : words[2];
}
