/** How simulated models play RULER: a cell of grep or counting at the root, and reading a text that is shown. It knows nothing but text. */
import type { JsonObject } from "../../core/json.ts";
import { cell, type MapPlan, type Mind, type Sight } from "../task.ts";

export function rulerMind(): Mind {
  return {
    knows: (question) =>
      /special magic|assigned the value|most common words|frequently appeared words/.test(question),
    root: (question, turn) => cells(question)[Math.min(turn, 2) - 1] ?? "",
    leaf: () => undefined,
    read,
    plan,
    record: recordOf,
    isTelling: (line) => /special magic|^VAR /.test(line),
    searchFor(question) {
      const keys = keysIn(question);
      const value = /assigned the value (\d+)/.exec(question)?.[1];
      return value === undefined ? keys : [value];
    },
  };
}

function keysIn(question: string): string[] {
  const list = /special magic numbers? for (.+?) mentioned/.exec(question)?.[1] ?? "";
  return list === "" ? [] : list.replace(/,? and /, ", ").split(", ");
}

function cells(question: string): readonly string[] {
  const keys = keysIn(question);
  if (keys.length > 0)
    return [
      cell(
        "What a pattern can find, grep finds.",
        `hits = {k: grep("magic numbers for " + k + " is: \\\\d+", limit=50) for k in ${JSON.stringify(keys)}}
for k, found in hits.items(): print(k, found.total, [h.text for h in found])`,
      ),
      cell(
        "The numbers stand in what was found.",
        `FINAL(", ".join(h.text.split(": ")[1] for found in hits.values() for h in found))`,
      ),
    ];
  const value = /assigned the value (\d+)/.exec(question)?.[1];
  if (value !== undefined)
    return [
      cell(
        "I collect all assignments.",
        `import re
rows = [re.search(r"VAR (\\w+) = (?:VAR )?(\\w+)", h.line_text).groups() for h in grep(r"VAR \\w+ = ", limit=1000)]
print(rows)`,
      ),
      cell(
        "I follow the chain.",
        `known = {${JSON.stringify(value)}}
for _ in rows:
    known |= {name for name, source in rows if source in known}
FINAL(" ".join(name for name, _ in rows if name in known))`,
      ),
    ];
  const [pattern, most, drop] = /common words/.test(question)
    ? [`\\d+\\. (\\w+)`, 10, ""]
    : [`([a-z]{6})\\b`, 3, ""];
  return [
    cell(
      "Counting words is work for code.",
      `import re
from collections import Counter
count = Counter()
step = 1_000_000
text = context if isinstance(context, str) else "\\n".join(str(d) for d in context)
lines = text.splitlines()[1:]
for l in lines: count.update(re.findall(r"${pattern}", l))
print(count.most_common(${most + 2}))${drop}`,
    ),
    cell(
      "The most frequent ones are the answer.",
      `FINAL(" ".join(w for w, _ in count.most_common(${most})))`,
    ),
  ];
}

/** What a line by itself says of needles, assignments and list entries; words in running text are none of its own. */
function plan(question: string): MapPlan | undefined {
  const fields = { kind: "string", name: "string", value: "string" } as const;
  const prompt =
    '{{line}}\n\nIf this hides a special magic number, give kind "number", what it is for as name, and the number as value. If it assigns a variable, give kind "variable", its name, and as value what it is assigned. If it is an entry of a numbered list, give kind "entry" and its word as name. Else give empty texts.';
  const keys = keysIn(question);
  const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
  const value = /assigned the value (\d+)/.exec(question)?.[1];
  if (keys.length > 0)
    return {
      ...{ prompt, fields },
      sql: `select value from results where kind = 'number' and name in (${keys.map(quoted).join(", ")}) order by position`,
    };
  if (value !== undefined)
    return {
      ...{ prompt, fields },
      sql: `with recursive known(name) as (select ${quoted(value)} union select results.name from results join known on results.value = known.name where kind = 'variable') select name from known where name <> ${quoted(value)}`,
    };
  return /common words/.test(question)
    ? {
        ...{ prompt, fields },
        sql: "select name from results where kind = 'entry' group by name order by count(*) desc limit 10",
      }
    : undefined;
}

function recordOf(line: string, position: number, sight: Sight): JsonObject {
  const none = { kind: "", name: "", value: "" };
  if (!sight.isRight(line, position)) return none;
  const [, key, number = ""] = /special magic numbers for (\S+) is: (\d+)/.exec(line) ?? [];
  if (key !== undefined) return { kind: "number", name: key, value: number };
  const [, name, source = ""] = /^VAR (\w+) = (?:VAR )?(\w+)/.exec(line) ?? [];
  if (name !== undefined) return { kind: "variable", name, value: source };
  const word = /^\d+\. (\w+)$/.exec(line)?.[1];
  return word === undefined ? none : { kind: "entry", name: word, value: "" };
}

/** One who is shown the text finds what it sees, item by item. */
function read(text: string, question: string, sight: Sight): string {
  const sees = (item: string, index: number): boolean =>
    sight.isRight(item, index / Math.max(1, text.length));
  const keys = keysIn(question);
  if (keys.length > 0) {
    const found = [...text.matchAll(/special magic numbers for (\S+) is: (\d+)/g)];
    const seen = found.filter(([line, key = ""]) => keys.includes(key) && sees(line, text.indexOf(line)));
    return seen.map(([, , value]) => value).join(", ") || "It is not in the text.";
  }
  const value = /assigned the value (\d+)/.exec(question)?.[1];
  if (value !== undefined) {
    const known = new Set([value]);
    for (const row of text.matchAll(/VAR (\w+) = (?:VAR )?(\w+)/g))
      if (known.has(row[2] ?? "") && sees(row[0], row.index)) known.add(row[1] ?? "");
    return [...known].slice(1).join(" ");
  }
  const isCommon = /common words/.test(question);
  const counts = new Map<string, number>();
  for (const [, word = ""] of text.matchAll(isCommon ? /\d+\. (\w+)/g : /\b([a-z]{6})\b/g))
    counts.set(word, (counts.get(word) ?? 0) + 1);
  const ordered = [...counts].sort(([, a], [, b]) => b - a).map(([word]) => word);
  return ordered
    .filter((word) => sight.isRight(word, 0.5))
    .slice(0, isCommon ? 10 : 3)
    .join(" ");
}
