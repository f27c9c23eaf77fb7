/** What a file is after its whole history, in the manner of LoCoDiff: commits with diffs in, the exact text out. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { estimateTokens } from "../../core/tokens.ts";
import { Random } from "../random.ts";
import { scoreExactText } from "../scorers/match.ts";
import { cell, type Family, type Mind } from "../task.ts";
import { newKey } from "./haystack.ts";

export const fileState: Family = {
  name: "file-state",
  about: "the exact text of a file after its history (LoCoDiff's manner)",
  growth: "N",
  defaultLengths: [8_192, 65_536],

  async generate({ seed, lengths, perLength, folder }) {
    await mkdir(folder, { recursive: true });
    const tasks = [];
    for (const length of lengths)
      for (let index = 0; index < perLength; index++) {
        const id = `file-state-${length}-${seed}-${index + 1}`;
        const { history, text } = makeHistory(length, new Random(id));
        const file = join(folder, `${id}.log`);
        await writeFile(file, history);
        tasks.push({
          id,
          family: "file-state",
          lengthTokens: length,
          world: "any",
          context: [file],
          question,
          gold: text,
        });
      }
    return { tasks, knowledge: { any: {} }, source: `made histories, seed ${seed}` };
  },

  score: ({ gold }, answer) => scoreExactText(String(gold), answer),
  mind: () => stateMind,
};

const question =
  "The text is the history of one file, notes.txt, oldest commit first, each with its diff. Output the exact content of the file after the last commit, between two lines of three backquotes.";

function makeHistory(tokens: number, random: Random): { history: string; text: string } {
  let lines: string[] = [];
  const commits: string[] = [];
  let used = 0;
  while (used < tokens * 0.97 || lines.length < 3) {
    const commit = commitOf(lines, random, commits.length + 1);
    lines = commit.lines;
    commits.push(commit.text);
    used += estimateTokens(commit.text);
  }
  return { history: commits.join("\n"), text: lines.join("\n") };
}

/** One hunk: some lines removed, some added, with up to three lines of context. */
function commitOf(
  lines: readonly string[],
  random: Random,
  number: number,
): { lines: string[]; text: string } {
  const at = random.whole(0, lines.length);
  const removed = lines.slice(at, at + random.whole(0, Math.min(3, lines.length - at)));
  const grow = lines.length > 60 ? 2 : 5;
  const added = Array.from(
    { length: random.whole(removed.length > 0 ? 0 : 1, grow) },
    () => `${newKey(random)}: ${newKey(random)} ${random.whole(1, 999)}`,
  );
  const before = lines.slice(Math.max(0, at - 3), at);
  const after = lines.slice(at + removed.length, at + removed.length + 3);
  const start = Math.max(0, at - 3);
  const old = before.length + removed.length + after.length;
  const now = before.length + added.length + after.length;
  const range = (count: number): string => `${count === 0 ? start : start + 1},${count}`;
  const text = [
    `commit ${Array.from({ length: 40 }, () => "0123456789abcdef".charAt(random.whole(0, 15))).join("")}`,
    "",
    `    Change ${number}`,
    "",
    "--- a/notes.txt",
    "+++ b/notes.txt",
    `@@ -${range(old)} +${range(now)} @@`,
    ...before.map((line) => ` ${line}`),
    ...removed.map((line) => `-${line}`),
    ...added.map((line) => `+${line}`),
    ...after.map((line) => ` ${line}`),
  ].join("\n");
  return { lines: [...lines.slice(0, at), ...added, ...lines.slice(at + removed.length)], text };
}

const stateMind: Mind = {
  knows: (text) => text.includes("history of one file"),
  leaf: () => undefined,
  searchFor: () => [],
  needsAll: true,
  root: (_question, turn) =>
    turn === 1
      ? cell(
          "I apply each hunk in turn.",
          `import re
text = context if isinstance(context, str) else "\\n".join(str(d).rstrip("\\n") for d in context)
state = []
for hunk in re.split(r"^commit [0-9a-f]{40}$", text, flags=re.M)[1:]:
    head, _, body = hunk.partition("@@ -")
    start, count = map(int, re.match(r"(\\d+),(\\d+)", body).groups())
    at = start - 1 if count else start
    rows = body.split("\\n")[1:]
    while rows and rows[-1] == "": rows.pop()
    old = [r[1:] for r in rows if r[:1] in " -"]
    assert state[at:at+count] == old, (at, old, state[at:at+count])
    state[at:at+count] = [r[1:] for r in rows if r[:1] in " +"]
print(len(state), state[:2])`,
        )
      : cell("That is the file.", 'result = "```\\n" + "\\n".join(state) + "\\n```"\nFINAL_VAR("result")'),
  read(text, _question, sight) {
    let state: string[] = [];
    for (const hunk of text.split(/^commit [0-9a-f]{40}$/m).slice(1)) {
      const [, start = 0, count = 0] = (/@@ -(\d+),(\d+)/.exec(hunk) ?? []).map(Number);
      const rows = hunk
        .slice(hunk.indexOf("\n", hunk.indexOf("@@ -")) + 1)
        .split("\n")
        .filter((row) => row !== "");
      const kept = rows.filter((row) => /^[ +]/.test(row)).map((row) => row.slice(1));
      const at = count === 0 ? start : start - 1;
      if (sight.isRight(hunk, 0.5)) state = [...state.slice(0, at), ...kept, ...state.slice(at + count)];
    }
    return `\`\`\`\n${state.join("\n")}\n\`\`\``;
  },
};
