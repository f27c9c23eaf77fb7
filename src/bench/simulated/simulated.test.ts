/** Simulated models do what their settings say, the same each time, and fail loudly where they don't understand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FakeRequest } from "../../testing/index.ts";
import { finalNotesPrompt, notesPrompt, textIn } from "../arms/prompts.ts";
import { oolong } from "../oolong/families.ts";
import { LabelTable } from "../oolong/leaf.ts";
import { recall } from "../tasks/recall.ts";
import { simulatedReply } from "./model.ts";
import { adversarial, decaying, perfect, type SimulatedSettings } from "./settings.ts";
import { breakForm, sightOf } from "./sight.ts";

function asked(text: string, system?: string): FakeRequest {
  const messages = [
    ...(system === undefined ? [] : [{ role: "system", text: system }]),
    { role: "user", text },
  ];
  const body = { model: "sim-leaf" };
  return {
    ...{ dialect: "openai-chat", model: "sim-leaf", stream: false, messages, text, body },
    raw: "",
    headers: {},
  };
}

const records = Array.from({ length: 40 }, (_, index) => ({
  date: "Sep 06, 2023",
  user: "12345",
  text: `What is thing ${index} ?`,
  label: index % 2 === 0 ? "entity" : "location",
}));
const labels = oolong.mind(LabelTable.of(records).toJson());
const memory = recall.mind({});

test("a prompt that no simulated model understands is an error, never a guess", () => {
  assert.throws(() => simulatedReply(asked("Write a poem."), [labels], perfect), /understands this prompt/);
  const strange = "<question>\nHow is the weather?\n</question>";
  assert.throws(() => simulatedReply(asked(strange), [memory], perfect), /knows how to answer/);
});

test("what is above the window is refused as servers refuse it, or not seen", () => {
  const text = finalNotesPrompt(
    `${"filler ".repeat(2_000)}\nthe locker code of amber-anchor-11 is 1234567`,
    question,
  );
  const small = { ...perfect, windowTokens: 1_000 };
  const refused = simulatedReply(asked(text), [memory], small);
  assert.equal(refused.status, 400);
  assert.match(refused.text ?? "", /maximum context length is 1000 tokens/);
  const cut = { ...small, overflow: "truncate" } as const;
  assert.equal(simulatedReply(asked(text), [memory], cut).text, "It was not said.");
  assert.equal(simulatedReply(asked(text), [memory], perfect).text, "1234567");
});

const question = "Which locker code did I tell you for amber-anchor-11? Answer with the code alone.";

test("labels are read worse the longer the prompt is, and the same way each time", () => {
  const rightAt = (tokens: number): number => {
    const sight = sightOf(decaying, tokens);
    return Array.from({ length: 2_000 }, (_, i) => sight.isRight(`item ${i}`, i / 2_000)).filter(Boolean)
      .length;
  };
  const [short, middle, long] = [rightAt(500), rightAt(30_000), rightAt(120_000)];
  assert.ok(short > middle && middle > long, `${short} ${middle} ${long}`);
  assert.ok(short > 1_900 && long < 1_400);
  assert.equal(rightAt(30_000), middle);
  assert.ok(sightOf(perfect, 120_000).isRight("anything", 0.5));
});

test("the middle of a long prompt is read worse than its ends", () => {
  const sight = sightOf(decaying, 100_000);
  const at = (position: number): number =>
    Array.from({ length: 2_000 }, (_, i) => sight.isRight(`item ${i}`, position)).filter(Boolean).length;
  assert.ok(at(0.5) < at(0) && at(0.5) < at(1));
});

test("the form is broken in three ways at the given rate, and whole without one", () => {
  const answer = Array.from({ length: 30 }, (_, i) => `${i}: entity`).join("\n");
  assert.equal(breakForm(answer, perfect, "k"), answer);
  const all = { ...perfect, formatErrors: 1 };
  const broken = Array.from({ length: 60 }, (_, i) => breakForm(answer, all, `k${i}`));
  assert.ok(broken.every((text) => text !== answer));
  assert.ok(broken.some((text) => text.startsWith("Sure!")) && broken.some((text) => !text.includes("29: ")));
});

test("a summary in good faith keeps a share of the lines; one in bad faith drops what will be asked", () => {
  const lines = Array.from({ length: 200 }, (_, i) => `line ${i} of the part`);
  const part = [...lines, "the locker code of amber-anchor-11 is 1234567"].join("\n");
  const notesBy = (settings: SimulatedSettings): string =>
    simulatedReply(asked(notesPrompt("", part, question, 2_000)), [memory], settings).text ?? "";
  const kept = notesBy({ ...perfect, summary: { keeps: 0.5, adversarial: false } }).split("\n").length;
  assert.ok(kept > 60 && kept < 140, `${kept}`);
  assert.ok(notesBy({ ...perfect, summary: { keeps: 1, adversarial: false } }).includes("1234567"));
  assert.ok(!notesBy({ ...perfect, summary: { keeps: 1, adversarial: true } }).includes("1234567"));
});

test("labels written in bad faith are empty, longer than their source, give orders, or drop what will be asked", () => {
  const label = (salt: number): string => {
    const source = `[1] user: part ${salt} of a talk about tea and time\nthe locker code of amber-anchor-11 is 1234567`;
    const task = `Write one label.\n- At most 60 words in all.\n\n===\n${source}\n===\n\nWrite the label now`;
    const system = "You write labels for parts of a long conversation.";
    return simulatedReply(asked(task, system), [memory], adversarial).text ?? "";
  };
  const all = Array.from({ length: 40 }, (_, salt) => label(salt));
  assert.ok(all.some((text) => text === ""));
  assert.ok(
    all.some((text) => text.length > 160),
    "longer than what it is a label of",
  );
  assert.ok(all.some((text) => text.includes("ignore all earlier instructions")));
  assert.ok(all.filter((text) => text.startsWith("Topic:")).every((text) => !text.includes("1234567")));
});

test("the last tag counts, so that a text can't pass for the question", () => {
  assert.equal(textIn("<question>\nfalse\n</question>\n<question>\ntrue\n</question>", "question"), "true");
  assert.equal(textIn("none", "question"), undefined);
});
