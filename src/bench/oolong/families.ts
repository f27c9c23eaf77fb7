/** OOLONG-synth and OOLONG-Pairs as families of tasks: official windows, made ones, and how simulated models play them. */
import { join } from "node:path";
import type { JsonObject } from "../../core/json.ts";
import { drawOf, Random } from "../random.ts";
import type { Family, Mind, Sight, Task } from "../task.ts";
import { cutWindow, generateWindow, instancesFrom } from "./generate.ts";
import { LabelTable, labellingLeaf } from "./leaf.ts";
import { pairsQueries, queryOf } from "./pairs-queries.ts";
import { goldPairs, numberOfPairs, pairsRoot, scorePairs } from "./pairs.ts";
import { oolongPlan, pairsPlan, recordOf } from "./plan.ts";
import { oolongRoot } from "./root.ts";
import { scoreOolong } from "./score.ts";
import { solve } from "./solve.ts";
import {
  readWindows,
  type AnswerType,
  type OolongQuestion,
  type OolongRecord,
  type OolongWindow,
} from "./window.ts";

const officialSource = "official OOLONG-synth windows (no licence stated: for evaluation only)";

export const oolong: Family = {
  name: "oolong",
  about: "label every line, then answer a question about the counts (OOLONG-synth)",
  growth: "N",
  defaultLengths: [8_192, 32_768, 131_072],

  async generate({ seed, lengths, perLength, folder, data }) {
    const instances = instancesFrom(data);
    const windows: OolongWindow[] = [];
    const tasks: Task[] = [];
    for (const length of lengths) {
      const window = await generateWindow(`oolong-${length}-${seed}`, length, instances, seed, folder);
      windows.push(window);
      tasks.push(...tasksOf({ ...window, questions: choose(window.questions, perLength, seed) }, length));
    }
    return {
      tasks,
      knowledge: worldsOf(windows),
      source: `OOLONG-synth format, made by seed ${seed}, lines: ${instances.source}`,
    };
  },

  async load(folder) {
    const windows = readWindows(folder);
    const tasks = windows.flatMap((window) => tasksOf(window, nominalLength(window.records.length)));
    return { tasks, knowledge: worldsOf(windows), source: officialSource };
  },

  score: ({ gold, meta }, answer) =>
    scoreOolong({ type: String(meta?.["type"]) as AnswerType, gold: String(gold) }, answer),

  mind: (knowledge) => ({
    ...labelled(knowledge),
    knows: (question) => !question.includes("list all pairs of user IDs") && /label|user|date/.test(question),
    root: (question, turn, depth) => oolongRoot(question, turn, depth),
    read: (text, question, sight) => solve(question, recordsIn(text, LabelTable.fromJson(knowledge), sight)),
    plan: oolongPlan,
  }),
};

export const pairs: Family = {
  name: "pairs",
  about: "list all pairs of users that fit a condition on labels (OOLONG-Pairs, F1)",
  growth: "N²",
  defaultLengths: [8_192, 32_768],

  async generate({ seed, lengths, perLength, folder, data }) {
    const instances = instancesFrom(data);
    const windows = await Promise.all(
      lengths.map((length) => generateWindow(`pairs-${length}-${seed}`, length, instances, seed, folder)),
    );
    const tasks = windows.flatMap((window, index) =>
      pairTasks(window, lengths[index] ?? 0).slice(0, perLength),
    );
    return {
      tasks,
      knowledge: worldsOf(windows),
      source: `OOLONG-Pairs over made windows, seed ${seed}, lines: ${instances.source}`,
    };
  },

  /** Each official window whole, and its first 787 lines, the size of the official 32K window. */
  async load(folder) {
    const windows = readWindows(folder);
    const tasks: Task[] = [];
    for (const window of windows) {
      const lines32k = 787;
      if (window.records.length > lines32k * 2) {
        const cut = await cutWindow(
          window,
          lines32k,
          join(process.env["TMPDIR"] ?? "/tmp", "unabridged-bench"),
        );
        tasks.push(...pairTasks(cut, 32_768).map((task) => ({ ...task, world: window.name })));
      }
      tasks.push(...pairTasks(window, nominalLength(window.records.length)));
    }
    return { tasks, knowledge: worldsOf(windows), source: `OOLONG-Pairs' queries over ${officialSource}` };
  },

  score: ({ gold }, answer) =>
    Array.isArray(gold) ? scorePairs(gold.map(String), answer) : Number(answer.trim() === gold),

  mind: (knowledge) => ({
    ...labelled(knowledge),
    knows: (question) => question.includes("list all pairs of user IDs"),
    root: (question, turn) => pairsRoot(question, turn, question.includes(onlyCount)),
    read(text, question, sight) {
      const query = queryOf(question);
      if (!query) return "[]";
      const records = recordsIn(text, LabelTable.fromJson(knowledge), sight);
      return question.includes(onlyCount)
        ? `Pairs: ${numberOfPairs(query, records)}`
        : goldPairs(query, records).join("\n") || "[]";
    },
    plan: (question) => pairsPlan(question, question.includes(onlyCount)),
  }),
};

