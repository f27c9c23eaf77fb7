/** OOLONG-synth's questions over a window, in the official words: of counting, of users and of the timeline. Golds by counting. Pure. */
import type { Random } from "../random.ts";
import { lineDate, monthNames, readDate } from "./dates.ts";
import { attemptedParse } from "./score.ts";
import { ranked, solve, tally } from "./solve.ts";
import type { AnswerType, OolongQuestion, OolongRecord } from "./window.ts";

type Draft = readonly [type: AnswerType, question: string];

/** The official rules of what may be asked: nothing that hangs on less than two per cent, no tie where one is wanted. */
export function makeQuestions(
  records: readonly OolongRecord[],
  labels: readonly string[],
  random: Random,
): OolongQuestion[] {
  const drafts: (readonly [group: string, Draft])[] = [
    ...countingQuestions(records, labels).map((draft) => ["counting", draft] as const),
    ...userQuestions(records, labels, random).map((draft) => ["user", draft] as const),
    ...timelineQuestions(records, labels, random).map((draft) => ["timeline", draft] as const),
  ];
  return drafts.map(([group, [type, question]], index) => {
    const answer = attemptedParse(solve(question, records));
    const gold = type === "date" ? (readDate(answer) ?? "") : answer;
    return { id: String(index + 1), question, type, gold, group };
  });
}

const all = "In the above data,";

function countingQuestions(records: readonly OolongRecord[], order: readonly string[], scope = all): Draft[] {
  const counts = tally(records.map(({ label }) => label));
  const labels = order.filter((label) => counts.has(label));
  const share = (label: string): number => (counts.get(label) ?? 0) / Math.max(1, records.length);
  const list = labels.join(", ");
  const [first, second] = [...labels].sort((a, b) => share(b) - share(a));
  const drafts: Draft[] = [];
  const form = `Give your final answer in the form 'Label: answer' where answer is one of the labels: ${list}.`;
  if (first !== undefined && (second === undefined || share(first) - share(second) > 0.02))
    drafts.push(["label", `${scope} which of the labels is the most common? ${form}`]);
  if (labels.length > 0) drafts.push(["label", `${scope} which of the labels is the least common? ${form}`]);
  for (const [i, a] of labels.entries())
    for (const b of labels.slice(i + 1)) {
      const difference = Math.abs(share(a) - share(b));
      if (difference > 0.02 || difference === 0)
        drafts.push([
          "comparison",
          `${scope} is label '${a}' more common, less common, or the same frequency as label '${b}'? Give your final answer in the form 'Answer: ${a} is [X] ${b}', where [X] is 'more common than', 'less common than', or 'same frequency as'.`,
        ]);
    }
  for (const label of labels)
    drafts.push([
      "numeric",
      `${scope} how many data points should be classified as label '${label}'? Give your final answer in the form 'Answer: number'.`,
    ]);
  return drafts;
}

const userForm = "Give your final answer in the form 'User: [X]', where [X] is the user ID.";

function userQuestions(records: readonly OolongRecord[], labels: readonly string[], random: Random): Draft[] {
  const counts = tally(records.map(({ user }) => user));
  const order = ranked(counts);
  const countAt = (place: number): number => counts.get(order[place] ?? "") ?? 0;
  const drafts: Draft[] = [];
  if (countAt(0) > countAt(1)) {
    drafts.push(["user", `${all} which user is represented most often? ${userForm}`]);
    if (countAt(1) > countAt(2))
      drafts.push(["user", `${all} which user is represented the second most often? ${userForm}`]);
  }
  const chosen = random.pick(order.slice(0, 50));
  const own = records.filter(({ user }) => user === chosen);
  const scope = `For the following question, only consider the subset of instances that are associated with user IDs ${chosen}. Among instances associated with these users,`;
  drafts.push(...countingQuestions(own, random.shuffle(labels), scope));
  for (const label of labels) {
    const users = tally(records.filter((record) => record.label === label).map(({ user }) => user));
    const [first = "", second = ""] = ranked(users);
    if ((users.get(first) ?? 0) <= (users.get(second) ?? 0) + 1) continue;
    drafts.push(["user", `${all} which user has the most instances with the label ${label}? ${userForm}`]);
    drafts.push([
      "user",
      `${all} which user has more instances with the label ${label}: User ${first} or User ${second}? ${userForm}`,
    ]);
  }
  return drafts;
}

