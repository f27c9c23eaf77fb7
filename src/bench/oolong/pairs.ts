/** OOLONG-Pairs: gold pairs by their conditions, the F1 score, and a policy of a root LM. Pure. */
import { cell } from "../task.ts";
import { readDate } from "./dates.ts";
import type { PairsQuery, Role } from "./pairs-queries.ts";
import { keep, labelCell, look } from "./root.ts";
import type { OolongRecord } from "./window.ts";

/** Unordered pairs with the lower id first, as "(a, b)", sorted. */
export function goldPairs(query: PairsQuery, records: readonly OolongRecord[]): string[] {
  const users = [...Map.groupBy(records, ({ user }) => user)]
    .map(([user, own]) => ({
      id: Number(user),
      first: fits(query.first, own),
      second: fits(query.second, own),
    }))
    .sort((x, y) => x.id - y.id);
  const pairs: string[] = [];
  for (const [index, one] of users.entries())
    for (const other of users.slice(index + 1))
      if ((one.first && other.second) || (one.second && other.first)) pairs.push(`(${one.id}, ${other.id})`);
  return pairs;
}

/** How many pairs there are, without making them. */
export function numberOfPairs(query: PairsQuery, records: readonly OolongRecord[]): number {
  let [both, onlyFirst, onlySecond] = [0, 0, 0];
  for (const own of Map.groupBy(records, ({ user }) => user).values()) {
    const [first, second] = [fits(query.first, own), fits(query.second, own)];
    if (first && second) both++;
    else if (first) onlyFirst++;
    else if (second) onlySecond++;
  }
  return (both * (both - 1)) / 2 + both * (onlyFirst + onlySecond) + onlyFirst * onlySecond;
}

function fits({ all, any, dates }: Role, records: readonly OolongRecord[]): boolean {
  const holds = ({ label, at, count }: Role["all"][number]): boolean => {
    const found = records.filter((record) => record.label === label).length;
    return at === "exactly" ? found === count : found >= count;
  };
  return (
    all.every(holds) &&
    (any.length === 0 || any.some(holds)) &&
    dates.every(({ label, relation, day }) =>
      records
        .filter((record) => record.label === label)
        .every(({ date }) =>
          relation === "after" ? (readDate(date) ?? "") > day : (readDate(date) ?? "") < day,
        ),
    )
  );
}

/** F1 over unordered pairs, however they are written; two empty sets are equal. */
export function scorePairs(gold: readonly string[], answer: string): number {
  const wanted = new Set(gold.map(normal));
  const given = new Set([...answer.matchAll(/\(\s*(\d+)\s*,\s*(\d+)\s*\)/g)].map(([pair]) => normal(pair)));
  if (wanted.size === 0 && given.size === 0) return 1;
  let right = 0;
  for (const pair of given) if (wanted.has(pair)) right++;
  return right === 0 ? 0 : (2 * right) / (wanted.size + given.size);
}

function normal(pair: string): string {
  const [a = 0, b = 0] = (pair.match(/\d+/g) ?? []).map(Number);
  return a <= b ? `${a},${b}` : `${b},${a}`;
}

/** Reads the conditions out of the question's own words, labels every line, and joins users in code. */
export function pairsRoot(question: string, turn: number, shouldCount: boolean): string {
  const cells = [
    look,
    keep(""),
    labelCell(question),
    ["I join users by what they have.", join(question, shouldCount)] as const,
  ];
  const [plan, code] = cells[Math.min(turn, cells.length) - 1] ?? look;
  return cell(plan, code);
}

function join(question: string, shouldCount: boolean): string {
  const asked = /list all pairs of user IDs \(.*?\) (.*?)\. Each of the questions/.exec(question)?.[1] ?? "";
  const [, x, y, rest = ""] =
    /^where both users have at least one instance with an? (.+?) or ([^,]+)(.*)$/.exec(asked) ?? [];
  const roles =
    x === undefined
      ? asked
          .split(/one user has|and the other user has/)
          .slice(1)
          .map(roleCode)
      : [`(own[${JSON.stringify(x)}] or own[${JSON.stringify(y)}])${dateCode(rest)}`];
  const [first = "False", second = first] = roles;
  return `assert not todo, todo[:10]
has = defaultdict(lambda: defaultdict(list))
for r, l in zip(records, label_of): has[int(r[1])][l].append(r[0])
def a(own): return ${first}
def b(own): return ${second}
users = [(u, bool(a(has[u])), bool(b(has[u]))) for u in sorted(has)]
${shouldCount ? countPairs : listPairs}`;
}

const countPairs = `both = sum(ua and ub for _, ua, ub in users)
first, second = sum(ua and not ub for _, ua, ub in users), sum(ub and not ua for _, ua, ub in users)
FINAL(f"Pairs: {both * (both - 1) // 2 + both * (first + second) + first * second}")`;

const listPairs = `pairs = []
for i, (u, ua, ub) in enumerate(users):
    if not (ua or ub): continue
    pairs.extend(f"({u}, {v})" for v, va, vb in users[i+1:] if (ua and vb) or (ub and va))
result = "\\n".join(pairs) if pairs else "[]"
print(len(pairs), "pairs", len(result), "characters")
FINAL_VAR("result")`;

/** "at least two instances with location and exactly one instance with entity" as a condition in Python. */
function roleCode(text: string): string {
  const conditions = [
    ...text.matchAll(
      /(at least|exactly)?\s*(one|two)(?: instances?)? with ([a-z ]+?)(?=,|\band (?:one|at least|exactly)\b|\s*$)/g,
    ),
  ];
  return conditions
    .map(([, at, number, label = ""]) => {
      const compare = at === "exactly" ? "==" : ">=";
      return `len(own[${JSON.stringify(label.trim())}]) ${compare} ${number === "two" ? 2 : 1}`;
    })
    .join(" and ");
}

function dateCode(rest: string): string {
  const [, label, relation, day] =
    /all instances that are an? (.+?) for both users must be (after|before) (.+)$/.exec(rest) ?? [];
  if (label === undefined) return "";
  return ` and all(x ${relation === "after" ? ">" : "<"} day(${JSON.stringify(day)}) for x in own[${JSON.stringify(label)}])`;
}
