/** Conversations from the outside: what is kept, shown and swapped, and what a failing summariser does to it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError, ModelError } from "../core/errors.ts";
import { textOfMessage, user, type Message } from "../core/message.ts";

import { filler, goodLabel, isLabelTask, open, talker } from "./talker.fixture.ts";

test("a conversation can be used with and without await", async () => {
  // oxlint-disable-next-line typescript/await-thenable -- it need not be awaited, and may be
  const conversation = await open(undefined);
  await conversation.append([{ role: "user", content: "a" }]);
  const [stored] = await Array.fromAsync(conversation.history());
  assert.deepEqual(stored?.message, { role: "user", content: [{ type: "text", text: "a" }] });
});

test("without a model messages are kept, found and shown, and only an answer is refused", async () => {
  const conversation = open(undefined);
  await conversation.append([
    { role: "user", content: "the port is 8080" },
    { role: "assistant", content: "noted" },
  ]);
  assert.equal((await conversation.recallGrep("8080")).hits[0]?.position, 1);
  assert.equal((await conversation.context()).items.length, 2);
  await assert.rejects(
    conversation.send("and now?").result(),
    (error) => error instanceof ConfigError && error.code === "no_model",
  );
});

test("below the soft threshold each request is the plain one, and no call is added", async () => {
  const model = talker(goodLabel, 128_000);
  const conversation = open(model, { instructions: "Be brief." });
  const plain: Message[] = [{ role: "system", content: "Be brief." }];
  for (let turn = 1; turn <= 12; turn++) {
    const { text } = await conversation.send(`question ${turn}`).result();
    plain.push(user(`question ${turn}`));
    const { maxOutputTokens: _, ...sent } = model.requests.at(-1) ?? { messages: [] };
    assert.equal(JSON.stringify(sent), JSON.stringify({ messages: plain }));
    plain.push({ role: "assistant", content: [{ type: "text", text }] });
  }
  await conversation.idle();
  assert.equal(model.calls, 12);
});

for (const [name, label] of [
  ["refuses the key", new ModelError("auth", "401")],
  ["hangs", new ModelError("timeout", "late", { retryable: false })],
  ["says nothing", ""],
  ["writes garbage", "%&$%&$ 98127 /no/where 77231"],
  ["refuses", "I'm sorry, I can't help with that."],
  ["writes more than it read", "word ".repeat(6_000)],
] as const) {
  test(`a summariser that ${name} for 100 turns stops nothing, and its labels are made anew once it is back`, async () => {
    let isDown = true;
    const model = talker(() => (isDown ? label : goodLabel));
    const conversation = open(model);
    const said: string[] = [];
    for (let turn = 1; turn <= 100; turn++) {
      const question = `question ${turn}: ${filler}`;
      const { status, text } = await conversation.send(question).result();
      assert.equal(status, "answered");
      said.push(question, text);
    }
    await conversation.idle();
    const kept = await Array.fromAsync(conversation.history());
    assert.deepEqual(
      kept.map(({ message }) => textOfMessage(message)),
      said,
    );
    const labels = (await conversation.context()).items.filter((item) => item.type === "label");
    assert.ok(labels.length > 0 && labels.every(({ needsRepair }) => needsRepair));
    // What fails is not asked for at every turn.
    assert.ok(model.requests.filter(isLabelTask).length < 100);

    isDown = false;
    for (let turn = 1; turn <= 60; turn++) {
      await conversation.send(`later ${turn}`).result();
      await conversation.idle();
    }
    const repaired = (await conversation.context()).items.filter((item) => item.type === "label");
    assert.ok(repaired.length > 0 && repaired.every(({ needsRepair }) => !needsRepair));
  });
}

test("labels are made ahead, swapped in at a moment with a reason, and everything before the swap point stays", async () => {
  const model = talker(goodLabel);
  const conversation = open(model, { instructions: "Be brief." });
  let before: readonly string[] = [];
  const reasons = new Set<string>();
  for (let turn = 1; turn <= 40; turn++) {
    const { context } = await conversation.send(`question ${turn}: ${filler}`).result();
    const request = model.requests.findLast((sent) => !isLabelTask(sent));
    const now = request?.messages.map((message) => JSON.stringify(message)) ?? [];
    const isPrefix = before.every((message, index) => now[index] === message);
    const isSwap = context?.reason.startsWith("swapped: ") === true;
    assert.ok(isPrefix || isSwap, `turn ${turn}: ${context?.reason}`);
    if (isSwap) reasons.add(context.reason);
    before = now;
    await conversation.idle();
  }
  assert.ok(reasons.size > 0);
  const { items } = await conversation.context();
  assert.ok(items.some((item) => item.type === "label" && item.origin.type === "model"));
});

test("a cold cache, by the clock that is handed in, is the time to swap", async () => {
  let now = 1_700_000_000_000;
  const conversation = open(talker(goodLabel, 8_000), { clock: () => now });
  let reason = "";
  for (let turn = 1; turn <= 60 && !reason.startsWith("swapped"); turn++) {
    reason = (await conversation.send(`question ${turn}: ${filler}`).result()).context?.reason ?? "";
    await conversation.idle();
    if (reason === "labels are being made") now += 10 * 3_600_000;
  }
  assert.equal(reason, "swapped: cache cold");
});

test("other tools make the whole request new anyway, and so are a time to swap", async () => {
  const conversation = open(talker(goodLabel, 8_000));
  const tool = { name: "look", description: "d", inputSchema: { type: "object" }, more: () => 1 };
  let reason = "";
  for (let turn = 1; turn <= 60 && reason !== "labels are being made"; turn++) {
    reason = (await conversation.send(`question ${turn}: ${filler}`).result()).context?.reason ?? "";
    await conversation.idle();
  }
  const { context } = await conversation.send("and now?", { tools: [tool] }).result();
  assert.equal(context?.reason, "swapped: tools changed");
  const next = await conversation.send("and now?", { tools: [{ ...tool }] }).result();
  assert.equal(next.context?.reason, "below the soft threshold");
});
