/** A client that sends its whole history each time: what is known of it, what is new, and where it went another way. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConversationStore } from "../core/conversation-store.ts";
import type { ToolCallPart, ToolResultPart } from "../core/message.ts";
import { memoryConversations } from "../stores/conversations.ts";
import { openConversation, Recogniser, type MessageInput, type OpenConversation } from "./index.ts";

const said = (text: string): MessageInput => ({ role: "user", content: text });
const replied = (text: string): MessageInput => ({ role: "assistant", content: text });
const called = (...names: readonly string[]): readonly ToolCallPart[] =>
  names.map((toolName) => ({ type: "tool-call", toolCallId: `id of ${toolName}`, toolName, input: {} }));
const resultPart = (toolName: string, output: string): ToolResultPart => ({
  type: "tool-result",
  toolCallId: `id of ${toolName}`,
  toolName,
  output,
});
const result = (toolName: string, output: string): MessageInput => ({
  role: "tool",
  content: [resultPart(toolName, output)],
});

function open(store: ConversationStore = memoryConversations()): {
  conversation: OpenConversation;
  recogniser: Recogniser;
} {
  const conversation = openConversation("talk", { store });
  return { conversation, recogniser: new Recogniser(conversation) };
}

async function texts(conversation: OpenConversation): Promise<string[]> {
  const found: string[] = [];
  for await (const { message } of conversation.history())
    found.push(
      typeof message.content === "string"
        ? message.content
        : message.content.map((part) => (part.type === "text" ? part.text : part.type)).join("+"),
    );
  return found;
}

/** As a client does: the list, then its answer. */
async function talk(
  recogniser: Recogniser,
  list: readonly MessageInput[],
  answer?: MessageInput,
): Promise<{ readonly branch: string; readonly added: number; readonly texts: readonly string[] }> {
  const { conversation, added, release } = await recogniser.recognise(list);
  if (answer) await conversation.append(answer);
  release();
  return { branch: conversation.branchName, added, texts: await texts(conversation) };
}

test("a list that grows adds only what is new", async () => {
  const { recogniser } = open();
  await talk(recogniser, [said("one")], replied("first"));
  const second = await talk(recogniser, [said("one"), replied("first"), said("two")], replied("second"));
  assert.deepEqual(second, { branch: "main", added: 1, texts: ["one", "first", "two", "second"] });
});

test("instructions belong to the request: other ones are no other past", async () => {
  const { recogniser } = open();
  const system = (text: string): MessageInput => ({ role: "system", content: text });
  await talk(recogniser, [system("Be brief."), said("one")], replied("first"));
  const list = [system("Be long."), system("It is noon."), said("one"), replied("first"), said("two")];
  const { instructions, added, conversation } = await recogniser.recognise(list);
  assert.equal(instructions, "Be long.\n\nIt is noon.");
  assert.equal(added, 1);
  assert.deepEqual(await texts(conversation), ["one", "first", "two"]);
});

test("a changed past begins a branch, and the first one stays as it was", async () => {
  const { conversation, recogniser } = open();
  await talk(recogniser, [said("one")], replied("first"));
  await talk(recogniser, [said("one"), replied("first"), said("two")], replied("second"));
  const edited = await talk(recogniser, [said("one"), replied("first"), said("TWO")], replied("SECOND"));
  assert.deepEqual(edited, { branch: "branch-2", added: 1, texts: ["one", "first", "TWO", "SECOND"] });
  assert.deepEqual(await texts(conversation), ["one", "first", "two", "second"]);
  const back = await talk(recogniser, [
    said("one"),
    replied("first"),
    said("two"),
    replied("second"),
    said("three"),
  ]);
  assert.equal(back.branch, "main");
});

test("a list whose answer is there already is asked again on a branch", async () => {
  const { recogniser } = open();
  await talk(recogniser, [said("one")], replied("first"));
  const again = await talk(recogniser, [said("one")], replied("other"));
  assert.deepEqual(again, { branch: "branch-2", added: 0, texts: ["one", "other"] });
  const onwards = await talk(recogniser, [said("one"), replied("other"), said("two")]);
  assert.deepEqual(onwards, { branch: "branch-2", added: 1, texts: ["one", "other", "two"] });
});

test("another beginning is a branch that shares nothing", async () => {
  const { recogniser } = open();
  await talk(recogniser, [said("one")], replied("first"));
  const title = await talk(recogniser, [said("Give this talk a title.")], replied("One"));
  assert.deepEqual(title, { branch: "branch-2", added: 1, texts: ["Give this talk a title.", "One"] });
});

test("a list that failed and is sent again adds nothing and stays where it is", async () => {
  const { recogniser } = open();
  await talk(recogniser, [said("one")]);
  assert.deepEqual(await talk(recogniser, [said("one")]), { branch: "main", added: 0, texts: ["one"] });
});

