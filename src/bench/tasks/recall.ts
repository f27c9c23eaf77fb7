/** What was said in a long conversation, asked for in the end: said once, changed since, or as it was at first. Made, seeded. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { estimateTokens } from "../../core/tokens.ts";
import { Random } from "../random.ts";
import { cell, type Family, type Mind, type Sight, type Task } from "../task.ts";
import { lineSource, newKey, paragraphsIn } from "./haystack.ts";

interface Turn {
  readonly role: "user" | "assistant";
  readonly content: string;
}

interface Fact {
  readonly key: string;
  /** In the order in which they were said. */
  readonly codes: readonly string[];
}

export const recall: Family = {
  name: "recall",
  about: "what was said in a long conversation, after it was compacted many times",
  growth: "1",
  defaultLengths: [8_192, 65_536],

  async generate({ seed, lengths, perLength, folder, data }) {
    const paragraphs = paragraphsIn(data);
    const tasks: Task[] = [];
    await mkdir(folder, { recursive: true });
    for (const length of lengths) {
      const name = `recall-${length}-${seed}`;
      const random = new Random(name);
      const facts = makeFacts(Math.max(perLength, 4), random);
      const turns = converse(length, facts, paragraphs, random);
      const file = join(folder, `${name}.jsonl`);
      await writeFile(file, turns.map((turn) => `${JSON.stringify(turn)}\n`).join(""));
      for (const [index, fact] of facts.slice(0, perLength).entries())
        tasks.push({
          id: `${name}-${index + 1}`,
          family: "recall",
          lengthTokens: length,
          world: "any",
          context: [file],
          ...ask(fact, index),
        });
    }
    const between = paragraphs ? "public-domain books" : "made text";
    return { tasks, knowledge: { any: {} }, source: `made conversations over ${between}, seed ${seed}` };
  },

  /** The right code and no other one of the same thing. */
  score({ gold }, answer) {
    const [right = "", ...wrong] = Array.isArray(gold) ? gold.map(String) : [];
    return answer.includes(right) && !wrong.some((code) => answer.includes(code)) ? 1 : 0;
  },
  mind: () => recallMind,
};

/** Every second thing gets another code later. */
function makeFacts(count: number, random: Random): Fact[] {
  const keys = new Set<string>();
  while (keys.size < count) keys.add(newKey(random));
  return [...keys].map((key, index) => ({
    key,
    codes: Array.from({ length: index % 2 === 0 ? 1 : 2 }, () => String(random.whole(1_000_000, 9_999_999))),
  }));
}

function ask({ key, codes }: Fact, index: number): Pick<Task, "question" | "gold"> {
  const end = "Answer with the code alone.";
  if (codes.length === 1)
    return { question: `Which locker code did I tell you for ${key}? ${end}`, gold: [...codes] };
  const [first = "", last = ""] = codes;
  return index % 4 === 1
    ? {
        question: `Which locker code does ${key} have now, after the last change? ${end}`,
        gold: [last, first],
      }
    : {
        question: `Which locker code did ${key} have at first, before it was changed? ${end}`,
        gold: [first, last],
      };
}

/** Small talk over texts, with what will be asked for at places of chance; a change comes after what it changes. */
function converse(
  tokens: number,
  facts: readonly Fact[],
  paragraphs: readonly string[] | undefined,
  random: Random,
): Turn[] {
  const next = lineSource(paragraphs, random);
  const turns: Turn[] = [];
  for (let used = 0; used < tokens * 0.97;) {
    const passage = next().slice(0, 900);
    const about = newKey(random);
    turns.push({ role: "user", content: `Note ${turns.length / 2 + 1}, filed under ${about}: ${passage}` });
    turns.push({ role: "assistant", content: `Filed under ${about}.` });
    used += turns.slice(-2).reduce((sum, { content }) => sum + estimateTokens(content) + 4, 0);
  }
  const users = turns.flatMap(({ role }, index) => (role === "user" ? [index] : []));
  const said = new Map<number, string[]>();
  // A message of its own for each, as long as there are enough.
  const slots = random.shuffle(users);
  for (const { key, codes } of facts) {
    const places = codes.map(() => slots.pop() ?? random.pick(users)).sort((a, b) => a - b);
    for (const [index, code] of codes.entries()) {
      const is = index === 0 ? "By the way: the locker code of" : "Mind the change: the locker code of";
      const place = places[index] ?? 0;
      said.set(place, [...(said.get(place) ?? []), `${is} ${key} is ${index === 0 ? "" : "now "}${code}.`]);
    }
  }
  return turns.map((turn, index) => {
    const more = said.get(index);
    return more ? { ...turn, content: `${turn.content}\n${more.join("\n")}` } : turn;
  });
}

function keyIn(question: string): string {
  return /locker code (?:did I tell you for|does|did) (\S+?)(?:\?| have)/.exec(question)?.[1] ?? "";
}

const recallMind: Mind = {
  knows: (question) => question.includes("locker code"),
  leaf: () => undefined,
  searchFor: (question) => [`locker code of ${keyIn(question)}`],
  isTelling: (line) => line.includes("locker code of"),
  plan: (question) => ({
    prompt:
      "{{line}}\n\nIf this says the locker code of something, give what it is of and the code; else two empty texts.",
    fields: { owner: "string", code: "string" },
    sql: `select code from results where owner = '${keyIn(question)}' order by position ${/at first/.test(question) ? "asc" : "desc"} limit 1`,
  }),
  // A line may say several; a row has room for one, so that a model would have to choose.
  record(line, position, sight) {
    const [whole, owner = "", code = ""] = /locker code of (\S+) is (?:now )?(\d{7})/.exec(line) ?? [];
    return whole !== undefined && sight.isRight(whole, position) ? { owner, code } : { owner: "", code: "" };
  },
  root: (question, turn) =>
    turn === 1
      ? cell(
          "What was said can be found by its words.",
          `hits = grep(${JSON.stringify(`locker code of ${keyIn(question)} is (now )?\\d{7}`)}, limit=50)
print([h.text for h in hits])`,
        )
      : cell("The place says which it is.", `FINAL(hits[${/at first/.test(question) ? 0 : -1}].text[-7:])`),
  read(text, question, sight: Sight) {
    const pattern = new RegExp(`locker code of ${keyIn(question)} is (?:now )?(\\d{7})`, "g");
    const seen = [...text.matchAll(pattern)].filter(([whole], index, all) =>
      sight.isRight(whole, (all[index]?.index ?? 0) / Math.max(1, text.length)),
    );
    const code = (/at first/.test(question) ? seen[0] : seen.at(-1))?.[1];
    return code ?? "It was not said.";
  },
};
