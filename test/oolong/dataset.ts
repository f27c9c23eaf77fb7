/** One official OOLONG window (trec_coarse, 131K tokens) with its gold labels and questions. Its text is in no repository of ours. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface OolongQuestion {
  readonly id: number;
  readonly question: string;
  readonly type: "label" | "comparison" | "numeric" | "user";
  /** The answer that counts: where several are tied, only the first does. */
  readonly gold: string;
}

export interface OolongWindow {
  readonly file: string;
  readonly questions: readonly OolongQuestion[];
  /** The gold label of each instance, by its text. */
  readonly labels: ReadonlyMap<string, string>;
}

export const oolongLabels: readonly string[] = [
  "description and abstract concept",
  "entity",
  "human being",
  "numeric value",
  "location",
  "abbreviation",
];

/** The folder of the window, or why it can't be used. */
export function findOolong(): { readonly folder: string } | { readonly missing: string } {
  const data =
    process.env["UNABRIDGED_TEST_DATA"] ?? fileURLToPath(new URL("../../../shared/data", import.meta.url));
  const folder = join(data, "oolong");
  return existsSync(join(folder, "trec_coarse_cw8.txt"))
    ? { folder }
    : { missing: `no OOLONG window in ${folder}: set UNABRIDGED_TEST_DATA to the folder that has oolong/` };
}

export function readOolong(folder: string): OolongWindow {
  const read = (name: string): string => readFileSync(join(folder, name), "utf8");
  const labels = new Map<string, string>();
  for (const line of read("trec_coarse_cw8.labels.txt").split("\n")) {
    const [, text, label] = /^Date: .* \|\| Instance: (.*) \|\| Label: (.*?)\r?$/.exec(line) ?? [];
    if (text !== undefined && label !== undefined) labels.set(text, label);
  }
  const questions = read("trec_coarse_cw8.questions.jsonl").trimEnd().split("\n").map(readQuestion);
  return { file: join(folder, "trec_coarse_cw8.txt"), questions, labels };
}

function readQuestion(line: string): OolongQuestion {
  const { id, question, answer, answer_type } = JSON.parse(line) as {
    id: number;
    question: string;
    answer: string;
    answer_type: string;
  };
  // Python's way to write a list of one or more: "['human being']", "[352]".
  const gold = /^\[(?:'((?:[^'\\]|\\.)*)'|([^,\]]*))/.exec(answer);
  const type = types[answer_type];
  if (!gold || !type) throw new Error(`Question ${id} has an answer of an unknown form: ${answer}`);
  return { id, question, type, gold: gold[1] ?? gold[2] ?? "" };
}

const types: Readonly<Record<string, OolongQuestion["type"]>> = {
  "ANSWER_TYPE.LABEL": "label",
  "ANSWER_TYPE.COMPARISON": "comparison",
  "ANSWER_TYPE.NUMERIC": "numeric",
  "ANSWER_TYPE.USER": "user",
};
