/** What each vendor is told besides the request, read from the wire. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { assistant, user, type Message } from "../core/message.ts";
import type { Model, ModelReply } from "../core/model.ts";
import { startFakeProvider, type FakeProvider } from "../testing/fake-provider.ts";
import { anthropic, openai, openaiCompatible, openrouter } from "./providers.ts";

const ask = (model: Model, ...messages: readonly Message[]): Promise<ModelReply> =>
  model.generate({ messages }, { signal: AbortSignal.timeout(10_000) });
const lastBody = (provider: FakeProvider): Readonly<Record<string, unknown>> =>
  provider.requests.at(-1)?.body ?? {};

test("OpenAI is told to store nothing", async () => {
  await using provider = await startFakeProvider({ reply: () => "ok" });
  await ask(openai({ baseUrl: provider.baseUrl, apiKey: "k", id: "gpt-6-luna" }), user("q"));
  assert.equal(lastBody(provider)["store"], false);
});

test("Anthropic is told to cache a conversation that goes on, and not a lone question", async () => {
  await using provider = await startFakeProvider({ reply: () => "ok" });
  const model = anthropic({ baseUrl: provider.baseUrl, apiKey: "k", id: "claude-sonnet-5-5" });
  await ask(model, user("q"));
  assert.doesNotMatch(JSON.stringify(lastBody(provider)), /cache_control/);
  await ask(model, user("q"), assistant("a"), user("q2"));
  assert.match(JSON.stringify(lastBody(provider)), /cache_control/);
});

test("cache hints become Anthropic's breakpoints and OpenAI's key, and nothing in the request changes", async () => {
  await using provider = await startFakeProvider({ reply: () => "ok" });
  const messages = [user("q"), assistant("a"), user("q2")];
  const cache = { key: "talk", breakpoints: [{ after: 1, lifetime: "5m" as const }] };
  const options = { signal: AbortSignal.timeout(10_000), cache };
  const { baseUrl } = provider;
  await anthropic({ baseUrl, apiKey: "k", id: "claude-sonnet-5-5" }).generate({ messages }, options);
  const body = JSON.stringify(lastBody(provider));
  assert.equal(body.split("cache_control").length, 2);
  assert.match(body, /"text":"a","cache_control"/);
  await openai({ baseUrl, apiKey: "k", id: "gpt-6-luna" }).generate({ messages }, options);
  assert.equal(lastBody(provider)["prompt_cache_key"], "talk");
});

test("empty texts and messages with nothing in them are not sent", async () => {
  await using provider = await startFakeProvider({ reply: () => "ok" });
  const model = anthropic({ baseUrl: provider.baseUrl, apiKey: "k", id: "claude-sonnet-5-5" });
  await ask(model, user("q"), assistant(""), user(""), user("again"));
  const texts = JSON.stringify(lastBody(provider)["messages"]);
  assert.doesNotMatch(texts, /"text":""/);
  assert.match(texts, /again/);
});

test("a cost that the server reports is the cost, whole and streamed", async () => {
  const usage = { inputTokens: 10, outputTokens: 5, cost: 0.0123 };
  await using provider = await startFakeProvider({ reply: () => ({ text: "ok", usage }) });
  const { baseUrl } = provider;
  for (const model of [
    openaiCompatible({ baseUrl, id: "m" }),
    openrouter({ baseUrl, apiKey: "k", id: "v/m" }),
  ]) {
    assert.equal((await ask(model, user("q"))).costUsd, 0.0123);
    const signal = AbortSignal.timeout(10_000);
    assert.equal(
      (await model.generate({ messages: [user("q")] }, { signal, onDelta: () => undefined })).costUsd,
      0.0123,
    );
  }
});

test("models that share host and key share a limit, others don't, and the key can't be read from it", () => {
  const make = (baseUrl: string, apiKey?: string): string =>
    openaiCompatible({ baseUrl, apiKey, id: "m" }).endpoint;
  assert.equal(make("http://a/v1", "k1"), make("http://a/v1/", "k1"));
  assert.notEqual(make("http://a/v1", "k1"), make("http://a/v1", "k2"));
  assert.notEqual(make("http://a/v1", "k1"), make("http://b/v1", "k1"));
  assert.ok(!make("http://a/v1", "very-secret").includes("secret"));
});

test("facts come from the option, then the catalogue; of an unknown server nothing is guessed", () => {
  const plain = openai({ apiKey: "k", id: "gpt-5-mini" });
  assert.deepEqual([plain.contextWindow, plain.price?.output, plain.reasoning], [400_000, 2, true]);
  assert.equal(openai({ apiKey: "k", id: "gpt-5-mini", contextWindow: 1000 }).contextWindow, 1000);
  assert.equal(openai({ apiKey: "k", id: "gpt-5-mini", contextWindow: undefined }).contextWindow, 400_000);
  const elsewhere = openaiCompatible({ baseUrl: "http://localhost:8000/v1", id: "gpt-5-mini" });
  assert.deepEqual([elsewhere.contextWindow, elsewhere.price], [undefined, undefined]);
  assert.equal(
    openaiCompatible({ baseUrl: "https://api.openai.com/v1", apiKey: "k", id: "gpt-5-mini" }).price?.output,
    2,
  );
});

test("a base URL that is none, and a key that is missing, are said at once", () => {
  assert.throws(() => openaiCompatible({ baseUrl: "localhost:8000", id: "m" }), {
    code: "invalid_option",
    message: /"localhost:8000"/,
  });
  assert.throws(() => anthropic({ id: "claude-sonnet-5-5", apiKey: "" }), {
    code: "missing_key",
    message: /ANTHROPIC_API_KEY/,
  });
});

test("many calls at once share one signal without a warning", async () => {
  const all = Promise.withResolvers<void>();
  await using provider = await startFakeProvider({
    reply: async (_request, { call }) => {
      if (call === 200) all.resolve();
      await all.promise;
      return "ok";
    },
  });
  const warnings: Error[] = [];
  const heard = (warning: Error): void => void warnings.push(warning);
  process.on("warning", heard);
  const { signal } = new AbortController();
  const model = openaiCompatible({ baseUrl: provider.baseUrl, id: "m" });
  const replies = await Promise.all(
    Array.from({ length: 200 }, () => model.generate({ messages: [user("q")] }, { signal })),
  );
  process.off("warning", heard);
  assert.equal(replies.length, 200);
  assert.equal(provider.maxInFlight, 200);
  assert.deepEqual(warnings, []);
});
