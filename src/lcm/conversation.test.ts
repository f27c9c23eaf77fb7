import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError, ModelError } from "../core/errors.ts";
import { textOfMessage, user, type Message } from "../core/message.ts";
import type { ModelRequest } from "../core/model.ts";
import { memoryConversations } from "../stores/conversations.ts";
import { scriptedModel, type FixedStep, type ScriptedModel, type Step } from "../testing/scripted-model.ts";
import { openConversation, type ConversationOptions, type OpenConversation } from "./index.ts";

const isLabelTask = (request: ModelRequest): boolean =>
  textOfMessage(request.messages[0] ?? user("")).includes("You write labels");
const lastText = (request: ModelRequest): string => textOfMessage(request.messages.at(-1) ?? user(""));
const filler = "and some more words about this and that ".repeat(12);

function open(model: ScriptedModel | undefined, more: Partial<ConversationOptions> = {}): OpenConversation {
  return openConversation("talk", { store: memoryConversations(), ...(model && { model }), ...more });
}

/** Answers with "ok", and labels as told. */
function talker(label: Step, contextWindow = 4_000): ScriptedModel {
  return scriptedModel(
    async (request, call) => {
      if (!isLabelTask(request)) return `ok, ${request.messages.length} messages`;
      return typeof label === "function" ? label(request, call) : label;
    },
    { contextWindow },
  );
}

const goodLabel = "Topic: what was asked about this and that\nOpen: some more words";

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
  const model = scriptedModel(["hello there", { text: "never seen", delayMs: 60_000 }, "again"]);
  const conversation = open(model);
  const pieces: string[] = [];
  const run = conversation.send("hi");
  for await (const event of run) if (event.type === "model-delta") pieces.push(event.text);
  assert.equal(pieces.join(""), "hello there");
  const stopped = conversation.send("wait", { signal: stop.signal });
  for await (const event of stopped) if (event.type === "model-start") stop.abort();
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
