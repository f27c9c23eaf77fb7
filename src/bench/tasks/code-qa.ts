/** Multiple choice over any repository, in the shape of LongBench v2's CodeQA: golds come from an index of names made here, without a model. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { ConfigError } from "../../core/errors.ts";
import { sha256 } from "../../core/json.ts";
import { Random } from "../random.ts";
import { scoreChoice } from "../scorers/match.ts";
import { cell, type Family, type Mind, type Task } from "../task.ts";

interface SourceFile {
  readonly path: string;
  readonly name: string;
  readonly text: string;
  readonly defines: readonly string[];
}

export const codeQa: Family = {
  name: "code-qa",
  about: "multiple choice over a repository (LongBench v2's shape, golds from an index)",
  growth: "1",
  defaultLengths: [32_768, 131_072],

  async generate({ seed, lengths, perLength, data }) {
    const root = data ?? fileURLToPath(new URL("../../", import.meta.url));
    const all = sourcesIn(root);
    if (all.length < 8)
      throw new ConfigError("empty_corpus", `${root} has ${all.length} source files; at least 8 are needed.`);
    const tasks = lengths.flatMap((length) => {
      const files = upTo(length, all, seed);
      const random = new Random(`code-qa ${seed} ${length}`);
      return Array.from({ length: perLength }, (_, index): Task => {
        const made = index % 2 === 0 ? whereDefined(files, random) : whatIsCalled(files, random);
        const context = files.map(({ path }) => path);
        return {
          id: `code-qa-${length}-${seed}-${index + 1}`,
          family: "code-qa",
          lengthTokens: length,
          world: "any",
          context,
          ...made,
        };
      });
    });
    return {
      tasks,
      knowledge: { any: {} },
      source: `questions over ${all.length} source files, made by seed ${seed}`,
    };
  },

  score: ({ gold }, answer) => scoreChoice(String(gold), answer),
  mind: () => codeMind,
};

const definition = /^(?:export )?(?:default )?(?:async )?(?:function\*?|class|def) +([A-Za-z_]\w{3,})/gm;

function sourcesIn(root: string): SourceFile[] {
  const names = readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(ts|js|mjs|py)$/.test(name) && !/node_modules|\.d\.ts$|dist\//.test(name))
    .sort();
  return names
    .map((name) => join(root, name))
    .filter((path) => statSync(path).isFile() && statSync(path).size < 400_000)
    .map((path) => {
      const text = readFileSync(path, "utf8");
      const defines = [...text.matchAll(definition)].map(([, symbol = ""]) => symbol);
      return { path, name: relative(root, path).replaceAll("\\", "/"), text, defines };
    });
}

/** Files in an order of chance until the length is reached. */
function upTo(tokens: number, files: readonly SourceFile[], seed: number): SourceFile[] {
  const order = [...files].sort((a, b) => (sha256(seed + a.name) < sha256(seed + b.name) ? -1 : 1));
  const chosen: SourceFile[] = [];
  let used = 0;
  for (const file of order) {
    if (used > tokens && chosen.length >= 8) break;
    used += file.text.length / 3.8;
    chosen.push(file);
  }
  return chosen.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function whereDefined(files: readonly SourceFile[], random: Random): Pick<Task, "question" | "gold"> {
  const single = files
    .flatMap((file) => file.defines.map((symbol) => ({ file, symbol })))
    .filter(({ symbol }) => files.filter(({ defines }) => defines.includes(symbol)).length === 1);
  const { file, symbol } = random.pick(single);
  const others = random.sample(
    files.filter((one) => one !== file),
    3,
  );
  return choice(
    `In which file is \`${symbol}\` defined?`,
    file.name,
    others.map(({ name }) => name),
    random,
  );
}

function whatIsCalled(files: readonly SourceFile[], random: Random): Pick<Task, "question" | "gold"> {
  const names = [...new Set(files.flatMap(({ defines }) => defines))];
  for (let attempt = 0; attempt < 200; attempt++) {
    const file = random.pick(files);
    const called = names.filter(
      (name) => new RegExp(`\\b${name}\\(`).test(file.text) && !file.defines.includes(name),
    );
    const absent = names.filter((name) => !file.text.includes(name));
    if (called.length === 0 || absent.length < 3) continue;
    const question = `Which of these functions, defined elsewhere in the repository, is called in the file ${file.name}?`;
    return choice(question, random.pick(called), random.sample(absent, 3), random);
  }
  return whereDefined(files, random);
}

function choice(
  question: string,
  right: string,
  wrong: readonly string[],
  random: Random,
): Pick<Task, "question" | "gold"> {
  const options = random.shuffle([right, ...wrong]);
  const listed = options.map((option, index) => `(${"ABCD".charAt(index)}) ${option}`).join("\n");
  return {
    question: `What is the correct answer to this question: ${question}\nChoices:\n${listed}\n\nFormat your response as follows: "The correct answer is (insert answer here)".`,
    gold: "ABCD".charAt(options.indexOf(right)),
  };
}

const codeMind: Mind = {
  knows: (question) => question.includes("Choices:\n(A)"),
  leaf: () => undefined,
  searchFor(question) {
    const symbol = /is `(\w+)` defined/.exec(question)?.[1];
    return symbol === undefined
      ? optionsOf(question).map(([, text]) => text)
      : [`(function|class|def)\\*? +${symbol}`];
  },
  root(question, turn) {
    const symbol = /is `(\w+)` defined/.exec(question)?.[1];
    const file = /called in the file (\S+)\?/.exec(question)?.[1];
    const options = JSON.stringify(Object.fromEntries(optionsOf(question)));
    if (turn === 1)
      return symbol === undefined
        ? cell(
            "I look at the calls in that file.",
            `path = next(d.path for d in context if d.path.endswith(${JSON.stringify(file)}))
options = ${options}
found = {letter: grep(r"\\b" + name + r"\\(", documents=[path]).total for letter, name in options.items()}
print(found)`,
          )
        : cell(
            "I look for the definition.",
            `hits = grep(r"^(export )?(default )?(async )?(function\\*?|class|def) +${symbol}\\b")
options = ${options}
found = {letter: sum(h.path.endswith(name) for h in hits) for letter, name in options.items()}
print(found, [h.path for h in hits])`,
          );
    return cell("One option fits.", `FINAL("The correct answer is (" + max(found, key=found.get) + ")")`);
  },
  read(text, question, sight) {
    const symbol = /is `(\w+)` defined/.exec(question)?.[1];
    const file = /called in the file (\S+)\?/.exec(question)?.[1] ?? "";
    const parts = text
      .split(/^# (?=\S+\n)/m)
      .map((part) => [part.slice(0, part.indexOf("\n")), part] as const);
    const right = optionsOf(question).find(([, option]) =>
      symbol === undefined
        ? parts.some(([path, part]) => path.endsWith(file) && new RegExp(`\\b${option}\\(`).test(part))
        : parts.some(
            ([path, part]) =>
              path.endsWith(option) &&
              new RegExp(`^(export )?(default )?(async )?(function\\*?|class|def) +${symbol}\\b`, "m").test(
                part,
              ),
          ),
    );
    const isRight = right !== undefined && sight.isRight(question, 0.5);
    return `The correct answer is (${isRight ? right[0] : "ABCD".charAt(Math.floor(sight.draw(question) * 4))})`;
  },
};

function optionsOf(question: string): (readonly [letter: string, text: string])[] {
  return [...question.matchAll(/^\(([A-D])\) (.+)$/gm)].map(([, letter = "", text = ""]) => [letter, text]);
}