test("two equal lists under way at once are answered apart", async () => {
  const { recogniser } = open();
  const [first, second] = await Promise.all([
    recogniser.recognise([said("one")]),
    recogniser.recognise([said("one")]),
  ]);
  await Promise.all([
    first.conversation.append(replied("first")),
    second.conversation.append(replied("second")),
  ]);
  assert.deepEqual(await texts(first.conversation), ["one", "first"]);
  assert.deepEqual(await texts(second.conversation), ["one", "second"]);
});

test("recall stays between us and the model: the client's list fits without it", async () => {
  const { recogniser } = open();
  const list: MessageInput[] = [said("What was the port?")];
  const { conversation, release } = await recogniser.recognise(list);
  await conversation.append([
    { role: "assistant", content: [{ type: "text", text: "Let me look. " }, ...called("recall_grep")] },
    result("recall_grep", "[3] user: 4711"),
    { role: "assistant", content: [{ type: "text", text: "It was 4711." }, ...called("open")] },
  ]);
  release();
  list.push({
    role: "assistant",
    content: [{ type: "text", text: "Let me look. It was 4711." }, ...called("open")],
  });
  list.push(result("open", "done"));
  const next = await talk(recogniser, list, replied("Open."));
  assert.equal(next.branch, "main");
  assert.equal(next.added, 1);
  const again = await talk(recogniser, [...list], replied("It is open."));
  assert.deepEqual([again.branch, again.texts.length], ["branch-2", 6]);
});

test("a recall that was broken off is gone on with, not branched from", async () => {
  const { recogniser } = open();
  const { conversation, release } = await recogniser.recognise([said("one")]);
  await conversation.append([
    { role: "assistant", content: called("recall_grep") },
    result("recall_grep", "none"),
  ]);
  release();
  const { branch, added } = await talk(recogniser, [said("one")], replied("first"));
  assert.deepEqual([branch, added], ["main", 0]);
  assert.equal((await talk(recogniser, [said("one"), replied("first"), said("two")])).branch, "main");
});

test("results that come in one message or in several are the same past", async () => {
  const { recogniser } = open();
  const calls: MessageInput = { role: "assistant", content: called("a", "b") };
  await talk(recogniser, [said("go"), calls, result("a", "1"), result("b", "2")], replied("done"));
  const both: MessageInput = { role: "tool", content: [resultPart("a", "1"), resultPart("b", "2")] };
  const { branch, added } = await talk(recogniser, [said("go"), calls, both, replied("done"), said("on")]);
  assert.deepEqual([branch, added], ["main", 1]);
});

test("what a program loses on the way is no change: thinking, white space, inputs filled in", async () => {
  const { recogniser } = open();
  await talk(recogniser, [said("go")], {
    role: "assistant",
    content: [{ type: "reasoning", text: "hm" }, { type: "text", text: " So. \n" }, ...called("a")],
  });
  const echoed: MessageInput = {
    role: "assistant",
    content: [
      { type: "text", text: "So." },
      { type: "tool-call", toolCallId: "id of a", toolName: "a", input: { depth: 1 } },
    ],
  };
  const { branch, added } = await talk(recogniser, [said("go"), echoed, result("a", "1")]);
  assert.deepEqual([branch, added], ["main", 1]);
});

test("another process recognises what the first one kept, branches too", async () => {
  const store = memoryConversations();
  const first = open(store).recogniser;
  await talk(first, [said("one")], replied("first"));
  await talk(first, [said("one"), replied("first"), said("two")], replied("second"));
  await talk(first, [said("one"), replied("first"), said("TWO")], replied("SECOND"));
  const list = [said("one"), replied("first"), said("TWO"), replied("SECOND"), said("on")];
  const { branch, added } = await talk(open(store).recogniser, list);
  assert.deepEqual([branch, added], ["branch-2", 1]);
  assert.deepEqual(await talk(first, [...list, replied("on it"), said("more")]), {
    branch: "branch-2",
    added: 2,
    texts: ["one", "first", "TWO", "SECOND", "on", "on it", "more"],
  });
});

test("what was erased is not brought back by a client that still has it", async () => {
  const { conversation, recogniser } = open();
  await talk(recogniser, [said("my secret"), replied("noted")], replied("really"));
  await conversation.erase({ type: "range", branch: "main", first: 1, last: 1 }, "asked for");
  const fresh = new Recogniser(conversation);
  const list = [said("my secret"), replied("noted"), replied("really"), said("on")];
  const { branch, texts: kept } = await talk(fresh, list);
  assert.deepEqual([branch, kept], ["main", ["[erased]", "noted", "really", "on"]]);
});
