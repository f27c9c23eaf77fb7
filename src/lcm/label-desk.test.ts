/** Labels that two want at once are written once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LabelDesk } from "./label-desk.ts";
import type { Label } from "./summarize.ts";

const label = (text: string, facts: Partial<Label> = {}): Label => ({
  ...{ text, tokens: 10, origin: { type: "model", modelId: "m" }, needsRepair: false },
  ...{ faults: [], isDown: false },
  ...facts,
});

test("who wants a label that is being written waits for it, and gets it later as well", async () => {
  const desk = new LabelDesk();
  const writing = Promise.withResolvers<Label>();
  const first = desk.label("1-9", 20, () => writing.promise);
  const second = desk.label("1-9", 15, () => assert.fail("asked twice"));
  writing.resolve(label("once"));
  assert.equal((await first).text, "once");
  assert.equal((await second).text, "once");
  assert.equal((await desk.label("1-9", 10, () => assert.fail("asked again"))).text, "once");
});

test("a label that is too long for its place, or made without a model, is written anew", async () => {
  const desk = new LabelDesk();
  await desk.label("1-9", 20, async () => label("long", { tokens: 18 }));
  assert.equal((await desk.label("1-9", 12, async () => label("short"))).text, "short");
  await desk.label("10-19", 20, async () => label("by rule", { needsRepair: true }));
  assert.equal((await desk.label("10-19", 20, async () => label("by model"))).text, "by model");
});

test("a failure is for the one who met it; the next one tries again", async () => {
  const desk = new LabelDesk();
  await assert.rejects(desk.label("1-9", 20, () => Promise.reject(new Error("cut off"))));
  assert.equal((await desk.label("1-9", 20, async () => label("then"))).text, "then");
});
