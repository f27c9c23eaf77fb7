/** OOLONG-synth windows as the official files have them: lines with date, user and text, and the questions with their golds. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigError } from "../../core/errors.ts";

export interface OolongRecord {
  /** As in the line: "Sep 06, 2023". */
  readonly date: string;
  readonly user: string;
  readonly text: string;
  readonly label: string;
}

export type AnswerType = "label" | "comparison" | "numeric" | "user" | "date" | "month-year";

export interface OolongQuestion {
  readonly id: string;
  readonly question: string;
  readonly type: AnswerType;
  /** The answer that counts: where several are tied, only the first does. Dates as YYYY-MM-DD. */
  readonly gold: string;
  readonly group: string;
}

export interface OolongWindow {
  /** The window's name: what its files begin with. */
  readonly name: string;
  readonly file: string;
  readonly records: readonly OolongRecord[];
  readonly questions: readonly OolongQuestion[];
}

/**
 * Every window of a folder: NAME.txt is the text, NAME.labels.txt the same with gold labels, NAME.questions.jsonl the questions.
 * Throws ConfigError where one of the three is missing or a question is of a form that is not known.
 */
export function readWindows(folder: string): OolongWindow[] {
  const names = existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith(ending))
        .map((name) => name.slice(0, -ending.length))
        .sort()
    : [];
  if (names.length === 0)
    throw new ConfigError(
      "not_found",
      `There is no OOLONG window in ${folder}: expected NAME.txt, NAME.labels.txt and NAME${ending}.`,
    );
  return names.map((name) => readWindow(folder, name));
}

const ending = ".questions.jsonl";

function readWindow(folder: string, name: string): OolongWindow {
  const path = (suffix: string): string => join(folder, `${name}${suffix}`);
  const missing = [".txt", ".labels.txt"].find((suffix) => !existsSync(path(suffix)));
  if (missing !== undefined)
    throw new ConfigError("not_found", `${path(missing)} is not there; the questions of ${name} need it.`);
  const questions = readFileSync(path(ending), "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => readQuestion(line, path(ending)));
  return {
    name,
    file: path(".txt"),
    records: readRecords(readFileSync(path(".labels.txt"), "utf8")),
    questions,
  };
}

/** The lines of a labelled window; all others are left out. */
export function readRecords(text: string): OolongRecord[] {
  const records: OolongRecord[] = [];
  for (const [, date = "", user = "", instance = "", label = ""] of text.matchAll(labelled))
    records.push({ date, user, text: instance, label });
  return records;
}

const labelled = /^Date: (.*?) \|\| User: (.*?) \|\| Instance: (.*) \|\| Label: (.*?)\r?$/gm;

export function lineOf({ date, user, text }: Omit<OolongRecord, "label">): string {
  return `Date: ${date} || User: ${user} || Instance: ${text}`;
}

function readQuestion(line: string, file: string): OolongQuestion {
  const row = JSON.parse(line) as Readonly<Record<string, unknown>>;
  const { id, question, answer, answer_type: type, task_group: group } = row;
  const known = answerTypes[String(type)];
  const gold = firstOf(String(answer));
  if (known === undefined || gold === undefined)
    throw new ConfigError(
      "invalid_input",
      `Question ${String(id)} in ${file} has the type ${String(type)} and the answer ${String(answer)}, which is a form that is not known.`,
    );
  return { id: String(id), question: String(question), type: known, gold, group: String(group ?? "") };
}

const answerTypes: Readonly<Record<string, AnswerType>> = {
  "ANSWER_TYPE.LABEL": "label",
  "ANSWER_TYPE.COMPARISON": "comparison",
  "ANSWER_TYPE.NUMERIC": "numeric",
  "ANSWER_TYPE.USER": "user",
  "ANSWER_TYPE.DATE": "date",
  "ANSWER_TYPE.MONTH_YEAR": "month-year",
};

/** The first member of a list as Python writes it: ['human being', 'entity'], [352], [datetime.date(2023, 5, 6)]. */
export function firstOf(list: string): string | undefined {
  const [, year, month = "", day = ""] = /datetime\.date\((\d+), (\d+), (\d+)\)/.exec(list) ?? [];
  if (year !== undefined) return `${year}-${month.padStart(2, "0")}-${day.padStart(2, "0")}`;
  const found = /^\s*\[\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^,\]\s][^,\]]*))/.exec(list);
  return found ? (found[1] ?? found[2] ?? found[3] ?? "").replace(/\\(.)/g, "$1").trim() : undefined;
}
