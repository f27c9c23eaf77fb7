/** 5,952 labelled questions through `unabridged map`, with a model that answers from gold: the counts by --sql are the gold counts. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { assertCode } from "./cli-map-stage.ts";
import { openCliStage } from "./cli-stage.ts";
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
      const questions = await readQuestions();
      // Of a question that is there twice with different labels, the model can only know one: the first.
      const gold = new Map(questions.map(({ question, label }) => [question, label] as const).reverse());
      await using stage = await openCliStage({ root: () => "", leaf: (prompt) => answer(prompt, gold) });
      const { folder, provider } = stage;
      const records = questions.map(({ question }) => `${JSON.stringify({ question })}\n`).join("");
      await writeFile(join(folder, "questions.jsonl"), records);
      await writeFile(join(folder, "label.json"), JSON.stringify(output));
      const query = "select label, count(*) as n from results group by 1 order by 1";
      const command = [
        ...["map", "questions.jsonl", "-p", "Classify the question: {{question}}", "--schema", "label.json"],
        ...["--batch", String(batch), "-o", "labels.jsonl", "--sql", query, "--json", ...stage.models],
      ];
      const ended = await stage.run(command);
      assertCode(ended, 0);
      const expected = labels.map((label) => ({
        label,
        n: questions.filter(({ question }) => gold.get(question) === label).length,
      }));
      assert.deepEqual(JSON.parse(ended.stdout), expected);
      assert.match(
        ended.stderr,
        new RegExp(`done · 5,952 items \\(${gold.size.toLocaleString("en-US")} different\\) · `),
      );
      // A batch has items of one claim; the last one of a claim may be smaller.
      const most = Math.ceil(gold.size / batch) + (batch === 1 ? 0 : 20);
      assert.ok(provider.calls <= most, `${provider.calls} calls`);
      const written = (await readFile(join(folder, "labels.jsonl"), "utf8")).trimEnd().split("\n");
      assert.deepEqual(
        written.map((line) => (JSON.parse(line) as { result: { label: string } }).result.label),
        questions.map(({ question }) => gold.get(question)),
      );
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
