/** An app of the AI SDK with a conversation around its model: what the app sees is what it saw before, however long it talks. */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import {
  generateText,
  jsonSchema,
  stepCountIs,
  streamText,
  tool,
  wrapLanguageModel,
  type ModelMessage,
} from "ai";
import assert from "node:assert/strict";
import { test } from "node:test";
import { losslessContext } from "../src/ai-sdk/index.ts";
import type { OpenConversation } from "../src/engine/index.ts";
import { createEngine } from "../src/setup/open-engine.ts";
import { memoryConversations } from "../src/stores/index.ts";
import {
  faults,
  startFakeProvider,
  type FakeProvider,
  type FakeReply,
  type FakeRequest,
} from "../src/testing/index.ts";

type Say = (request: FakeRequest) => string | FakeReply;

interface Stage extends AsyncDisposable {
  readonly provider: FakeProvider;
  readonly conversation: OpenConversation;
  readonly plain: Parameters<typeof generateText>[0]["model"];
  readonly model: Parameters<typeof generateText>[0]["model"];
}

/** The engine of the conversation has no model of its own to fall back on: the wrapped one does all. */
async function open(say: Say, contextWindow?: number): Promise<Stage> {
  const provider = await startFakeProvider({
    reply: (request) => (isLabelTask(request) ? label : say(request)),
  });
  const plain = createOpenAICompatible({ name: "story", baseURL: provider.baseUrl, apiKey: "story" })(
    "fake-model",
  );
  const engine = createEngine({ conversations: memoryConversations() });
  const conversation = engine.conversation("app");
  const middleware = losslessContext({ conversation, ...(contextWindow !== undefined && { contextWindow }) });
  return {
    provider,
    conversation,
    plain,
    model: wrapLanguageModel({ model: plain, middleware }),
    async [Symbol.asyncDispose]() {
      await conversation.close();
      await engine.close();
      await provider.close();
    },
  };
}

const label = "Talk about numbered items. Ask recall for exact words.";

function isLabelTask({ messages }: FakeRequest): boolean {
  return messages[0]?.text.includes("You write labels") === true;
}

function isRecalled({ messages }: FakeRequest): boolean {
  return messages.at(-1)?.role === "tool";
}

const answers = ({ provider }: Stage): FakeRequest[] =>
  provider.requests.filter((request) => !isLabelTask(request));
const user = (content: string): ModelMessage => ({ role: "user", content });
const filler = "and a few more words of no weight about this and that, ".repeat(20);

const weather = tool({
  description: "the weather of a city",
  inputSchema: jsonSchema<{ city: string }>({
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
  }),
  execute: ({ city }) => Promise.resolve(`Rain in ${city}.`),
});

async function history(conversation: OpenConversation): Promise<string[]> {
  const roles: string[] = [];
  for await (const { message } of conversation.history()) roles.push(message.role);
  return roles;
}

const settings = {
  ...{ instructions: "Be brief.", temperature: 0.3, maxOutputTokens: 500, maxRetries: 0 },
  providerOptions: { story: { user: "me" } },
};

for (const way of ["generateText", "streamText"] as const) {
  test(`below the soft threshold ${way} sends byte for byte what it would send alone, and no call more`, async () => {
    const say: Say = ({ messages, text }) =>
      messages.at(-1)?.role === "user" && text.includes("weather")
        ? { text: "I look. ", toolCalls: [{ id: "call-1", name: "weather", input: { city: "Kiel" } }] }
        : `You said: ${text}`;
    await using stage = await open(say);
    const talk = async (model: Stage["model"]): Promise<{ texts: string[]; bodies: unknown[] }> => {
      stage.provider.reset();
      const messages: ModelMessage[] = [];
      const texts: string[] = [];
      for (const text of ["Hello.", "How is the weather?", "Thank you."]) {
        messages.push(user(text));
        const given = { model, messages, tools: { weather }, stopWhen: stepCountIs(3), ...settings };
        const result = way === "generateText" ? await generateText(given) : streamText(given);
        texts.push(await result.text);
        messages.push(...(await result.responseMessages));
      }
      return { texts, bodies: stage.provider.requests.map(({ body }) => body) };
    };
    const alone = await talk(stage.plain);
    const kept = await talk(stage.model);
    assert.deepEqual(kept, alone);
    assert.equal(kept.bodies.length, 4);
    const roles = ["user", "assistant", "user", "assistant", "tool", "assistant", "user", "assistant"];
    assert.deepEqual(await history(stage.conversation), roles);
  });
}

