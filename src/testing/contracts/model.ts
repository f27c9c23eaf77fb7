/** What every adapter of the port Model must do, shown against a fake provider. Run it from a test file of the adapter. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ModelError, type ModelErrorCode } from "../../core/errors.ts";
import { assistant, system, user, type Message } from "../../core/message.ts";
import type { Model, ModelDelta, ModelReply, ModelRequest } from "../../core/model.ts";
import { startFakeProvider, type FakeProvider } from "../fake-provider.ts";
import { faults, type FakeReply } from "../fake-reply.ts";

export interface ModelContract {
  /** Makes the model for a server. Its key must be `key`. */
  readonly make: (provider: FakeProvider, key: string) => Model;
  /** False where the dialect has no count of reasoning tokens. @default true */
  readonly countsReasoning?: boolean;
  /** False where the dialect can't leave the usage out. @default true */
  readonly mayOmitUsage?: boolean;
}

const key = "sk-contract-1234567890";

/** Registers the suite under a name. */
export function modelContract(name: string, contract: ModelContract): void {
  describe(`${name} keeps the contract of a model`, () => {
    let provider: FakeProvider;
    let model: Model;
    before(async () => {
      provider = await startFakeProvider({ reply: () => "unset", apiKey: key });
      model = contract.make(provider, key);
    });
    after(() => provider.close());
    const ask: Ask = (reply, request = question) => {
      provider.setReply(() => reply);
      return model.generate(request, { signal: new AbortController().signal });
    };
    const askStreamed: AskStreamed = async (reply, request = question) => {
      provider.setReply(() => reply);
      const deltas: ModelDelta[] = [];
      const signal = new AbortController().signal;
      return {
        reply: await model.generate(request, { signal, onDelta: (delta) => deltas.push(delta) }),
        deltas,
      };
    };
    const setting: Setting = { ...contract, ask, askStreamed, provider: () => provider, model: () => model };
    replies(setting);
    toolsAndSchemas(setting);
    failures(setting);
    endings(setting);
  });
}

type Ask = (reply: FakeReply, request?: ModelRequest) => Promise<ModelReply>;
type AskStreamed = (
  reply: FakeReply,
  request?: ModelRequest,
) => Promise<{ readonly reply: ModelReply; readonly deltas: readonly ModelDelta[] }>;

interface Setting extends ModelContract {
  readonly ask: Ask;
  readonly askStreamed: AskStreamed;
  readonly provider: () => FakeProvider;
  readonly model: () => Model;
}

const question: ModelRequest = { messages: [system("Be brief."), user("What is 2 + 2?")] };

