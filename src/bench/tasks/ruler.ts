/**
 * S-NIAH and the tasks of RULER that need no licensed data, in RULER's words: one needle or several, several keys, values and
 * queries, variable tracing, common and frequent words. The haystack is books or noise: essays under copyright are not used.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { estimateTokens } from "../../core/tokens.ts";
import { Random } from "../random.ts";
import { stringMatchAll } from "../scorers/match.ts";
import type { Dataset, Family, GenerateRequest, Task } from "../task.ts";
import { codedWord, hide, lineSource, newKey, noise, paragraphsIn } from "./haystack.ts";
import { rulerMind } from "./ruler-mind.ts";

interface Made {
  readonly text: string;
  readonly question: string;
  readonly gold: readonly string[];
}

type Maker = (tokens: number, random: Random, paragraphs: readonly string[] | undefined) => Made;

const makers: Readonly<Record<string, Maker>> = {
  "niah-single": (tokens, random, paragraphs) =>
    niah(tokens, random, paragraphs, { keys: 1, values: 1, asked: 1 }),
  "niah-multikey": (tokens, random, paragraphs) =>
    niah(tokens, random, paragraphs, { keys: 4, values: 1, asked: 1 }),
  "niah-needles": (tokens, random) =>
    niah(tokens, random, undefined, { keys: 1, values: 1, asked: 1, onlyNeedles: true }),
  "niah-multivalue": (tokens, random, paragraphs) =>
    niah(tokens, random, paragraphs, { keys: 1, values: 4, asked: 1 }),
  "niah-multiquery": (tokens, random, paragraphs) =>
    niah(tokens, random, paragraphs, { keys: 4, values: 1, asked: 4 }),
  vt: variableTracing,
  cwe: commonWords,
  fwe: frequentWords,
};

export const sNiah: Family = {
  name: "s-niah",
  about: "one needle in a haystack (RULER's single needle)",
  growth: "1",
  defaultLengths: [8_192, 131_072, 1_048_576],
  generate: (request) => generate("s-niah", ["niah-single"], request),
  score: ({ gold }, answer) => stringMatchAll(Array.isArray(gold) ? gold.map(String) : [], answer),
  mind: rulerMind,
};

export const ruler: Family = {
  ...sNiah,
  name: "ruler",
  about: "needles, variable tracing and word counts (eight tasks of RULER)",
  growth: "1",
  defaultLengths: [4_096, 32_768, 131_072],
  generate: (request) => generate("ruler", Object.keys(makers), request),
};

async function generate(
  family: string,
  kinds: readonly string[],
  request: GenerateRequest,
): Promise<Dataset> {
  const paragraphs = paragraphsIn(request.data);
  const tasks: Task[] = [];
  await mkdir(request.folder, { recursive: true });
  for (const length of request.lengths)
    for (let index = 0; index < request.perLength; index++) {
      const kind = kinds[index % kinds.length] ?? "";
      const name = `${family}-${kind}-${length}-${request.seed}-${index + 1}`;
      const made = makers[kind]?.(length, new Random(name), paragraphs);
      if (!made) continue;
      const file = join(request.folder, `${name}.txt`);
      await writeFile(file, made.text);
      tasks.push({
        id: name,
        family,
        lengthTokens: length,
        world: "any",
        context: [file],
        question: made.question,
        gold: made.gold,
        meta: { kind },
      });
    }
  const hay = paragraphs ? "public-domain books" : "RULER's noise";
  return {
    tasks,
    knowledge: { any: {} },
    source: `RULER's templates, made by seed ${request.seed}, haystack: ${hay}`,
  };
}

interface Needles {
  readonly keys: number;
  readonly values: number;
  readonly asked: number;
  /** The haystack is made of other needles. */
  readonly onlyNeedles?: boolean;
}

