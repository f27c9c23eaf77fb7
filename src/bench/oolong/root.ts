/**
 * What a root LM may write for OOLONG's questions, over nothing but the public REPL functions: look, keep the records that the
 * question is about, have sub-LMs label numbered lines in one batch, check that every number came back, count in code. It is told
 * the question and the turn, as a model is; it never sees gold.
 */
import { cell } from "../task.ts";
import { endingFor, needsLabels } from "./root-endings.ts";

/** @param depth 0 where there are no sub-calls: then kinds are guessed by key words, which is what code alone can do */
export function oolongRoot(question: string, turn: number, depth: number = 1): string {
  const reading = depth === 0 ? guessCell(question) : labelCell(question);
  const cells = [look, keep(question), ...(needsLabels(question) ? [reading] : []), answer(question)];
  const [plan, code] = cells[Math.min(turn, cells.length) - 1] ?? look;
  return cell(plan, code);
}

export type Cell = readonly [plan: string, code: string];

/** Shared with the policy for pairs of users: the first thing that anyone does with such a window. */
export const look: Cell = [
  "I look at how the lines are made.",
  `text = context if isinstance(context, str) else "\\n".join(str(d) for d in context)
lines = text.splitlines()
print(len(lines), "lines")
print("\\n".join(lines[:8]))
print("...")
print("\\n".join(lines[-4:]))`,
];

/** Splits the records, and keeps those that the question is about. */
export function keep(question: string): Cell {
  return [
    "Each record is a line of date, user and text. I split them, and keep those that the question is about.",
    `import re
from datetime import datetime
from collections import Counter, defaultdict
def day(text):
    for form in ("%b %d, %Y", "%B %d, %Y", "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%m/%d/%Y"):
        try: return datetime.strptime(text.strip(), form).date()
        except ValueError: pass
    raise ValueError(text)
days = {}
records = []
for l in lines:
    m = re.match(r"Date: (.*?) \\|\\| User: (.*?) \\|\\| Instance: (.*)", l)
    if m:
        if m[1] not in days: days[m[1]] = day(m[1])
        records.append((days[m[1]], m[2], m[3], l))
print(len(records), "records")${filterFor(question)}
print(len(records), "kept", records[:2])`,
  ];
}

function filterFor(question: string): string {
  const users = /(?:user IDs|users with IDs) ([\d, ]+\d)/.exec(question)?.[1];
  const month = /occur in (\w+) of any year/.exec(question)?.[1];
  const [, from, to] = /occur between (.+?) and (.+?), inclusive/.exec(question) ?? [];
  if (users !== undefined)
    return `\nwanted = set(${JSON.stringify(users.split(/, */))})\nrecords = [r for r in records if r[1] in wanted]`;
  if (month !== undefined)
    return `\nrecords = [r for r in records if r[0].strftime("%B") == ${JSON.stringify(month)}]`;
  if (from !== undefined)
    return `\nrecords = [r for r in records if day(${JSON.stringify(from)}) <= r[0] <= day(${JSON.stringify(to)})]`;
  return "";
}

/** Labels every record that was kept; `count` and `label_of` are what the endings work with. */
export function labelCell(question: string): Cell {
  return [
    "The kind of each line must be read: sub-LMs label numbered lines, all pieces in one batch; I ask again for what is missing.",
    `head = text[:text.find("Date: ")] if "Date: " in text[:5000] else ""
labels = re.findall(r"'([^']+)'", head) or ${JSON.stringify(labelsIn(question))}
texts = [r[2] for r in records]
if len(set(texts)) < len(texts): texts = [r[3] for r in records]
kinds = ", ".join(labels)
def prompt(numbers):
    numbered = "\\n".join(f"{n}: {texts[n]}" for n in numbers)
    return ("Each numbered line holds a text. Say which of these it belongs to, by what it means: " + kinds + ". "
        "Answer one line 'number: label' for each. Every number once, nothing else.\\n\\n" + numbered)
size = 50
found = {}
todo = list(range(len(texts)))
for attempt in range(3):
    pieces = [todo[i:i+size] for i in range(0, len(todo), size)]
    for numbers, reply in zip(pieces, llm_query_batched([prompt(p) for p in pieces])):
        if not reply:
            print("failed:", reply); continue
        asked = set(numbers)
        for n, word in re.findall(r"^(\\d+)\\s*:\\s*(.+?)\\s*$", reply, re.M):
            if int(n) in asked and (word in labels or len(labels) < 2): found[int(n)] = word
    todo = [n for n in range(len(texts)) if n not in found]
    if not todo: break
print(len(texts), "texts,", len(found), "labelled,", len(todo), "missing")
label_of = [found.get(n) for n in range(len(texts))]
count = Counter({l: 0 for l in labels}); count.update(found.values())
print(count)`,
  ];
}

function guessCell(question: string): Cell {
  return [
    "There are no sub-LMs, so I guess kinds by key words.",
    `head = text[:text.find("Date: ")] if "Date: " in text[:5000] else ""
labels = re.findall(r"'([^']+)'", head) or ${JSON.stringify(labelsIn(question))}
words = [("abbreviation", r"stand for|abbreviation|full form|acronym"), ("numeric value", r"^How (many|much|old|far|long|tall|big)|^What (year|date|day|percent)|^When"),
    ("human being", r"^Who|^What (man|woman|actor|president|king)"), ("location", r"^Where|^What (city|country|town|river|state)"),
    ("description and abstract concept", r"^Why|^How|^What (is|are|does|was) (the )?\\w+ ?(\\w+ )?\\?$|mean"), ("entity", r"")]
def guess(text):
    for label, pattern in words:
        if label in labels and re.search(pattern, text, re.I): return label
    return labels[0]
label_of = [guess(r[2]) for r in records]
todo = []
count = Counter({l: 0 for l in labels}); count.update(label_of)
print(count)`,
  ];
}

function answer(question: string): Cell {
  const check = needsLabels(question) ? "assert not todo, todo[:10]\n" : "";
  return ["Every record that I need is there, so I can answer.", `${check}${endingFor(question)}`];
}

/** The labels that the question names, where the text itself lists none. */
function labelsIn(question: string): readonly string[] {
  const listed = /one of the labels: ([^.]+)\./.exec(question)?.[1];
  if (listed !== undefined) return listed.split(", ");
  const [, a, b] = /label '([^']+)' .* label '([^']+)'/.exec(question) ?? [];
  return a !== undefined && b !== undefined ? [a, b] : [];
}
