/** Made windows: their form, their golds by three independent ways, and the control. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { estimateTokens } from "../../core/tokens.ts";
import { perfectSight } from "../task.ts";
import { oolong, pairs } from "./families.ts";
import { cutWindow, generateWindow, instancesFrom } from "./generate.ts";
import { LabelTable } from "./leaf.ts";
import { pairsQueries } from "./pairs-queries.ts";
import { goldPairs, numberOfPairs } from "./pairs.ts";
import { permuteLabels } from "./permute.ts";
import { oolongPlan, pairsPlan, recordOf } from "./plan.ts";
import { scoreOolong } from "./score.ts";
import { solve } from "./solve.ts";
import { lineOf, type OolongRecord } from "./window.ts";

const folder = mkdtempSync(join(tmpdir(), "bench-oolong-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const made = await generateWindow("made", 8_192, instancesFrom(undefined), 7, folder);

test("a seed gives the same window on every machine, another seed another one", async () => {
  const again = await generateWindow("again", 8_192, instancesFrom(undefined), 7, folder);
  const other = await generateWindow("other", 8_192, instancesFrom(undefined), 8, folder);
  assert.deepEqual(again.records, made.records);
  assert.notDeepEqual(other.records, made.records);
});

test("the text has the official form and fills about 95 % of its length", () => {
  const text = readFileSync(made.file, "utf8");
  const count = made.records.length;
  assert.match(
    text,
    new RegExp(`^The following lines contain ${count} general-knowledge questions, one per line`),
  );
  assert.match(text, new RegExp(`\\nRecall: the preceding lines contain ${count} `));
  assert.equal(text.match(/^Date: \w{3} \d\d, \d{4} \|\| User: \d{5} \|\| Instance: .+$/gm)?.length, count);
  const share = estimateTokens(text) / 8_192;
  assert.ok(share > 0.85 && share < 1.15, `${share}`);
});

test("questions are of all three groups, and what is close to a tie is not asked", () => {
  assert.deepEqual([...new Set(made.questions.map(({ group }) => group))], ["counting", "user", "timeline"]);
  for (const { question, gold } of made.questions) assert.ok(gold !== "" && question.length > 20);
});

/** What the map arm's leaf says of each line, as the table that its query runs over. */
function tableOf(records: readonly OolongRecord[]): DatabaseSync {
  const database = new DatabaseSync(":memory:");
  database.exec("create table results (position integer, day text, user text, label text)");
  const insert = database.prepare("insert into results values (?, ?, ?, ?)");
  const labels = LabelTable.of(records);
  for (const [position, record] of records.entries()) {
    const { day, user, label } = recordOf(lineOf(record), 0, perfectSight, labels);
    insert.run(position, String(day), String(user), String(label));
  }
  return database;
}

test("SQL over labelled lines comes to the same answer as counting does, for every question", () => {
  const database = tableOf(made.records);
  for (const asked of made.questions) {
    const sql = oolongPlan(asked.question)?.sql;
    assert.ok(sql !== undefined, asked.question);
    const answer = String(Object.values(database.prepare(sql).get() ?? {})[0]);
    assert.equal(scoreOolong(asked, solve(asked.question, made.records)), 1, asked.question);
    assert.equal(scoreOolong(asked, answer), 1, `${asked.question}\n${answer}\n${sql}`);
  }
});

test("pairs by SQL are the gold pairs, and their number is counted without making them", () => {
  const database = tableOf(made.records);
  for (const query of pairsQueries) {
    const gold = goldPairs(query, made.records);
    assert.equal(numberOfPairs(query, made.records), gold.length);
    const listed = database.prepare(pairsPlan(query.question, false)?.sql ?? "").all();
    assert.deepEqual(
      listed.map((row) => Object.values(row)[0]),
      gold,
      query.question,
    );
    const counted = database.prepare(pairsPlan(query.question, true)?.sql ?? "").get();
    assert.equal(Object.values(counted ?? {})[0], `Pairs: ${gold.length}`);
  }
});

test("a window that is cut says how many lines it has left", async () => {
  const cut = await cutWindow(made, 50, folder);
  assert.equal(cut.records.length, 50);
  assert.match(readFileSync(cut.file, "utf8"), /^The following lines contain 50 general/);
});

test("above 131K tokens pairs are counted, because a list could not be written", async () => {
  const request = { seed: 1, perLength: 20, folder, data: undefined };
  const { tasks } = (await pairs.generate?.({ ...request, lengths: [262_144] })) ?? { tasks: [] };
  assert.equal(tasks.length, 20);
  for (const { gold, question } of tasks) {
    assert.match(String(gold), /^Pairs: \d+$/);
    assert.match(question, /in the form 'Pairs: \[X\]'/);
  }
});

test("with labels permuted, one who reads perfectly gives other answers than the gold", async () => {
  const request = { seed: 3, perLength: 40, lengths: [8_192], folder, data: undefined };
  const dataset = await oolong.generate?.(request);
  assert.ok(dataset);
  const scoreWith = ({ knowledge, tasks }: typeof dataset): number => {
    const counting = tasks.filter(({ question }) => question.includes("should be classified as label"));
    const scores = counting.map((task) => {
      const mind = oolong.mind(knowledge[task.world] ?? {});
      const text = readFileSync(task.context[0] ?? "", "utf8");
      return oolong.score(task, mind.read(text, task.question, perfectSight)) === 1 ? 1 : 0;
    });
    assert.ok(scores.length > 0);
    return scores.reduce((sum: number, score) => sum + score, 0) / scores.length;
  };
  assert.equal(scoreWith(dataset), 1);
  assert.ok(scoreWith(permuteLabels(dataset)) < 0.5);
});