function niah(
  tokens: number,
  random: Random,
  paragraphs: readonly string[] | undefined,
  plan: Needles,
): Made {
  const needleOf = (key: string, value: string): string =>
    `One of the special magic numbers for ${key} is: ${value}.`;
  const value = (): string => String(random.whole(1_000_000, 9_999_999));
  const keys = [...new Set(Array.from({ length: plan.keys * 3 }, () => newKey(random)))].slice(0, plan.keys);
  const hidden = keys.map((key) => ({ key, values: Array.from({ length: plan.values }, value) }));
  const needles = hidden.flatMap(({ key, values }) => values.map((one) => needleOf(key, one)));
  const lines = plan.onlyNeedles
    ? () => needleOf(`${newKey(random)}-x`, value())
    : lineSource(paragraphs, random);
  const asked = hidden.slice(0, plan.asked);
  const names = asked.map(({ key }) => key);
  const list =
    names.length === 1 ? (names[0] ?? "") : `${names.slice(0, -1).join(", ")}, and ${names.at(-1)}`;
  const isOne = plan.asked * plan.values === 1;
  const question = isOne
    ? `What is the special magic number for ${list} mentioned in the provided text?`
    : `What are all the special magic numbers for ${list} mentioned in the provided text?`;
  const intro =
    "Some special magic numbers are hidden within the following text. Make sure to memorize it. I will quiz you about the numbers afterwards.";
  return {
    text: `${intro}\n${hide(needles, tokens, lines, random)}\n`,
    question,
    gold: asked.flatMap(({ values }) => values),
  };
}

/** One chain of five variables in noise. */
function variableTracing(tokens: number, random: Random): Made {
  const names = Array.from({ length: 5 }, () => codedWord(random, 5).toUpperCase());
  const value = String(random.whole(10_000, 99_999));
  const statements = names.map(
    (name, index) => `VAR ${name} = ${index === 0 ? value : `VAR ${names[index - 1]} `}`,
  );
  const room = Math.max(10, Math.floor((tokens - 200) / estimateTokens(`${noise}\n`)));
  const lines = Array.from({ length: room }, () => noise);
  const places = random.sample([...lines.keys()], statements.length).sort((a, b) => b - a);
  for (const [index, place] of places.entries()) lines.splice(place, 0, statements.at(-1 - index) ?? "");
  const intro = "Memorize and track the chain(s) of variable assignment hidden in the following text.";
  return {
    text: `${intro}\n\n${lines.join("\n")}\n`,
    question: `Find all variables that are assigned the value ${value} in the text above.`,
    gold: names,
  };
}

function commonWords(tokens: number, random: Random): Made {
  const [often, seldom] = [30, 3];
  const perWord = estimateTokens("123. qwerty ");
  const rare = Math.max(20, Math.floor((tokens / perWord - 10 * often) / seldom));
  const words = [...new Set(Array.from({ length: rare + 40 }, () => codedWord(random)))];
  const common = words.slice(0, 10);
  const all = random.shuffle([
    ...common.flatMap((word) => Array.from({ length: often }, () => word)),
    ...words.slice(10).flatMap((word) => Array.from({ length: seldom }, () => word)),
  ]);
  const intro =
    "Below is a numbered list of words. In these words, some appear more often than others. Memorize the ones that appear most often.";
  return {
    text: `${intro}\n${all.map((word, index) => `${index + 1}. ${word}`).join("\n")}\n`,
    question: "What are the 10 most common words in the above list?",
    gold: common,
  };
}

/** Coded words by a zeta distribution of 2.0; the most frequent of all is dots, which do not count. */
function frequentWords(tokens: number, random: Random): Made {
  const vocabulary = [
    ...new Set(Array.from({ length: Math.max(30, Math.floor(tokens / 50)) }, () => codedWord(random))),
  ];
  const total = vocabulary.reduce((sum, _, rank) => sum + (rank + 1) ** -2, 0);
  const count = Math.floor(tokens / estimateTokens("qwerty "));
  const words = vocabulary.flatMap((word, rank) => {
    const times = Math.round((count * (rank + 1) ** -2) / total);
    return Array.from({ length: times }, () => (rank === 0 ? "..." : word));
  });
  const shuffled = random.shuffle(words);
  const lines = Array.from({ length: Math.ceil(shuffled.length / 12) }, (_, row) =>
    shuffled.slice(row * 12, row * 12 + 12).join(" "),
  );
  return {
    text: `Read the following coded text and track the frequency of each coded word. Find the three most frequently appeared coded words. Do not count "...".\n${lines.join("\n")}\n`,
    question:
      "Do not provide any explanation. Please ignore the dots '....'. What are the three most frequently appeared words in the above coded text?",
    gold: vocabulary.slice(1, 4),
  };
}
