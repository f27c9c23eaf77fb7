/** The scripted model keeps to its script and names each departure from it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { user } from "../core/message.ts";
import { ModelError } from "../core/errors.ts";
import type { ModelDelta } from "../core/model.ts";
import { code, costing, scriptedModel, type ScriptedModel } from "./scripted-model.ts";

const signal = new AbortController().signal;
const ask = (model: ScriptedModel, text = "q") => model.generate({ messages: [user(text)] }, { signal });

test("steps are replayed in order, as texts, replies, errors or functions", async () => {
  const failure = new ModelError("overloaded", "busy");
  const model = scriptedModel([
    "one",
    costing(0.5, "two"),
    failure,
    (request, call) => `${request.messages.length} at ${call}`,
  ]);
  assert.equal((await ask(model)).text, "one");
  assert.equal((await ask(model)).costUsd, 0.5);
  await assert.rejects(ask(model), (error) => error === failure);
  assert.equal((await ask(model)).text, "1 at 4");
  model.assertConsumed();
});

test("a call beyond the script names the call and what it was asked", async () => {
  const model = scriptedModel(["one"], { id: "root" });
  await ask(model);
  await assert.rejects(ask(model, "what now?"), {
    code: "bad_request",
    retryable: false,
    message: /"root".*call 2.*1 steps.*what now\?/,
  });
});

test("steps left over are named", () => {
  assert.throws(
    () => scriptedModel(["one", "two"]).assertConsumed(),
    /called 0 times.*2 steps.*step 1: "one"/,
  );
});

test("a step out of its place says what it expected", async () => {
  const model = scriptedModel([{ text: "a", expects: "chapter" }]);
  await assert.rejects(ask(model, "verse"), { message: /expected.*chapter.*verse/ });
});

test("a delayed reply ends early with the signal's own reason", async () => {
  const controller = new AbortController();
  const reason = new Error("stop");
  const asked = scriptedModel([{ text: "late", delayMs: 60_000 }]).generate(
    { messages: [user("q")] },
    { signal: controller.signal },
  );
  controller.abort(reason);
  await assert.rejects(asked, (error) => error === reason);
});

test("deltas carry reasoning and text", async () => {
  const deltas: ModelDelta[] = [];
  const model = scriptedModel([{ reasoning: "hm", text: "a" }]);
  await model.generate({ messages: [user("q")] }, { signal, onDelta: (delta) => deltas.push(delta) });
  assert.deepEqual(deltas, [
    { type: "reasoning", text: "hm" },
    { type: "text", text: "a" },
  ]);
});

test("a cell is fenced and loses its indentation", () => {
  const cell = code`
    x = "a\n"
    if x:
        print(x)
  `;
  assert.equal(cell, '```repl\nx = "a\\n"\nif x:\n    print(x)\n```');
});