function replies({ ask, askStreamed, provider, countsReasoning = true, mayOmitUsage = true }: Setting): void {
  const usage = { inputTokens: 1000, outputTokens: 50, cachedInputTokens: 800, reasoningTokens: 20 };
  const counted = { ...usage, reasoningTokens: countsReasoning ? 20 : 0 };

  test("a reply comes whole, with what the provider counted", async () => {
    const reply = await ask({ text: "It is 4.", usage });
    assert.equal(reply.text, "It is 4.");
    assert.equal(reply.stopReason, "stop");
    assert.deepEqual(reply.usage, counted);
    assert.equal(reply.usageEstimated, undefined);
  });

  test("a streamed reply is handed over piece by piece and is whole at the end", async () => {
    const { reply, deltas } = await askStreamed({ text: "It is 4, I think.", usage });
    assert.equal(reply.text, "It is 4, I think.");
    assert.equal(deltas.map((delta) => delta.text).join(""), reply.text);
    assert.ok(deltas.length > 1);
    assert.deepEqual(reply.usage, counted);
  });

  test("system and user text reach the provider as they are", async () => {
    await ask({ text: "ok" }, { messages: [system("S"), user('"quoted"\r\n\tÄ 漢 😀')] });
    assert.equal(provider().requests.at(-1)?.text, '"quoted"\r\n\tÄ 漢 😀');
    assert.equal(provider().requests.at(-1)?.messages[0]?.text, "S");
  });

  test("bytes that are no text are sent as replacement characters, not as broken JSON", async () => {
    await ask({ text: "ok" }, { messages: [user("a\udcffb")] });
    assert.equal(provider().requests.at(-1)?.text, "a\ufffdb");
  });

  test("reasoning is kept apart from the text", async () => {
    const whole = await ask({ reasoning: "Two and two.", text: "4" });
    const { reply: streamed, deltas } = await askStreamed({ reasoning: "Two and two.", text: "4" });
    for (const reply of [whole, streamed]) {
      assert.equal(reply.text, "4");
      assert.deepEqual(
        reply.content.map((part) => [part.type, "text" in part && part.text]),
        [
          ["reasoning", "Two and two."],
          ["text", "4"],
        ],
      );
    }
    assert.deepEqual(deltas[0], { type: "reasoning", text: "Two and two." });
  });

  test("thinking that a server leaves in the text is split off, whole and streamed", async () => {
    const text = "<think>\nTwo and two.\n</think>\n\nIt is 4.";
    const pieces = ["<thi", "nk>\nTwo and", " two.\n</", "think>", "\n\nIt is", " 4."];
    const whole = await ask({ text });
    const { reply: streamed, deltas } = await askStreamed({ text, pieces });
    for (const reply of [whole, streamed]) assert.equal(reply.text, "It is 4.");
    const said = deltas.filter((delta) => delta.type === "text").map((delta) => delta.text);
    assert.equal(said.join(""), "It is 4.");
  });

  test("a reply cut at its limit says so, even an empty one", async () => {
    assert.equal((await ask({ text: "It is", finishReason: "length" })).stopReason, "length");
    assert.equal((await ask({ text: null, finishReason: "length" })).stopReason, "length");
    assert.equal((await askStreamed({ text: "It is", finishReason: "length" })).reply.stopReason, "length");
  });

  if (mayOmitUsage) {
    test("usage that the provider leaves out is estimated and flagged", async () => {
      for (const reply of [
        await ask({ text: "It is 4.", usage: null }),
        (await askStreamed({ text: "It is 4.", usage: null })).reply,
      ]) {
        assert.equal(reply.usageEstimated, true);
        assert.ok(reply.usage.inputTokens > 0 && reply.usage.outputTokens > 0);
      }
    });
  }
}

function toolsAndSchemas({ ask, askStreamed, provider, model }: Setting): void {
  const tools = [
    {
      name: "look_up",
      description: "Looks a word up.",
      inputSchema: { type: "object", properties: { word: { type: "string" } }, required: ["word"] },
    },
  ];
  const call = { id: "call_1", name: "look_up", input: { word: "whale" } };

  test("a tool call comes with its input, and its result goes back", async () => {
    const request: ModelRequest = { messages: [user("Whale?")], tools };
    const whole = await ask({ toolCalls: [call] }, request);
    const { reply: streamed } = await askStreamed({ toolCalls: [call] }, request);
    for (const reply of [whole, streamed]) {
      assert.equal(reply.stopReason, "tool-calls");
      assert.equal(reply.text, "");
      const [part] = reply.content;
      assert.ok(part?.type === "tool-call");
      assert.equal(part.toolName, "look_up");
      assert.deepEqual(part.input, { word: "whale" });
      const { toolCallId, toolName } = part;
      const messages: readonly Message[] = [
        ...request.messages,
        { role: "assistant", content: reply.content },
        { role: "tool", content: [{ type: "tool-result", toolCallId, toolName, output: "a mammal" }] },
      ];
      await ask({ text: "A mammal." }, { messages, tools });
      const sent = JSON.stringify(provider().requests.at(-1)?.body);
      assert.match(sent, /a mammal/);
      assert.match(sent, /look_up/);
    }
  });

  test("a schema is sent where the provider enforces it, and only there", async () => {
    const schema = {
      type: "object",
      properties: { colour: { type: "string" } },
      required: ["colour"],
      additionalProperties: false,
    };
    const reply = await ask(
      { text: '{"colour":"red"}' },
      { messages: [user("Which?")], output: { schema, name: "answer" } },
    );
    assert.equal(reply.text, '{"colour":"red"}');
    assert.equal(
      /"colour"/.test(JSON.stringify(provider().requests.at(-1)?.body)),
      model().structuredOutputs,
    );
  });

  test("a schema of any other value than an object is answered by that value", async () => {
    const schema = { type: "array", items: { type: "number" } };
    const enforced = model().structuredOutputs;
    const text = enforced ? '{"value":[1,2]}' : "[1,2]";
    const reply = await ask({ text }, { messages: [user("Which?")], output: { schema, name: "answer" } });
    assert.equal(reply.text, "[1,2]");
  });

  test("a conversation with several turns is sent in order", async () => {
    await ask({ text: "ok" }, { messages: [system("S"), user("one"), assistant("two"), user("three")] });
    const texts = provider()
      .requests.at(-1)
      ?.messages.map((message) => message.text);
    assert.deepEqual(texts, ["S", "one", "two", "three"]);
  });
}

