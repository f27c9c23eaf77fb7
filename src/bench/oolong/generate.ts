/** Writes OOLONG windows in the official format, of any length, from labelled questions: TREC's where there are some, else made ones. */
import { existsSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { estimateTokens } from "../../core/tokens.ts";
import { Random } from "../random.ts";
import { lineDate } from "./dates.ts";
import { madeInstances } from "./made-instances.ts";
import { makeQuestions } from "./questions.ts";
import { lineOf, type OolongRecord, type OolongWindow } from "./window.ts";

export interface Instances {
  readonly source: string;
  readonly byLabel: ReadonlyMap<string, readonly string[]>;
}

/** Writes the window's text and labels into the folder and returns it with all its questions. */
export async function generateWindow(
  name: string,
  tokens: number,
  instances: Instances,
  seed: number,
  folder: string,
): Promise<OolongWindow> {
  const random = new Random(`oolong ${seed} ${tokens}`);
  const labels = random.shuffle([...instances.byLabel.keys()]);
  const records = makeRecords(tokens, labels, instances, random);
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${name}.txt`);
  const intro = introOf(records.length, labels);
  const recall = `Recall: ${intro.replace(/^The following/, "the preceding")}`;
  await writeFile(file, `${intro}\n\n${records.map(lineOf).join("\n")}\n${recall}\n`);
  return { name, file, records, questions: makeQuestions(records, labels, random) };
}

/** The window cut to its first records, with an intro that says so: how a shorter official window can be had. */
export async function cutWindow(
  window: OolongWindow,
  records: number,
  folder: string,
): Promise<OolongWindow> {
  const kept = window.records.slice(0, records);
  const labels = [...new Set(window.records.map(({ label }) => label))];
  const name = `${window.name}-first-${kept.length}`;
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${name}.txt`);
  await writeFile(file, `${introOf(kept.length, labels)}\n\n${kept.map(lineOf).join("\n")}\n`);
  return { name, file, records: kept, questions: [] };
}

/** Lines whose text is no licensed data, or the questions of TREC where `data` has them. */
export function instancesFrom(data: string | undefined): Instances {
  const file = [data && join(data, "TREC.train"), data && join(data, "trec", "TREC.train")].find(
    (path) => path !== undefined && path !== "" && existsSync(path),
  );
  if (!file) return { source: "made questions (this project's own)", byLabel: madeInstances };
  const byLabel = new Map<string, string[]>();
  for (const line of readFileSync(file, "latin1").split("\n")) {
    const [, kind = "", text] = /^([A-Z]+):\S+ (.*?)\s*$/.exec(line) ?? [];
    const label = trecLabels[kind];
    if (label === undefined || text === undefined) continue;
    const list = byLabel.get(label) ?? [];
    list.push(text);
    byLabel.set(label, list);
  }
  return { source: "TREC question classification (research data, not redistributed)", byLabel };
}

const trecLabels: Readonly<Record<string, string>> = {
  ABBR: "abbreviation",
  DESC: "description and abstract concept",
  ENTY: "entity",
  HUM: "human being",
  LOC: "location",
  NUM: "numeric value",
};

/** As the paper has it: first how common each label is, then lines with replacement until 95 % of the length is used. */
function makeRecords(
  tokens: number,
  labels: readonly string[],
  { byLabel }: Instances,
  random: Random,
): OolongRecord[] {
  const weights = labels.map(() => Math.exp(random.next() * 1.8));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const drawLabel = (): string => {
    let rest = random.next() * total;
    return labels[weights.findIndex((weight) => (rest -= weight) < 0)] ?? labels[0] ?? "";
  };
  const sample = labels.flatMap((label) => (byLabel.get(label) ?? []).slice(0, 30));
  const perLine = estimateTokens(
    sample.map((text) => lineOf({ date: "Sep 06, 2023", user: "12345", text })).join("\n"),
  );
  const count = Math.max(8, Math.floor((tokens * 0.95) / (perLine / Math.max(1, sample.length))));
  const frequent = Array.from({ length: Math.max(2, Math.round(count / 10)) }, () => userId(random));
  const first = Date.UTC(2022, 1, 16);
  return Array.from({ length: count }, () => {
    const label = drawLabel();
    const day = new Date(first + random.whole(0, 1_221) * 86_400_000).toISOString().slice(0, 10);
    // Four of five lines are of those who write often.
    const user = random.next() < 0.8 ? random.pick(frequent) : userId(random);
    return { date: lineDate(day), user, text: random.pick(byLabel.get(label) ?? [""]), label };
  });
}

function userId(random: Random): string {
  return String(random.whole(10_000, 99_999));
}

function introOf(count: number, labels: readonly string[]): string {
  const list = labels.map((label) => `'${label}'`).join(", ");
  return `The following lines contain ${count} general-knowledge questions, one per line. Each question has an answer that can be described as one of ${labels.length} categories: ${list}.

You will be asked to answer questions about the aggregate label statistics across all ${count} examples in this dataset. Do not try to guess, estimate, or approximate the result. Calculate the exact answer given these datapoints.`;
}
