/**
 * What a root LM writes for OOLONG's questions, over nothing but the public REPL functions: look, keep the records that the
 * question is about, have sub-LMs label numbered lines in one batch, check that every number came back, count in code. It is
 * told the question and the turn, as a model is; it never sees gold.
 */

const fence = "```";

export function oolongRoot(question: string, turn: number): string {
  const cells = cellsFor(question);
  const [plan, code] = cells[Math.min(turn, cells.length) - 1] ?? ["", ""];
  return `${plan}\n${fence}repl\n${code}\n${fence}`;
}

type Cell = readonly [plan: string, code: string];

function cellsFor(question: string): readonly Cell[] {
  if (/which user is represented most often/.test(question)) return [look, keep(question), busiestUser];
  return [look, keep(question), label(labelsIn(question)), answer(question)];
}

const look: Cell = [
  "I look at how the lines are made.",
  `lines = context.splitlines()
print(len(lines), "lines")
print("\\n".join(lines[:8]))
print("...")
print("\\n".join(lines[-4:]))`,
];

function keep(question: string): Cell {
  const users = /user IDs ([\d, ]+\d)/.exec(question)?.[1];
  const filter =
    users === undefined
      ? ""
      : `\nrecords = [r for r in records if r[1] in ${JSON.stringify(users.split(/, */))}]`;
  return [
    "Each record is a line of date, user and text. I split them, and keep those that the question is about.",
    `import re
records = [m.groups() for m in (re.match(r"Date: (.*?) \\|\\| User: (\\d+) \\|\\| Instance: (.*)", l) for l in lines) if m]
print(len(records), "records")${filter}
print(len(records), "kept", records[:2])`,
  ];
}

function label(labels: readonly string[]): Cell {
  return [
    "The kind of each question must be read: sub-LMs label numbered lines, all pieces in one batch; I ask again for what is missing.",
    `labels = ${JSON.stringify(labels)}
texts = [text for _, _, text in records]
def prompt(numbers):
    numbered = "\\n".join(f"{n}: {texts[n]}" for n in numbers)
    return ("Each numbered line is a question. Say what kind of thing its answer is: " + ", ".join(labels) + ". "
        "Answer one line 'number: label' for each. Every number once, nothing else.\\n\\n" + numbered)
size = 50
found = {}
todo = list(range(len(texts)))
for attempt in range(3):
    pieces = [todo[i:i+size] for i in range(0, len(todo), size)]
    for numbers, reply in zip(pieces, llm_query_batched([prompt(p) for p in pieces])):
        if not reply:
            print("failed:", reply); continue
        for n, word in re.findall(r"^(\\d+)\\s*:\\s*(.+?)\\s*$", reply, re.M):
            if int(n) in numbers and word in labels: found[int(n)] = word
    todo = [n for n in range(len(texts)) if n not in found]
    if not todo: break
print(len(pieces), "prompts,", len(found), "labelled,", len(todo), "missing")
from collections import Counter
count = Counter({l: 0 for l in labels}); count.update(found.values())
print(count)`,
  ];
}

const busiestUser: Cell = [
  "Users stand in the lines themselves: counting is enough.",
  `from collections import Counter
users = Counter(user for _, user, _ in records)
print(users.most_common(3))
FINAL(f"User: {users.most_common(1)[0][0]}")`,
];

function answer(question: string): Cell {
  return ["Every record has a label, so I can answer.", `assert not todo, todo[:10]\n${ending(question)}`];
}

function ending(question: string): string {
  if (/most common\?/.test(question)) return 'FINAL("Label: " + max(labels, key=lambda l: count[l]))';
  if (/least common\?/.test(question)) return 'FINAL("Label: " + min(labels, key=lambda l: count[l]))';
  const [, counted] = /classified as label '([^']+)'/.exec(question) ?? [];
  if (counted !== undefined) return `FINAL(f"Answer: {count[${JSON.stringify(counted)}]}")`;
  const [, a, b] = /is label '([^']+)' more common, .* as label '([^']+)'/.exec(question) ?? [];
  if (a === undefined || b === undefined) throw new Error(`No ending is known for: ${question}`);
  return `a, b = count[${JSON.stringify(a)}], count[${JSON.stringify(b)}]
relation = "same frequency as" if a == b else "more common than" if a > b else "less common than"
FINAL(f"Answer: ${a} is {relation} ${b}")`;
}

/** In the order in which the question names them. */
function labelsIn(question: string): readonly string[] {
  const listed = /one of the labels: ([^.]+)\./.exec(question)?.[1];
  return listed === undefined ? all : listed.split(", ");
}

const all: readonly string[] = [
  "description and abstract concept",
  "entity",
  "human being",
  "numeric value",
  "location",
  "abbreviation",
];