test("a talk of many windows goes on: requests fit, labels stand for the past, and the app still sends all of it", async () => {
  await using stage = await open(({ text }) => `Noted ${text.slice(0, 9)}.`, 4_000);
  const messages: ModelMessage[] = [];
  for (let turn = 1; turn <= 30; turn++) {
    messages.push(user(`Item ${turn} ${filler}`));
    const { text, responseMessages } = await generateText({ model: stage.model, messages, ...settings });
    assert.match(text, /^Noted Item/);
    messages.push(...responseMessages);
  }
  const sizes = answers(stage).map(({ body }) => JSON.stringify(body).length);
  assert.ok(Math.max(...sizes) < 4_000 * 6, `largest request: ${Math.max(...sizes)} characters`);
  assert.ok(JSON.stringify(messages).length > 30_000);
  const last = answers(stage).at(-1);
  assert.ok(last?.messages.some(({ text }) => text.includes("<label id=")));
  assert.equal(last?.messages[0]?.text, "Be brief.");
  assert.match(last.messages.at(-1)?.text ?? "", /^Item 30 /);
  assert.equal((await history(stage.conversation)).length, 60);
});

for (const way of ["generateText", "streamText"] as const) {
  test(`recall is carried out inside: ${way} sees one reply, and its own calls untouched`, async () => {
    const calls = {
      recall: { id: "r1", name: "recall_grep", input: { pattern: "4711" } },
      weather: { id: "w1", name: "weather", input: { city: "Kiel" } },
    };
    const say: Say = (request) => {
      if (isRecalled(request))
        return request.text.includes("Rain")
          ? "Rain, and 4711."
          : { text: "It was 4711. ", toolCalls: [calls.weather] };
      if (request.text.startsWith("Which port")) return { text: "Let me look. ", toolCalls: [calls.recall] };
      return "Noted.";
    };
    await using stage = await open(say, 4_000);
    const messages: ModelMessage[] = [user("The port is 4711.")];
    const settled = { model: stage.model, tools: { weather }, stopWhen: stepCountIs(4), ...settings };
    for (let turn = 1; turn <= 15; turn++) {
      const { responseMessages } = await generateText({ ...settled, messages });
      messages.push(
        ...responseMessages,
        user(turn < 15 ? `Item ${turn} ${filler}` : "Which port was it, and the weather?"),
      );
    }
    stage.provider.reset();
    const result =
      way === "generateText"
        ? await generateText({ ...settled, messages })
        : streamText({ ...settled, messages });
    assert.equal(await result.text, "Rain, and 4711.");
    const steps = await result.steps;
    assert.deepEqual(
      steps.map(({ text, toolCalls }) => [text, toolCalls.map(({ toolName }) => toolName)]),
      [
        ["Let me look. It was 4711. ", ["weather"]],
        ["Rain, and 4711.", []],
      ],
    );
    const sent = answers(stage).map(({ messages: all }) => all.at(-1));
    assert.match(sent[1]?.text ?? "", /The port is 4711/);
    assert.equal(answers(stage).length, 3);
    // What the steps took is what the app is told.
    const first = steps[0]?.usage.inputTokens ?? 0;
    assert.ok(first > (steps[1]?.usage.inputTokens ?? 0) * 1.5, `tokens of the first step: ${first}`);

    messages.push(...(await result.responseMessages), user("Thanks."));
    const before = answers(stage).at(-1)?.messages ?? [];
    const { text } = await generateText({ ...settled, messages });
    assert.equal(text, "Noted.");
    const after = answers(stage).at(-1)?.messages ?? [];
    // What the provider has in its cache still fits: without a swap each request begins with the one before.
    assert.deepEqual(after.slice(0, before.length), before);
    assert.equal((await stage.conversation.branches()).length, 1);
  });
}