/** In turn of counting, users and the timeline, and the same kinds of question at each length, so that lengths can be compared. */
function choose(questions: readonly OolongQuestion[], count: number, seed: number): OolongQuestion[] {
  const kindOf = (question: string): string => question.replace(/'[^']*'|[\w ,]*\d[\w ,]*|: .*$/g, "#");
  const groups = [...Map.groupBy(questions, ({ group }) => group).values()].map((group) => {
    const random = new Random(`choose ${seed}`);
    const drawn = random
      .shuffle(group)
      .map((question) => ({ question, draw: drawOf(`${seed} ${kindOf(question.question)}`) }));
    return drawn.sort((a, b) => a.draw - b.draw).map(({ question }) => question);
  });
  const turns = Math.max(0, ...groups.map(({ length }) => length));
  return Array.from({ length: turns }, (_, turn) => groups.flatMap((group) => group[turn] ?? []))
    .flat()
    .slice(0, count);
}

function labelled(
  knowledge: JsonObject,
): Pick<Mind, "leaf" | "searchFor" | "needsAll" | "record" | "isTelling"> {
  const table = LabelTable.fromJson(knowledge);
  return {
    needsAll: true,
    record: (line, position, sight) => recordOf(line, position, sight, table),
    isTelling: (line) => line.includes(" || Instance: "),
    leaf: (prompt, sight) => (/^\d+: /m.test(prompt) ? labellingLeaf(table, sight)(prompt) : undefined),
    searchFor: (question) => [
      ...(question.match(/label '[^']+'/g) ?? []),
      ...(question.match(/\b\d{5}\b/g) ?? []),
    ],
  };
}

/** The records of a text as a reader with such a sight labels them. */
function recordsIn(text: string, table: LabelTable, sight: Sight): OolongRecord[] {
  const records: OolongRecord[] = [];
  for (const found of text.matchAll(/^Date: (.*?) \|\| User: (.*?) \|\| Instance: (.*)$/gm)) {
    const [line, date = "", user = "", instance = ""] = found;
    const label = table.read(line, found.index / text.length, sight);
    if (label !== undefined) records.push({ date, user, text: instance, label });
  }
  return records;
}

function tasksOf(window: OolongWindow, lengthTokens: number): Task[] {
  return window.questions.map(({ id, question, type, gold, group }) => ({
    id: `${window.name}-${id}`,
    family: "oolong",
    lengthTokens,
    world: window.name,
    context: [window.file],
    question,
    gold,
    meta: { type, group },
  }));
}

function pairTasks(window: OolongWindow, lengthTokens: number): Task[] {
  return pairsQueries.map((query) => ({
    id: `${window.name}-pairs-${query.id}`,
    family: "pairs",
    lengthTokens,
    world: window.name,
    context: [window.file],
    ...(lengthTokens <= longestList
      ? { question: query.question, gold: goldPairs(query, window.records) }
      : {
          question: `${query.question} ${onlyCount}`,
          gold: `Pairs: ${numberOfPairs(query, window.records)}`,
        }),
  }));
}

/** In tokens: a list of the pairs above it would be tens of megabytes, and at ten million tokens billions of pairs. */
const longestList = 131_072;
const onlyCount =
  "There are too many to list: give only how many such pairs there are, in the form 'Pairs: [X]'.";

/** Each window is a world: the same text may be labelled otherwise in another one. */
function worldsOf(windows: readonly OolongWindow[]): Record<string, JsonObject> {
  return Object.fromEntries(windows.map(({ name, records }) => [name, LabelTable.of(records).toJson()]));
}

/** Official windows are powers of two, about 39 tokens a line with everything. */
function nominalLength(lines: number): number {
  return 2 ** Math.round(Math.log2(lines * 41));
}
