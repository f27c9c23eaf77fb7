/** Model objects of the AI SDK behind our port: both versions of its interface, and providers that misbehave. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type {
  LanguageModelV3,
  LanguageModelV3CallOptions,
  LanguageModelV4,
  LanguageModelV4CallOptions,
} from "@ai-sdk/provider";
import { user, type Message } from "../core/message.ts";
import { ModelError } from "../core/errors.ts";
import { fromAiSdk } from "./from-ai-sdk.ts";

const signal = new AbortController().signal;
const usage = {
  inputTokens: { total: 10, noCache: 4, cacheRead: 6, cacheWrite: undefined },
  outputTokens: { total: 3, text: 3, reasoning: undefined },
};
const stop = { unified: "stop", raw: "stop" } as const;
const unused = (): never => assert.fail("not this one");

function version4(seen: LanguageModelV4CallOptions[], raw?: Record<string, number>): LanguageModelV4 {
  return {
    ...{ specificationVersion: "v4", provider: "acme", modelId: "m4", supportedUrls: {}, doStream: unused },
    doGenerate: async (options) => {
      seen.push(options);
      return {
        content: [{ type: "text", text: "hi" }],
        finishReason: stop,
        usage: { ...usage, ...(raw && { raw }) },
        warnings: [],
      };
    },
  };
}

test("a model object of version 4 is called as it is", async () => {
  const seen: LanguageModelV4CallOptions[] = [];
  const model = fromAiSdk(version4(seen), { contextWindow: 5000 });
  assert.deepEqual(
    [model.id, model.provider, model.endpoint, model.contextWindow],
    ["m4", "acme", "acme", 5000],
  );
  const reply = await model.generate(
    { messages: [user("hello")], temperature: 0, maxOutputTokens: 9, reasoningEffort: "low" },
    { signal },
  );
  assert.deepEqual(reply.usage, {
    inputTokens: 10,
    cachedInputTokens: 6,
    outputTokens: 3,
    reasoningTokens: 0,
  });
  const [options] = seen;
  assert.deepEqual([options?.temperature, options?.maxOutputTokens, options?.reasoning], [0, 9, "low"]);
  assert.equal(options?.responseFormat, undefined);
});

test("a cost that the provider reports is handed on", async () => {
  const request = { messages: [user("hello")] };
  assert.equal((await fromAiSdk(version4([], { cost: 0.25 })).generate(request, { signal })).costUsd, 0.25);
  assert.equal((await fromAiSdk(version4([])).generate(request, { signal })).costUsd, undefined);
});

test("a model object of version 3 gets files and reasoning in its own form", async () => {
  const seen: LanguageModelV3CallOptions[] = [];
  const old: LanguageModelV3 = {
    ...{ specificationVersion: "v3", provider: "acme", modelId: "m3", supportedUrls: {}, doStream: unused },
    doGenerate: async (options) => {
      seen.push(options);
      return {
        content: [{ type: "file", mediaType: "image/png", data: "AAAA" }],
        finishReason: stop,
        usage,
        warnings: [],
      };
    },
  };
  const messages: readonly Message[] = [
    { role: "user", content: [{ type: "file", mediaType: "image/png", data: "BBBB" }] },
  ];
  const reply = await fromAiSdk(old).generate({ messages, reasoningEffort: "high" }, { signal });
  assert.deepEqual(reply.content, [{ type: "file", mediaType: "image/png", data: "AAAA" }]);
  assert.deepEqual(seen[0]?.prompt[0]?.content, [{ type: "file", mediaType: "image/png", data: "BBBB" }]);
  assert.ok(!("reasoning" in (seen[0] ?? {})));
});

test("what a provider signed goes back to it, and unsigned reasoning does not", async () => {
  const seen: LanguageModelV4CallOptions[] = [];
  const messages: readonly Message[] = [
    user("q"),
    {
      role: "assistant",
      content: [
        { type: "reasoning", text: "signed", opaque: { acme: { signature: "s" } } },
        { type: "text", text: "a" },
      ],
    },
    {
      role: "assistant",
      content: [
        { type: "reasoning", text: "unsigned" },
        { type: "text", text: "b" },
      ],
    },
    user("q2"),
  ];
  await fromAiSdk(version4(seen)).generate({ messages }, { signal });
  const [, signed, unsigned] = seen[0]?.prompt ?? [];
  assert.deepEqual(signed?.content[0], {
    type: "reasoning",
    text: "signed",
    providerOptions: { acme: { signature: "s" } },
  });
  assert.deepEqual(unsigned?.content, [{ type: "text", text: "b" }]);
});

test("a model that ignores its signal is left behind when it fires", async () => {
  const deaf: LanguageModelV4 = { ...version4([]), doGenerate: () => new Promise(() => undefined) };
  const controller = new AbortController();
  const reason = new Error("enough");
  const asked = fromAiSdk(deaf).generate({ messages: [user("q")] }, { signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(asked, (error) => error === reason);
});

test("a stream without a finish is a broken reply", async () => {
  const broken: LanguageModelV4 = {
    ...version4([]),
    doStream: async () => ({
      stream: ReadableStream.from([{ type: "text-delta" as const, id: "1", delta: "half" }]),
    }),
  };
  const asked = fromAiSdk(broken).generate({ messages: [user("q")] }, { signal, onDelta: () => undefined });
  await assert.rejects(asked, (error) => error instanceof ModelError && error.code === "bad_response");
});

test("a strict schema is asked for strictly, an open one is not", async () => {
  const seen: LanguageModelV4CallOptions[] = [];
  const model = fromAiSdk(version4(seen), { structuredOutputs: true });
  const closed = {
    type: "object",
    properties: { a: { type: "string" } },
    required: ["a"],
    additionalProperties: false,
  };
  const open = { type: "object", properties: { a: { type: "string" } } };
  for (const schema of [closed, open]) {
    await model.generate({ messages: [user("q")], output: { schema, name: "x" } }, { signal });
  }
  assert.deepEqual(
    seen.map((options) => options.providerOptions?.["openai"]),
    [{ strictJsonSchema: true }, { strictJsonSchema: false }],
  );
});
