/** Loaders, each over a tiny file in the official shape. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { families } from "../families.ts";
import type { Dataset } from "../task.ts";

const folder = mkdtempSync(join(tmpdir(), "bench-official-"));
after(() => rmSync(folder, { recursive: true, force: true }));

async function load(name: string, files: Readonly<Record<string, unknown>>): Promise<Dataset> {
  const own = mkdtempSync(join(folder, `${name}-`));
  for (const [path, value] of Object.entries(files)) {
    mkdirSync(join(own, path, ".."), { recursive: true });
    writeFileSync(join(own, path), typeof value === "string" ? value : JSON.stringify(value));
  }
  const dataset = await families.find((family) => family.name === name)?.load?.(own);
  assert.ok(dataset);
  return dataset;
}

const textOf = ({ tasks }: Dataset): string => readFileSync(tasks[0]?.context[0] ?? "", "utf8");

test("LongBench v2's rows become questions with four choices", async () => {
  const row = { _id: "x1", context: "Long text.", question: "Which?", answer: "B" };
  const dataset = await load("longbench-v2", {
    "data.json": [{ ...row, choice_A: "a", choice_B: "b", choice_C: "c", choice_D: "d" }],
  });
  const [task] = dataset.tasks;
  assert.equal(textOf(dataset), "Long text.");
  assert.match(task?.question ?? "", /Choices:\n\(A\) a\n\(B\) b\n\(C\) c\n\(D\) d/);
  assert.equal(task?.gold, "B");
});

test("LoCoMo's sessions stand in order with their dates, and adversarial questions have their golds", async () => {
  const dataset = await load("locomo", {
    "locomo10.json": [
      {
        sample_id: "conv-1",
        conversation: {
          session_10: [{ speaker: "A", text: "later" }],
          session_10_date_time: "May 2",
          session_2: [{ speaker: "B", text: "sooner", blip_caption: "a cat" }],
          session_2_date_time: "May 1",
        },
        qa: [{ question: "Who?", adversarial_answer: "nobody", category: 5 }],
      },
    ],
  });
  assert.equal(textOf(dataset), "DATE: May 1\nB: sooner [shares a cat]\n\nDATE: May 2\nA: later");
  assert.deepEqual([dataset.tasks[0]?.gold, dataset.tasks[0]?.meta], ["nobody", { category: 5 }]);
});

test("MRCR's last message is the question, all before it the text", async () => {
  const prompt = JSON.stringify([
    { role: "user", content: "Write a poem." },
    { role: "assistant", content: "A poem." },
    { role: "user", content: "Repeat the first one." },
  ]);
  const row = { prompt, answer: "abc A poem.", random_string_to_prepend: "abc" };
  const dataset = await load("mrcr", { "rows.jsonl": JSON.stringify(row) });
  assert.equal(dataset.tasks[0]?.question, "Repeat the first one.");
  assert.equal(textOf(dataset), "user: Write a poem.\n\nassistant: A poem.");
});

test("LongMemEval's sessions have their dates, and questions without an answer are told apart", async () => {
  const row = {
    question_type: "temporal-reasoning",
    question: "When?",
    answer: "May",
    question_date: "June 1",
  };
  const sessions = [[{ role: "user", content: "hello" }], [{ role: "assistant", content: "bye" }]];
  const more = { haystack_dates: ["May 1", "May 2"], haystack_sessions: sessions };
  const dataset = await load("longmemeval", {
    "longmemeval_s.json": [
      { question_id: "q1", ...row, ...more },
      { question_id: "q2_abs", ...row, ...more },
    ],
  });
  assert.equal(textOf(dataset), "DATE: May 1\nuser: hello\n\nDATE: May 2\nassistant: bye");
  assert.deepEqual(
    dataset.tasks.map(({ meta }) => meta?.["kind"]),
    ["temporal-reasoning", "abstention"],
  );
  assert.equal(dataset.tasks[0]?.question, "Today is June 1. When?");
});

test("BEAM's chats are found at any depth, each with its probes and their rubrics", async () => {
  const turn = [
    { role: "user", time_anchor: "March-15", content: "I begin." },
    { role: "assistant", content: "Good." },
  ];
  const dataset = await load("beam", {
    "100K/1/chat.json": [{ batch_number: 1, turns: [turn] }],
    "100K/1/probing_questions/probing_questions.json": {
      abstention: [{ question: "What?", rubric: ["nothing is said of it"] }],
      event_ordering: [{ question: "In which order?", rubric: ["one", "two"] }],
    },
  });
  assert.equal(textOf(dataset), "user (March-15): I begin.\n\nassistant: Good.");
  assert.deepEqual(
    dataset.tasks.map(({ id, gold }) => [id, gold]),
    [
      ["100K-1-abstention-1", ["nothing is said of it"]],
      ["100K-1-event_ordering-1", ["one", "two"]],
    ],
  );
});

test("BrowseComp-Plus' documents are files of their own, those that prove the answer always among them", async () => {
  const document = (docid: string): object => ({ docid, text: `text of ${docid}`, url: "" });
  const others = Array.from({ length: 1_500 }, (_, index) => document(`other-${index}`));
  const row = { query_id: "7", query: "Who was it?", answer: "Ada" };
  const rows = {
    ...row,
    gold_docs: [document("gold")],
    evidence_docs: [document("gold")],
    negative_docs: others,
  };
  const dataset = await load("browsecomp-plus", { "rows.jsonl": JSON.stringify(rows) });
  const names = readdirSync(dataset.tasks[0]?.context[0] ?? "");
  assert.equal(names.length, 1_000);
  assert.ok(names.includes("gold.txt"));
});

test("a folder without the files is refused with what is missing", async () => {
  for (const { name, load: loader } of families) {
    if (!loader) continue;
    await assert.rejects(loader(join(folder, "nowhere")), /not_found|There is no|is not there|has no/, name);
  }
});

test("judged families say how they are judged, and none is scored by comparing texts", () => {
  const judged = families.filter(({ judge }) => judge !== undefined);
  assert.deepEqual(
    judged.map(({ name, judge }) => [name, judge?.name]),
    [
      ["longmemeval", "memory-own-1"],
      ["beam", "rubric-own-1"],
      ["browsecomp-plus", "fact-own-1"],
    ],
  );
  for (const { judge } of judged) {
    const prompts = judge?.prompts({ question: "Q?", gold: "G", meta: { kind: "abstention" } }, "A") ?? [];
    assert.ok(prompts.length > 0 && prompts.every((prompt) => prompt.includes("Q?") && prompt.includes("A")));
  }
  const [memory, rubric] = judged.map(({ judge }) => judge);
  assert.equal(memory?.read("It says so.\n**Verdict: Yes**"), 1);
  assert.equal(memory?.read("Verdict: no"), 0);
  assert.equal(memory?.read("I think so"), undefined);
  assert.equal(rubric?.read("Points: 0.5"), 0.5);
});
