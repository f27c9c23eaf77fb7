/** Turns: tools, clones, limits, what is broken off, and large content that enters with them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ModelError } from "../core/errors.ts";
import { textOfMessage, user } from "../core/message.ts";
import type { ModelRequest } from "../core/model.ts";
import { memoryConversations } from "../stores/conversations.ts";
import { scriptedModel, type FixedStep } from "../testing/scripted-model.ts";
import { openConversation, type OpenConversation } from "./index.ts";

import { filler, goodLabel, isLabelTask, lastText, open, talker } from "./talker.fixture.ts";

test("tools with a handler are run, failures are told to the model, made-up ones too, and the rest is the caller's", async () => {
  const call = (toolName: string, toolCallId: string) =>
    ({ type: "tool-call", toolCallId, toolName, input: { x: 1 } }) as const;
  const model = scriptedModel([
    { toolCalls: [call("add", "a"), call("fail", "b"), call("nothing", "c")] },
    { toolCalls: [call("mine", "d")], expects: /42[\s\S]*out of order[\s\S]*no tool "nothing"/ },
    { text: "done", expects: "from outside" },
  ]);
  const definition = { description: "d", inputSchema: { type: "object" } };
  const conversation = open(model, {
    tools: [
      { name: "add", ...definition, run: async () => 42 },
      { name: "fail", ...definition, run: async () => Promise.reject(new Error("out of order")) },
      { name: "mine", ...definition },
    ],
  });
  const first = await conversation.send("go").result();
  assert.equal(first.status, "tool-calls");
  assert.deepEqual(
    first.toolCalls.map(({ toolCallId }) => toolCallId),
    ["d"],
  );
  const second = await conversation
    .send([{ type: "tool-result", toolCallId: "d", toolName: "mine", output: "from outside" }])
    .result();
  assert.equal(second.text, "done");
  const roles = (await Array.fromAsync(conversation.history())).map(({ message }) => message.role);
  assert.deepEqual(roles, ["user", "assistant", "tool", "assistant", "tool", "assistant"]);
});

test("recall_ask sends a clone with a smaller grant, and only its answer and the numbers come back", async () => {
  const clones: ModelRequest[] = [];
  let asked = false;
  const model = scriptedModel(
    (request): FixedStep => {
      if (isLabelTask(request)) return goodLabel;
      if (lastText(request).includes("The record")) {
        clones.push(request);
        return "The port was 48123 [1].";
      }
      if (lastText(request).includes("which port") && !asked) {
        asked = true;
        const input = { question: "Which port was agreed?", in: ["1-2"] };
        return { toolCalls: [{ type: "tool-call", toolCallId: "r1", toolName: "recall_ask", input }] };
      }
      return "ok";
    },
    { contextWindow: 4_000 },
  );
  const conversation = open(model, { instructions: "Be brief." });
  await conversation.send(`We agree on port 48123. ${filler}`).result();
  for (let turn = 1; turn <= 30; turn++) await conversation.send(`more ${turn} ${filler}`).result();
  const run = conversation.send("which port did we agree on?", { limits: { calls: 9 } });
  const tools: string[] = [];
  for await (const event of run) if (event.type === "tool-end") tools.push(String(event.output));
  await run.result();
  assert.deepEqual(tools, ["The port was 48123 [1].\n\n(from messages 1)"]);
  assert.ok(textOfMessage(clones[0]?.messages[0] ?? user("")).startsWith("Be brief."));
  assert.ok(lastText(clones[0] ?? { messages: [] }).includes("port 48123"));
});

test("a clone that looks around reads in full, and its tools never reach the main model", async () => {
  const model = scriptedModel(
    [
      {
        toolCalls: [
          { type: "tool-call", toolCallId: "1", toolName: "recall_grep", input: { pattern: "falcon" } },
        ],
      },
      {
        toolCalls: [{ type: "tool-call", toolCallId: "2", toolName: "recall_expand", input: { id: "7" } }],
        expects: "[7] user",
      },
      { text: "It is the falcon [7].", expects: "falcon" },
    ],
    { contextWindow: 3_000 },
  );
  const conversation = open(model, { settings: { background: false } });
  const said = Array.from(
    { length: 60 },
    (_, i) => ({ role: "user", content: `${i === 6 ? "the falcon" : "a bird"} ${filler}` }) as const,
  );
  await conversation.append(said);
  const answer = await conversation.recallAsk("Which bird was special?");
  assert.deepEqual([answer.answer, answer.messages], ["It is the falcon [7].", [7]]);
  assert.equal(answer.messageIds.length, 1);
  const { request } = await conversation.context();
  assert.deepEqual(
    request.tools?.map(({ name }) => name),
    ["recall_grep", "recall_describe", "recall_ask"],
  );
});

test("text comes as it is written; stopped in the middle, the user's words stay and the rest is as if never asked", async () => {
  const stop = new AbortController();
  const asked = (): FixedStep => {
    stop.abort();
    return { text: "never seen", delayMs: 60_000 };
  };
  const model = scriptedModel(["hello there", asked, "again"]);
  const conversation = open(model);
  const pieces: string[] = [];
  const run = conversation.send("hi");
  for await (const event of run) if (event.type === "model-delta") pieces.push(event.text);
  assert.equal(pieces.join(""), "hello there");
  const stopped = conversation.send("wait", { signal: stop.signal });
  assert.equal((await stopped.result()).status, "cancelled");
  assert.equal((await conversation.send("go on").result()).text, "again");
  const texts = (await Array.fromAsync(conversation.history())).map(({ message }) => textOfMessage(message));
  assert.deepEqual(texts, ["hi", "hello there", "wait", "go on", "again"]);
});

test("calls that were broken off are closed in the request, so that no provider refuses it", async () => {
  const stop = new AbortController();
  const call = { type: "tool-call", toolCallId: "a", toolName: "slow", input: {} } as const;
  const model = scriptedModel([{ toolCalls: [call] }, "fine"]);
  const slow = {
    ...{ name: "slow", description: "d", inputSchema: { type: "object" } },
    run: async (): Promise<never> => {
      stop.abort();
      return Promise.reject(new Error("stopped"));
    },
  };
  const conversation = open(model, { tools: [slow] });
  assert.equal((await conversation.send("go", { signal: stop.signal }).result()).status, "cancelled");
  assert.equal((await conversation.send("never mind").result()).text, "fine");
  assert.deepEqual(
    model.requests.at(-1)?.messages.map(({ role }) => role),
    ["user", "assistant", "tool", "user"],
  );
});

test("an empty reply is asked for once more and never kept", async () => {
  const conversation = open(scriptedModel(["", "there you are", "", ""]));
  assert.equal((await conversation.send("a").result()).text, "there you are");
  await assert.rejects(conversation.send("b").result(), ModelError);
  assert.equal((await Array.fromAsync(conversation.history())).length, 3);
});

test("where the provider counts more than the estimate, a smaller context is sent", async () => {
  let refused = 0;
  const model = scriptedModel(
    (request) => {
      if (isLabelTask(request)) return goodLabel;
      const length = JSON.stringify(request.messages).length;
      if (length < 5_000) return "ok";
      refused++;
      return new ModelError("context_overflow", "too long");
    },
    { contextWindow: 4_000 },
  );
  const conversation = open(model);
  for (let turn = 1; turn <= 20; turn++) {
    const { status } = await conversation.send(`question ${turn} ${filler}`).result();
    assert.equal(status, "answered");
  }
  assert.ok(refused > 0);
});

test("a branch shares what came before and goes its own way, and nothing of the first is lost", async () => {
  const conversation = open(scriptedModel(["one", "two", "other two"]));
  await conversation.send("a").result();
  await conversation.send("b").result();
  const branch = await conversation.branch(2);
  assert.equal((await branch.send("c").result()).text, "other two");
  const texts = async (of: OpenConversation): Promise<readonly string[]> =>
    (await Array.fromAsync(of.history())).map(({ message }) => textOfMessage(message));
  assert.deepEqual(await texts(conversation), ["a", "one", "b", "two"]);
  assert.deepEqual(await texts(branch), ["a", "one", "c", "other two"]);
  assert.equal((await branch.recallGrep("two")).hits.length, 1);
});

test("a large file is a handle with its shape from the first request on, and comes back byte for byte", async () => {
  const rows = Array.from({ length: 6_000 }, (_, i) => `${i},name ${i},${i % 3 === 0 ? "open" : "closed"}`);
  const csv = `id,name,state\n${rows.join("\n")}\n`;
  const model = talker(goodLabel, 200_000);
  const conversation = open(model);
  const file = {
    type: "file",
    mediaType: "text/csv",
    filename: "items.csv",
    data: Buffer.from(csv).toString("base64"),
  } as const;
  await conversation.send([{ type: "text", text: "what is in it?" }, file]).result();
  const sent = lastText(model.requests[0] ?? { messages: [] });
  assert.match(
    sent,
    /File items\.csv: too large to be shown[\s\S]*part 2 of message 1[\s\S]*3 columns[\s\S]*- state: one of open, closed/,
  );
  assert.ok(sent.length < 2_000);
  assert.deepEqual(model.requests[0]?.tools?.map(({ name }) => name).includes("recall_ask"), true);
  const [stored] = await Array.fromAsync(conversation.recallExpand(1));
  assert.deepEqual(stored?.message.role === "user" && stored.message.content[1], file);
});

test("large prose is described by the model once, and what it wrote stays with the message", async () => {
  const prose = "The old lighthouse keeper walked down to the sea and thought about the storm. ".repeat(
    2_000,
  );
  const model = scriptedModel([
    {
      text: "A long tale of a lighthouse keeper who thinks about a storm, without chapters.",
      expects: "lighthouse",
    },
    "I see",
    "still",
  ]);
  const conversation = open(model, { settings: { contextWindow: 200_000 } });
  const file = {
    type: "file",
    mediaType: "text/plain",
    filename: "tale.txt",
    data: Buffer.from(prose).toString("base64"),
  } as const;
  await conversation.send([file]).result();
  await conversation.send("and?").result();
  const first = (index: number): string => textOfMessage(model.requests[index]?.messages[0] ?? user(""));
  assert.match(first(1), /A long tale of a lighthouse keeper/);
  assert.equal(first(1), first(2));
});

test("facts that enter with a message stay in it", async () => {
  const model = scriptedModel(["a", "b"]);
  const conversation = open(model);
  await conversation.send("hi", { notes: ["It is Monday, 9:00."] }).result();
  await conversation.send("again").result();
  const [, second] = model.requests;
  assert.deepEqual(second?.messages[0], {
    role: "user",
    content: [
      { type: "text", text: "hi" },
      { type: "text", text: "It is Monday, 9:00." },
    ],
  });
});

test("one endless turn of tool calls is compacted inside, with the user's request in sight to the end", async () => {
  let step = 0;
  const model = scriptedModel(
    (request): FixedStep => {
      if (isLabelTask(request)) return goodLabel;
      assert.ok(
        request.messages.some((message) => textOfMessage(message) === "Find the one file that matters."),
      );
      if (++step > 40) return "found";
      return {
        toolCalls: [{ type: "tool-call", toolCallId: `c${step}`, toolName: "look", input: { step } }],
      };
    },
    { contextWindow: 4_000 },
  );
  const look = {
    name: "look",
    description: "d",
    inputSchema: { type: "object" },
    run: async () => `nothing here ${filler}`,
  };
  const conversation = open(model, { tools: [look] });
  const { text } = await conversation.send("Find the one file that matters.").result();
  assert.equal(text, "found");
  const { items } = await conversation.context();
  assert.ok(items.some((item) => item.type === "label" && item.first > 1));
});

test("a limit that is reached is a result, and the conversation goes on", async () => {
  const conversation = open(scriptedModel(["one", "two"]));
  const { status, limit } = await conversation.send("a", { limits: { calls: 0 } }).result();
  assert.deepEqual([status, limit?.code], ["partial", "calls"]);
  assert.equal((await conversation.send("b").result()).text, "one");
});

test("breakpoints for the cache end at the instructions, the labels, the last turn and the request", async () => {
  const seen: number[][] = [];
  const model = talker(goodLabel);
  const generate = model.generate.bind(model);
  const watched = {
    ...model,
    generate: (request: ModelRequest, options: Parameters<typeof generate>[1]) => {
      if (options.cache) seen.push(options.cache.breakpoints.map(({ after }) => after));
      return generate(request, options);
    },
  };
  const conversation = openConversation("talk", {
    store: memoryConversations(),
    model: watched,
    instructions: "Be brief.",
  });
  await conversation.send("a").result();
  await conversation.send("b").result();
  assert.deepEqual(seen, [
    [0, 1],
    [0, 2, 3],
  ]);
});
