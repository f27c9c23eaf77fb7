/** Questions of two hops over chapters of books, in the manner of BrowseComp-Plus: one name leads to a chapter, that to another. Golds by index. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { estimateTokens } from "../../core/tokens.ts";
import { Random } from "../random.ts";
import { cell, type Family, type Mind, type Sight, type Task } from "../task.ts";
import { codedWord, newKey, noise, paragraphsIn } from "./haystack.ts";

export const multiHop: Family = {
  name: "multi-hop",
  about: "two hops over the chapters of books (BrowseComp-Plus' manner)",
  growth: "1",
  defaultLengths: [131_072, 1_048_576],

  async generate({ seed, lengths, perLength, folder, data }) {
    const paragraphs = paragraphsIn(data);
    const tasks: Task[] = [];
    for (const length of lengths) {
      const random = new Random(`multi-hop ${seed} ${length}`);
      const chapters = chaptersOf(length, paragraphs, random);
      const place = join(folder, `multi-hop-${length}-${seed}`);
      await mkdir(place, { recursive: true });
      for (const [index, text] of chapters.entries())
        await writeFile(join(place, `chapter-${String(index + 1).padStart(4, "0")}.txt`), text);
      tasks.push(
        ...compose(chapters, random, perLength).map((made, index): Task => {
          return {
            id: `multi-hop-${length}-${seed}-${index + 1}`,
            family: "multi-hop",
            lengthTokens: length,
            world: "any",
            context: [place],
            ...made,
          };
        }),
      );
    }
    const source = paragraphs ? "public-domain books" : "made text";
    return { tasks, knowledge: { any: {} }, source: `composed over ${source} by seed ${seed}` };
  },

  /** The first words of the chapter, letter case and space aside. */
  score({ gold }, answer) {
    const plain = (text: string): string =>
      text
        .toLowerCase()
        .replace(/[^\p{L}\p{N}]+/gu, " ")
        .trim();
    return plain(answer).includes(plain(String(gold))) ? 1 : 0;
  },
  mind: () => hopMind,
};

/** Chapters of about 4,000 tokens. Made ones have names of their own. */
function chaptersOf(tokens: number, paragraphs: readonly string[] | undefined, random: Random): string[] {
  const chapters: string[] = [];
  let used = 0;
  // As many names as places for them: about a third stands once, a fifth twice.
  const names = Array.from({ length: Math.ceil(tokens / 45) }, () => {
    const name = codedWord(random, 7);
    return `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
  });
  let next = paragraphs ? random.whole(0, Math.max(0, paragraphs.length - 2_000)) : 0;
  while (used < tokens) {
    const part: string[] = [];
    let size = 0;
    while (size < 4_000) {
      const made = `${newKey(random)} and ${random.pick(names)} met at the ${newKey(random)}. ${noise}`;
      const paragraph = paragraphs?.[next++ % paragraphs.length] ?? made;
      part.push(paragraph);
      size += estimateTokens(paragraph);
    }
    used += size;
    chapters.push(part.join("\n\n"));
  }
  return chapters;
}

/** A name that stands in one chapter alone, beside one that stands in two: that chapter and another. */
function compose(
  chapters: readonly string[],
  random: Random,
  count: number,
): Pick<Task, "question" | "gold">[] {
  const where = new Map<string, Set<number>>();
  for (const [index, chapter] of chapters.entries())
    for (const name of namesIn(chapter)) where.set(name, (where.get(name) ?? new Set()).add(index));
  const single = [...where].filter(([, places]) => places.size === 1);
  const double = [...where].filter(([, places]) => places.size === 2);
  const made: Pick<Task, "question" | "gold">[] = [];
  for (const [link, places] of random.shuffle(double)) {
    if (made.length >= count) break;
    const [from = -1, to = -1] = random.shuffle([...places]);
    const start = single.find(
      ([name, [place]]) => place === from && !made.some(({ question }) => question.includes(`"${name}"`)),
    );
    const before = double.filter(([, others]) => others.has(from));
    // The first in the alphabet of the names that lead on must be the one that is asked for.
    if (start === undefined || before.map(([name]) => name).sort()[0] !== link) continue;
    made.push({
      question: `The name "${start[0]}" stands in one single chapter. Of all capitalised names of six or more letters in that chapter that stand in exactly one other chapter, take the first in alphabetical order. With which five words does that other chapter begin? Answer with these five words alone.`,
      gold: firstWords(chapters[to] ?? ""),
    });
  }
  return made;
}

function namesIn(text: string): Set<string> {
  return new Set([...text.matchAll(/\b[A-Z][a-z]{5,}\b/g)].map(([name]) => name));
}

function firstWords(text: string): string {
  return text.trim().split(/\s+/).slice(0, 5).join(" ");
}

const hopMind: Mind = {
  knows: (question) => question.includes("stands in one single chapter"),
  leaf: () => undefined,
  searchFor: (question) => [/The name "(\w+)"/.exec(question)?.[1] ?? ""],
  root(question, turn) {
    const name = /The name "(\w+)"/.exec(question)?.[1] ?? "";
    return turn === 1
      ? cell(
          "I find the chapter, then where its names stand.",
          `import re
names = [set(re.findall(r"\\b[A-Z][a-z]{5,}\\b", str(chapter))) for chapter in context]
home = [i for i, found in enumerate(names) if ${JSON.stringify(name)} in found]
print(home)
count = {n: [i for i, found in enumerate(names) if n in found] for n in names[home[0]]}
links = sorted(n for n, places in count.items() if len(places) == 2)
print(links[:3])`,
        )
      : cell(
          "The first of them leads to the other chapter.",
          `other = [i for i in count[links[0]] if i != home[0]][0]
FINAL(" ".join(str(context[other]).split()[:5]))`,
        );
  },
  read(text, question, sight: Sight) {
    const chapters = text.split(/^# \S+\n/m).slice(1);
    const name = /The name "(\w+)"/.exec(question)?.[1] ?? "";
    const names = chapters.map(namesIn);
    const home = names.findIndex((found) => found.has(name));
    const link = [...(names[home] ?? [])]
      .filter((one) => names.filter((found) => found.has(one)).length === 2)
      .sort()[0];
    const other = names.findIndex((found, index) => index !== home && link !== undefined && found.has(link));
    return other >= 0 && sight.isRight(question, other / chapters.length)
      ? firstWords(chapters[other] ?? "")
      : "It is not there.";
  },
};