test("a message that is changed begins a branch, and the first one stays", async () => {
  await using stage = await open(({ text }) => `You said: ${text}`);
  const { model } = stage;
  const first = await generateText({ model, messages: [user("one")], ...settings });
  await generateText({
    model,
    messages: [user("one"), ...first.responseMessages, user("two")],
    ...settings,
  });
  await generateText({
    model,
    messages: [user("one"), ...first.responseMessages, user("TWO")],
    ...settings,
  });
  const branches = await stage.conversation.branches();
  assert.deepEqual(
    branches.map(({ name, head }) => [name, head.position]),
    [
      ["main", 4],
      ["branch-2", 4],
    ],
  );
});

test("a provider's failure reaches the app as it was, and what it tries again is not kept twice", async () => {
  let calls = 0;
  await using stage = await open(() => (++calls === 1 ? faults.serverError() : "at last"));
  const { text } = await generateText({ model: stage.model, prompt: "Hello.", maxRetries: 2 });
  assert.equal(text, "at last");
  assert.equal(calls, 2);
  stage.provider.setReply(() => faults.wrongKey());
  const failed = generateText({ model: stage.model, prompt: "Hello again.", maxRetries: 2 });
  await assert.rejects(failed, { name: "AI_APICallError", statusCode: 401 });
  assert.deepEqual(await history(stage.conversation), ["user", "assistant"]);
});

test("a provider that counts more than we do gets less, and the app hears nothing of it", async () => {
  let refusals = 0;
  const say: Say = ({ body }) => {
    if (JSON.stringify(body).length < 9_000) return "It fits.";
    refusals++;
    return faults.contextOverflow();
  };
  await using stage = await open(say, 8_000);
  const messages = Array.from({ length: 17 }, (_, i): ModelMessage => {
    const content = `Item ${i} ${filler.slice(0, 700)}`;
    return i % 2 === 0 ? { role: "user", content } : { role: "assistant", content };
  });
  const { text } = await generateText({ model: stage.model, messages, maxRetries: 0 });
  assert.equal(text, "It fits.");
  assert.ok(refusals > 0);
});

test("an app that stops a stream keeps what it said, and may go on", async () => {
  await using stage = await open(({ text }) =>
    text === "Slowly." ? { ...faults.hang(), hang: "mid-stream", text: "one two three four" } : "Here.",
  );
  const stop = new AbortController();
  const { fullStream } = streamText({
    ...{ model: stage.model, messages: [user("Slowly.")], abortSignal: stop.signal, maxRetries: 0 },
    onError: () => {},
  });
  const seen: string[] = [];
  for await (const part of fullStream) {
    seen.push(part.type);
    if (part.type === "text-delta") stop.abort();
  }
  assert.ok(seen.includes("abort"), seen.join(" "));
  const { text } = await generateText({ model: stage.model, messages: [user("Slowly."), user("Go on.")] });
  assert.equal(text, "Here.");
  assert.deepEqual(await history(stage.conversation), ["user", "user", "assistant"]);
});

test("an answer in the form of a schema, pictures and what a vendor adds go through as they are", async () => {
  await using stage = await open(() => '{"port":4711}');
  const picture = new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]);
  const content: ModelMessage = {
    role: "user",
    content: [
      { type: "text", text: "Which port?", providerOptions: { story: { mark: true } } },
      { type: "file", data: picture, mediaType: "image/png" },
    ],
  };
  const alone = await generateText({ model: stage.plain, messages: [content] });
  const { text } = await generateText({ model: stage.model, messages: [content] });
  assert.equal(text, alone.text);
  const [first, second] = stage.provider.requests.map(({ body }) => body);
  assert.deepEqual(second, first);
  for await (const { message, verbatim } of stage.conversation.history({ last: 1 })) {
    assert.equal(message.role, "user");
    // Our parts have no room for the vendor's mark: it is kept beside them.
    assert.match(verbatim ?? "", /"mark":true/);
  }
});
