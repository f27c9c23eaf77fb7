/** 5,952 labelled questions through map, with a model that answers from gold: the counts by SQL are the gold counts. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openItems } from "../src/corpora/items.ts";
import { resultsOf, runMap } from "../src/map/index.ts";
import { openaiCompatible } from "../src/models/index.ts";
import { sqliteJobs } from "../src/stores/index.ts";
import { startFakeProvider } from "../src/testing/fake-provider.ts";
import { newScope } from "./map-stage.ts";
import { testData, unlessThere } from "./test-data.ts";

const labels = ["ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"];
const output = {
  type: "object",
  properties: { label: { type: "string", enum: labels } },
  required: ["label"],
  additionalProperties: false,
};

for (const batch of [1, 50]) {
  test(
    `questions are classified exactly, ${batch} to a prompt`,
    { skip: unlessThere("trec/TREC.train", "trec/TREC.test") },
    async () => {
      const directory = await mkdtemp(join(tmpdir(), "map-trec-"));
      const questions = await readQuestions();
      // Of a question that is there twice with different labels, the model can only know one: the first.
      const gold = new Map(questions.map(({ question, label }) => [question, label] as const).reverse());
      await using provider = await startFakeProvider({ record: 0, reply: ({ text }) => answer(text, gold) });
      const path = join(directory, "questions.jsonl");
      await writeFile(path, questions.map(({ question }) => `${JSON.stringify({ question })}\n`).join(""));
      const jobs = await sqliteJobs({ directory });
      const signal = new AbortController().signal;
      const { status, jobId, counts } = await runMap({
        ...{
          scope: newScope(32),
          jobs,
          model: openaiCompatible({ baseUrl: provider.baseUrl, id: "fake-model" }),
        },
        ...{
          items: openItems(path, { signal }),
          prompt: "Classify the question: {{question}}",
          output,
          pace: { batch },
        },
        file: { path: join(directory, "out.jsonl") },
      });
      assert.deepEqual([status, counts.rows, counts.units], ["done", questions.length, gold.size]);
      // A batch has items of one claim; the last one of a claim may be smaller.
      assert.ok(
        provider.calls <= Math.ceil(gold.size / batch) + (batch === 1 ? 0 : 20),
        `${provider.calls} calls`,
      );
      const results = await resultsOf(jobs, jobId, signal);
      const { rows } = await results.sql("select label, count(*) from results group by 1 order by 1");
      const expected = labels.map((label) => [
        label,
        questions.filter(({ question }) => gold.get(question) === label).length,
      ]);
      assert.deepEqual(rows, expected);
      await results.close();
      await jobs.close();
      await rm(directory, { recursive: true });
    },
  );
}

async function readQuestions(): Promise<{ question: string; label: string }[]> {
  const files = await Promise.all(
    ["TREC.train", "TREC.test"].map((name) => readFile(join(testData, "trec", name), "latin1")),
  );
  return files.flatMap((text) =>
    text
      .trimEnd()
      .split("\n")
      .map((line) => {
        const [, label = "", question = ""] = /^(\w+):\S+ (.*)$/.exec(line) ?? [];
        return { label, question };
      }),
  );
}

function answer(text: string, gold: ReadonlyMap<string, string>): string {
  const lines = /<items>\n([\s\S]*)\n<\/items>/.exec(text)?.[1]?.split("\n");
  if (!lines)
    return JSON.stringify({ label: gold.get(/^Classify the question: (.*)$/m.exec(text)?.[1] ?? "") });
  const results = lines.map((line) => {
    const { id, question } = JSON.parse(line) as { id: number; question: string };
    return { id, result: { label: gold.get(question) } };
  });
  return JSON.stringify({ results });
}
