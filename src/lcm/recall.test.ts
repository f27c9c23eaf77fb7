/** Looking up what is not shown: pages, places, branches. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { asConversationId } from "../core/ids.ts";
import { memoryConversations } from "../stores/conversations.ts";
import { toNewMessage, type MessageInput } from "./input.ts";
import { openConversation } from "./index.ts";
import { filler, open, talker } from "./talker.fixture.ts";
import { messageTokens } from "./measure.ts";
import { callRecallTool, cloneTools, recallTools } from "./recall-tools.ts";
import { Recall } from "./recall.ts";
import { ActiveView } from "./view.ts";

const ref = { conversationId: asConversationId("talk"), name: "main" };
const signal = new AbortController().signal;

async function recallOver(messages: readonly MessageInput[]): Promise<Recall> {
  const store = memoryConversations();
  await store.open(ref.conversationId);
  await store.messages.append(
    ref,
    messages.map((message) => toNewMessage(message, messageTokens)),
  );
  const view = new ActiveView(store, ref, 25_000);
  await view.refresh();
  return new Recall({ store, ref, view });
}

test("expanding a long message page by page gives all of it, to the letter", async () => {
  const text = Array.from({ length: 3_000 }, (_, i) => `line ${i} 🙂 漢字`).join("\n");
  const recall = await recallOver([
    { role: "user", content: "before" },
    { role: "user", content: text },
    { role: "user", content: "after" },
  ]);
  let from: string | undefined;
  let read = "";
  let pages = 0;
  for (;;) {
    const page = await recall.expand("2", { tokens: 500, ...(from !== undefined && { from }) });
    const body = page.slice(page.indexOf("user: ") + 6);
    const more = /\n\n\[more: from "([^"]+)"/.exec(body);
    read += (more ? body.slice(0, more.index) : body).replace(/^…/, "");
    pages++;
    if (!more) break;
    from = more[1];
  }
  assert.equal(read, text);
  assert.ok(pages > 10);
});

test("a range is read page by page, no message twice and none left out", async () => {
  const recall = await recallOver(
    Array.from({ length: 50 }, (_, i) => ({
      role: "user",
      content: `message number ${i + 1} ${"and so on ".repeat(20)}`,
    })),
  );
  const seen: number[] = [];
  for (let from: string | undefined; ;) {
    const page = await recall.expand("1-50", { tokens: 400, ...(from !== undefined && { from }) });
    seen.push(...[...page.matchAll(/^\[(\d+)\] user: message/gm)].map((match) => Number(match[1])));
    from = /\[more: from "([^"]+)"/.exec(page)?.[1];
    if (from === undefined) break;
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 50 }, (_, i) => i + 1),
  );
});

test("a match deep in a long message is shown in its middle, and a search that finds nothing says what it searched", async () => {
  const recall = await recallOver([
    { role: "user", content: `${"hay ".repeat(3_000)}the needle-4711 is here${" hay".repeat(3_000)}` },
    { role: "assistant", content: "Noted." },
    { role: "user", content: "Where was needle-4711?" },
  ]);
  assert.match(
    await recall.grep({ pattern: "needle-4711" }),
    /^One message with[^[]*\[1\] user: .*the needle-4711 is here/,
  );
  assert.match(
    await recall.grep({ pattern: "pin" }),
    /Not found: "pin"\. Searched 2 messages of this conversation letter by letter/,
  );
});

test("what an earlier look-up quoted is not found beside what it quotes", async () => {
  const call = { toolCallId: "1", toolName: "recall_grep" };
  const recall = await recallOver([
    { role: "user", content: "The key is needle-4711." },
    { role: "assistant", content: [{ type: "tool-call", ...call, input: { pattern: "needle-4711" } }] },
    {
      role: "tool",
      content: [{ type: "tool-result", ...call, output: "[1] user: The key is needle-4711." }],
    },
    { role: "assistant", content: "It is needle-4711." },
    { role: "user", content: "Again?" },
  ]);
  const found = await recall.grep({ pattern: "needle-4711" });
  assert.deepEqual(
    [...found.matchAll(/^\[(\d+)\]/gm)].map(([, position]) => position),
    ["4", "1"],
  );
});

test("places are numbers, ranges, message ids and labels; anything else is told what there is", async () => {
  const recall = await recallOver([
    { role: "user", content: "one" },
    { role: "user", content: "two" },
  ]);
  assert.match(await recall.expand("[2]"), /^\[2\] user: two$/);
  assert.match(await recall.expand("1–2"), /\[1\] user: one\n\n\[2\] user: two/);
  assert.match(await recall.expand("m1"), /one/);
  for (const id of ["9", "0", "sum_000000000000000", "m99", "everything", ""]) {
    const { output, isError } = await callRecallTool("recall_describe", { id }, recall, { signal });
    assert.ok(isError && output.includes("from 1 to 2"), output);
  }
});

test("a clone has no tool to send another one, and the main model none to read in its own window", () => {
  const names = (tools: typeof recallTools): readonly string[] => tools.map(({ name }) => name);
  assert.ok(!names(cloneTools).includes("recall_ask"));
  assert.ok(!names(recallTools).includes("recall_expand"));
});

test("nothing of another branch is found, described or read", async () => {
  const store = memoryConversations();
  const conversation = openConversation("talk", { store });
  await conversation.append([
    { role: "user", content: "shared" },
    { role: "user", content: "secret of main" },
  ]);
  const branch = await conversation.branch(1);
  await branch.append([{ role: "user", content: "own" }]);
  assert.equal((await branch.recallGrep("secret")).hits.length, 0);
  await assert.rejects(branch.recallDescribe("m2"), /names nothing/);
  const read = await Array.fromAsync(branch.recallExpand("1-9"));
  assert.deepEqual(
    read.map(({ position }) => position),
    [1, 2],
  );
});

test("large content is described by its shape, where it was put", async () => {
  const data = Buffer.from(
    JSON.stringify(Array.from({ length: 2_000 }, (_, i) => ({ id: i, tag: "x" }))),
  ).toString("base64");
  const recall = await recallOver([
    { role: "user", content: [{ type: "file", mediaType: "application/json", filename: "d.json", data }] },
  ]);
  assert.match(await recall.describe("1"), /Part 1: JSON[\s\S]*\[2000 × \{ id: number, tag: "x" \}\]/);
});

test("code that reads a stretch of many windows may make more calls than a clone that reads by itself", async () => {
  const callsLeft: (number | null)[] = [];
  const conversation = open(talker("Topic: this and that\nOpen: nothing"), {
    ask: async ({ scope }) => {
      callsLeft.push(scope.budget.remaining().calls);
      return "ten times";
    },
  });
  await conversation.append(
    Array.from({ length: 80 }, (_, i) => ({ role: "user", content: `${i} ${filler}` }) as const),
  );
  assert.equal((await conversation.recallAsk("How often was it said?")).answer, "ten times");
  assert.deepEqual(callsLeft, [null], "only the grant of who asks bounds it");
  await conversation.close();
});