function timelineQuestions(
  records: readonly OolongRecord[],
  labels: readonly string[],
  random: Random,
): Draft[] {
  const dates = tally(records.map(({ date }) => readDate(date) ?? ""));
  const order = ranked(dates);
  const countAt = (place: number): number => dates.get(order[place] ?? "") ?? 0;
  const form =
    "Give your final answer in the form 'Date: [X]', where [X] is the date in the format MM/DD/YYYY.";
  const drafts: Draft[] = [];
  if (countAt(0) > countAt(1)) {
    drafts.push(["date", `${all} which date is represented most often? ${form}`]);
    if (countAt(1) > countAt(2))
      drafts.push(["date", `${all} which date is represented the second most often? ${form}`]);
  }
  const times = countAt(3);
  // The official gold counts among the fifty most frequent dates alone, so nothing is asked where that would matter.
  if ([...dates.values()].filter((count) => count >= times).length <= 50)
    drafts.push([
      "numeric",
      `${all} how many dates are represented exactly ${times} times? Give your final answer in the form 'Answer: [X]', where [X] is the number of dates represented exactly ${times} times.`,
    ]);
  const sorted = records.map(({ date }) => readDate(date) ?? "").sort();
  const at = (share: number): string => sorted[Math.floor((sorted.length - 1) * share)] ?? "";
  drafts.push(...beforeAndAfter(records, labels, at(0.15 + random.next() * 0.6)));
  const month = random.pick([
    ...new Set(sorted.map((date) => monthNames[Number(date.slice(5, 7)) - 1] ?? "")),
  ]);
  const inMonth = records.filter(
    ({ date }) => monthNames[Number((readDate(date) ?? "").slice(5, 7)) - 1] === month,
  );
  const monthScope = `For the following question, only consider the subset of instances that occur in ${month} of any year. Among instances occuring in ${month},`;
  drafts.push(...countingQuestions(inMonth, random.shuffle(labels), monthScope));
  const [from, to] = [at(0.1 + random.next() * 0.4), at(0.6 + random.next() * 0.3)];
  const inRange = records.filter(
    ({ date }) => (readDate(date) ?? "") >= from && (readDate(date) ?? "") <= to,
  );
  const rangeScope = `For the following question, only consider the subset of instances that occur between ${lineDate(from)} and ${lineDate(to)}, inclusive. Among instances occuring in this date range,`;
  drafts.push(...countingQuestions(inRange, random.shuffle(labels), rangeScope), ...monthQuestions(labels));
  return drafts;
}

function beforeAndAfter(records: readonly OolongRecord[], labels: readonly string[], time: string): Draft[] {
  const before = records.filter(({ date }) => (readDate(date) ?? "") < time);
  const after = records.filter(({ date }) => (readDate(date) ?? "") > time);
  if (before.length === 0 || after.length === 0) return [];
  return labels.flatMap((label): Draft[] => {
    const share = (part: readonly OolongRecord[]): number =>
      part.filter((record) => record.label === label).length / part.length;
    if (Math.abs(share(before) - share(after)) <= 0.02) return [];
    return [
      [
        "comparison",
        `${all} was label '${label}' more common, less common, or the same frequency before ${time}, as compared to after ${time}? Give your final answer in the form 'Answer: ${label} is [X] before ${time}', where [X] is 'more common', 'less common', or 'the same frequency'.`,
      ],
    ];
  });
}

function monthQuestions(labels: readonly string[]): Draft[] {
  const pairs = labels.flatMap((a) => labels.filter((b) => b !== a).map((b) => [a, b] as const));
  return [
    ...pairs.map(([a, b]): Draft => [
      "numeric",
      `For how many months does the label '${a}' occur more frequently than the label '${b}'? Disregard months where there is a tie.  Give your final answer in the form 'Answer: [X]', where [X] is the number of months where '${a}' occurs more often than '${b}.'`,
    ]),
    ...labels.map((label): Draft => [
      "numeric",
      `For how many months is the label '${label}' the single most frequently occuring label? Disregard months where there is a tie for the most common label.  Give your final answer in the form 'Answer: [X]', where [X] is the number of months where '${label}' is the most common label.`,
    ]),
  ];
}
