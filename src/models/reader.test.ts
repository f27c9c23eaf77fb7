/** The built-in reader as a model of its own: what it quotes from a prompt, what it refuses, what it costs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ModelError } from "../core/errors.ts";
import { user } from "../core/message.ts";
import type { ModelReply, ModelRequest } from "../core/model.ts";
import { costOf } from "../core/usage.ts";
import { builtInReader } from "./reader.ts";
import { sentencesOf } from "./reader-sentences.ts";
import { spanOfQuote, subInstruction } from "./reader-sub.ts";

const text =
  "The tower was built of brick. Mathilde Brandt designed it in a single year.\n\nThe goat of the keeper died in 1863.";

function ask(prompt: string, others: Partial<ModelRequest> = {}): Promise<ModelReply> {
  const { signal } = new AbortController();
  return builtInReader().generate({ messages: [user(prompt)], ...others }, { signal });
}

test("a question above or below a text is answered by a sentence of it, word for word", async () => {
  const expected = "Mathilde Brandt designed it in a single year.";
  for (const prompt of [
    `Who designed the tower?\n\n${text}`,
    `${text}\n\nWho designed the tower?`,
    `Question: Who designed the tower?\nText:\n${text}`,
    `Answer from the text below.\n\nWho designed the tower?\n\n${text}`,
  ]) {
    const reply = await ask(prompt);
    assert.ok(reply.text.includes(expected), reply.text);
    for (const line of reply.text.split("\n")) assert.ok(text.includes(line), line);
  }
});

test("a text that says nothing of the question is answered by NOT FOUND", async () => {
  assert.equal((await ask(`Which port does the server use?\n\n${text}`)).text, "NOT FOUND");
});

test("the reader's own prompt is answered with span ids that lead to the quote, past any character", async () => {
  const passage = "Ein 😀 Zeichen. Der Turm ist 41 Meter hoch. Schluss.";
  const id = `d7:100-${100 + Array.from(passage).length}`;
  const instruction = subInstruction("Wie hoch ist der Turm?", [
    { text: "Turm", stems: ["turm"], weight: 2 },
  ]);
  // What looks like another passage is part of the first: its id says how long it is.
  const { text: reply } = await ask(
    `${instruction}[${id}] a.txt:1\n${passage}\n\n[d8:0-15] b.txt:1\nKein Wort davon`,
  );
  const [, span, quote = ""] = /^\d\.\d\d \[(d7:\d+-\d+)\] (.*)$/m.exec(reply) ?? [];
  const start = passage.indexOf(quote);
  assert.ok(quote.includes("41 Meter"));
  assert.equal(span, spanOfQuote(id, passage, { start, end: start + quote.length }));
});

test("what can't be done by quoting is refused, and not tried again", async () => {
  const schema = { type: "object" };
  const refused: readonly (readonly [string, Partial<ModelRequest>])[] = [
    [`Summarize the following conversation.\n\n${text}`, {}],
    [`Who built it?\n\n${text}`, { output: { schema, name: "answer" } }],
    ["Who?\n\nAnswer with one JSON value and nothing else. It must satisfy this JSON Schema:\n{}", {}],
  ];
  for (const [prompt, others] of refused)
    await assert.rejects(
      ask(prompt, others),
      (error) => error instanceof ModelError && error.code === "refused" && !error.retryable,
    );
});

test("it costs nothing, which is known, and counts its tokens itself", async () => {
  const reply = await ask(`Who designed the tower?\n\n${text}`);
  assert.equal(costOf(reply.usage, builtInReader().price), 0);
  assert.ok(reply.usage.inputTokens > 0 && reply.usageEstimated === true);
});

test("a signal that fired ends it with the signal's reason", async () => {
  const reason = new Error("enough");
  await assert.rejects(
    builtInReader().generate({ messages: [user("Who?")] }, { signal: AbortSignal.abort(reason) }),
    (error) => error === reason,
  );
});

test("prose that was wrapped is one sentence, records are one each", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    [
      "Mr. Tveit counted 212 steps in the stair, where\nthe plan showed fewer. He left.",
      ["Mr. Tveit counted 212 steps in the stair, where\nthe plan showed fewer.", "He left."],
    ],
    [
      "1,a,b,c,d,e,f,2031-01-01,north-north-west,x\n2,a,b,c,d,e,f,2031-01-01,north-north-west,x",
      ["1,a,b,c,d,e,f,2031-01-01,north-north-west,x", "2,a,b,c,d,e,f,2031-01-01,north-north-west,x"],
    ],
    ["塔高四十二米。桥在西门外。", ["塔高四十二米。", "桥在西门外。"]],
    ["-----\n\nWord", ["Word"]],
  ];
  for (const [whole, parts] of cases)
    assert.deepEqual(
      sentencesOf(whole).map(({ start, end }) => whole.slice(start, end)),
      parts,
    );
});