const faultTable: readonly (readonly [string, FakeReply, ModelErrorCode, boolean])[] = [
  ["a rate limit", faults.rateLimited(2), "rate_limited", true],
  ["a server error", faults.serverError(), "overloaded", true],
  ["an overloaded server", faults.overloaded(), "overloaded", true],
  ["a wrong key", faults.wrongKey(), "auth", false],
  ["an unknown model", faults.unknownModel("nope"), "unknown_model", false],
  ["a request above the window", faults.contextOverflow(), "context_overflow", false],
  ["a closed socket", faults.reset(), "unreachable", true],
  ["a socket closed half-way", { text: "It is four, I am sure.", reset: "mid-stream" }, "unreachable", true],
  ["broken JSON", faults.brokenJson(), "bad_response", true],
  ["an answer that breaks off", faults.brokenOff("It is four, I am sure."), "bad_response", true],
  ["empty choices", faults.emptyChoices(), "bad_response", true],
  ["null content", faults.nullContent(), "bad_response", true],
  ["a withheld reply", { text: null, finishReason: "content_filter" }, "refused", false],
];

function failures({ ask, askStreamed, make }: Setting): void {
  for (const [name, reply, code, retryable] of faultTable) {
    test(`${name} is the error "${code}", whole and streamed`, async () => {
      for (const send of [ask, askStreamed]) {
        await assert.rejects(send(reply), (error) => {
          assert.ok(error instanceof ModelError, String(error));
          assert.equal(error.code, code, error.message);
          assert.equal(error.retryable, retryable);
          assert.ok(!error.message.includes(key));
          return true;
        });
      }
    });
  }

  test("the wait that a provider asks for is handed on", async () => {
    await assert.rejects(ask(faults.rateLimited(2)), { retryAfterMs: 2000, status: 429 });
    await assert.rejects(ask({ ...faults.serverError(), headers: { "retry-after-ms": "250" } }), {
      retryAfterMs: 250,
    });
  });

  test("a key repeated in the provider's message is struck out", async () => {
    const reply = { status: 401, text: `Incorrect API key provided: ${key}.` };
    await assert.rejects(
      ask(reply),
      (error) => error instanceof Error && !error.message.includes(key) && error.message.includes("[key]"),
    );
  });

  test("a server that is not there is unreachable", async () => {
    const gone = await startFakeProvider({ reply: () => "never" });
    await gone.close();
    const model = make(gone, key);
    await assert.rejects(model.generate(question, { signal: new AbortController().signal }), {
      code: "unreachable",
      retryable: true,
    });
  });
}

function endings({ provider, model }: Setting): void {
  const hangs: readonly (readonly [string, FakeReply])[] = [
    ["before the answer", { hang: true }],
    ["in the middle of the answer", { text: "one two three four", hang: "mid-stream" }],
  ];
  for (const [when, reply] of hangs) {
    test(`a call ends with the signal's own reason when it fires ${when}`, async () => {
      for (const onDelta of [undefined, () => undefined]) {
        const controller = new AbortController();
        const reason = new Error("stopped by the test");
        provider().setReply(() => {
          setTimeout(() => controller.abort(reason), 20);
          return reply;
        });
        const options = { signal: controller.signal, ...(onDelta !== undefined && { onDelta }) };
        await assert.rejects(model().generate(question, options), (error) => error === reason);
      }
    });
  }

  test("a signal that fired already sends nothing", async () => {
    const calls = provider().calls;
    const reason = new Error("too late");
    await assert.rejects(
      model().generate(question, { signal: AbortSignal.abort(reason) }),
      (error) => error === reason,
    );
    assert.equal(provider().calls, calls);
  });
}
