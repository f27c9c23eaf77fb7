/** Which models a run gets from flags, configuration, environment and local servers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { user } from "../core/message.ts";
import { ModelError } from "../core/errors.ts";
import { startFakeProvider, type FakeProvider, type FakeProviderOptions } from "../testing/fake-provider.ts";
import { scriptedModel } from "../testing/scripted-model.ts";
import type { Config } from "./config.ts";
import type { LocalServer } from "./endpoints.ts";
import { findModels, type FoundModels, type Surroundings } from "./find-model.ts";

const reader = scriptedModel([], { id: "reader", provider: "reader" });
const noConfig: Config = { files: [] };

function find(around: Partial<Surroundings>): Promise<FoundModels> {
  return findModels({
    flags: {},
    config: noConfig,
    environment: {},
    locals: [],
    reader: () => reader,
    ...around,
  });
}

async function withServer(
  options: Partial<FakeProviderOptions>,
  use: (server: FakeProvider) => Promise<void>,
): Promise<void> {
  await using server = await startFakeProvider({ reply: () => "ok", ...options });
  await use(server);
}

const idsOf = ({ model, subModel }: FoundModels): readonly string[] => [model.id, subModel.id];
const asLocal = (server: FakeProvider, prefix: string): LocalServer => ({
  name: prefix,
  prefix,
  baseUrl: server.baseUrl,
  timeoutMs: 20_000,
});

test("without anything the built-in reader answers, and the notice says how to connect a model", async () => {
  const found = await find({});
  assert.equal(found.model, reader);
  assert.ok(found.isReader);
  assert.match(found.notices.join(), /not a language model.*OPENAI_API_KEY.*Ollama/);
});

test("the reader can be asked for even where a key is set", async () => {
  const found = await find({ flags: { model: "reader" }, environment: { OPENAI_API_KEY: "k" } });
  assert.equal(found.model, reader);
  assert.deepEqual(found.notices, []);
});

test("a key alone brings its vendor's default models, in the documented order of vendors", async () => {
  const keys = {
    GOOGLE_GENERATIVE_AI_API_KEY: "g",
    OPENROUTER_API_KEY: "r",
    ANTHROPIC_API_KEY: "a",
    OPENAI_API_KEY: "o",
  };
  const order: readonly (readonly [keyof typeof keys, string, string])[] = [
    ["OPENAI_API_KEY", "openai", "gpt-6-luna"],
    ["ANTHROPIC_API_KEY", "anthropic", "claude-haiku-5-5"],
    ["OPENROUTER_API_KEY", "openrouter", "openai/gpt-6-luna"],
    ["GOOGLE_GENERATIVE_AI_API_KEY", "google", "gemini-3.5-flash-lite"],
  ];
  const environment: Record<string, string> = { ...keys };
  for (const [variable, provider, subModel] of order) {
    const found = await find({ environment });
    assert.equal(found.model.provider, provider);
    assert.equal(found.subModel.id, subModel);
    assert.match(found.found, new RegExp(variable));
    assert.ok(found.model.price !== undefined && found.model.contextWindow !== undefined);
    delete environment[variable];
  }
});

test("flags come before configuration, and configuration before environment", async () => {
  const environment = { OPENAI_API_KEY: "o", UNABRIDGED_MODEL: "from-environment" };
  const config: Config = { files: [], model: "from-config" };
  assert.equal((await find({ environment })).model.id, "from-environment");
  assert.equal((await find({ environment, config })).model.id, "from-config");
  assert.equal((await find({ environment, config, flags: { model: "from-flag" } })).model.id, "from-flag");
});

test("a base URL without a model takes the first one there that chats", async () => {
  await withServer({ models: ["text-embedding-3", "chatty", "other"] }, async ({ baseUrl }) => {
    for (const around of [
      { flags: { baseUrl } },
      { environment: { UNABRIDGED_BASE_URL: baseUrl } },
      { environment: { LLM_BASE_URL: baseUrl } },
      { config: { files: [], baseUrl } },
    ]) {
      assert.deepEqual(idsOf(await find(around)), ["chatty", "chatty"]);
    }
  });
});

test("beside a base URL of its level, an id is taken as it is, slashes and all", async () => {
  await withServer({}, async ({ baseUrl }) => {
    const flags = { baseUrl, model: "openai/gpt-oss-20b" };
    const found = await find({ flags, environment: { OPENAI_API_KEY: "o" } });
    assert.deepEqual(idsOf(found), ["openai/gpt-oss-20b", "openai/gpt-oss-20b"]);
    assert.equal(found.model.provider, "openai-compatible");
    assert.ok(found.model.reasoning);
  });
});

test("a bare id goes to the base URL of the environment, whatever other keys are set", async () => {
  await withServer({}, async ({ baseUrl }) => {
    const found = await find({
      flags: { model: "gpt-4o" },
      environment: { UNABRIDGED_BASE_URL: baseUrl, OPENAI_API_KEY: "o" },
    });
    assert.equal(found.model.provider, "openai-compatible");
  });
});

test("a prefix names the provider", async () => {
  const environment = { OPENAI_API_KEY: "o", ANTHROPIC_API_KEY: "a", OPENROUTER_API_KEY: "r" };
  const of = async (model: string): Promise<string> => {
    const found = await find({ flags: { model }, environment });
    return `${found.model.provider} ${found.model.id}`;
  };
  assert.equal(await of("anthropic/claude-opus-5-5"), "anthropic claude-opus-5-5");
  assert.equal(await of("openrouter/qwen/qwen3-8b"), "openrouter qwen/qwen3-8b");
  assert.equal(await of("openai/gpt-5"), "openai gpt-5");
  assert.equal(await of("claude-opus-5-5"), "anthropic claude-opus-5-5");
  assert.equal(await of("something-else"), "openai something-else");
});

test("a prefix without its key is an error that names the variable", async () => {
  await assert.rejects(find({ flags: { model: "google/gemini-2.5-pro" } }), {
    code: "missing_key",
    message: /GOOGLE_GENERATIVE_AI_API_KEY/,
  });
});

test("a general key serves the vendor that the model names", async () => {
  const found = await find({ environment: { LLM_API_KEY: "k", LLM_MODEL: "anthropic/claude-sonnet-5-5" } });
  assert.deepEqual([found.model.provider, found.model.id], ["anthropic", "claude-sonnet-5-5"]);
  assert.match(found.found, /LLM_API_KEY/);
});

test("an id that nothing leads to is an error that says what would", async () => {
  await assert.rejects(find({ flags: { model: "gpt-5" } }), {
    code: "no_model",
    message: /gpt-5.*OPENAI_API_KEY.*--base-url/s,
  });
});

test("--model alone sets both models, and a sub-model of another root is left out with a notice", async () => {
  const environment = { OPENAI_API_KEY: "o", ANTHROPIC_API_KEY: "a", UNABRIDGED_SUB_MODEL: "gpt-6-luna" };
  const found = await find({ flags: { model: "claude-opus-5-5" }, environment });
  assert.deepEqual(idsOf(found), ["claude-opus-5-5", "claude-opus-5-5"]);
  assert.match(found.notices.join(), /gpt-6-luna.*--sub-model/);
  const both = await find({ flags: { model: "claude-opus-5-5", subModel: "gpt-6-luna" }, environment });
  assert.deepEqual([both.subModel.provider, both.subModel.id], ["openai", "gpt-6-luna"]);
});

test("local servers are asked in order, and only one that chats is taken", async () => {
  await withServer({ models: ["nomic-embed-text"] }, async (first) => {
    await withServer({ models: ["llama3.2:3b"] }, async (second) => {
      const locals = [
        asLocal(first, "one"),
        { name: "gone", prefix: "gone", baseUrl: "http://127.0.0.1:9/v1" },
        asLocal(second, "two"),
      ];
      assert.equal((await find({ locals })).model.id, "llama3.2:3b");
      assert.equal(
        (await find({ locals, flags: { model: "llama3.2:3b" } })).model.endpoint,
        new URL(second.baseUrl).host,
      );
      assert.equal((await find({ locals, flags: { model: "two/whatever" } })).model.id, "whatever");
    });
  });
});

test("a window comes from the flag, then the configuration, then the server", async () => {
  await withServer({ models: [{ id: "m", max_model_len: 16_384 }] }, async ({ baseUrl }) => {
    assert.equal((await find({ flags: { baseUrl } })).model.contextWindow, 16_384);
    const config: Config = {
      files: [],
      models: { m: { contextWindow: 9000 } },
      prices: { m: { input: 1, output: 2 } },
    };
    const configured = await find({ flags: { baseUrl }, config });
    assert.equal(configured.model.contextWindow, 9000);
    assert.deepEqual(configured.model.price, { input: 1, output: 2 });
    const flagged = await find({ flags: { baseUrl, contextWindow: 5000 }, config });
    assert.deepEqual([flagged.model.contextWindow, flagged.subModel.contextWindow], [5000, 5000]);
    const apart = await find({ flags: { baseUrl, subContextWindow: 3000 }, config });
    assert.deepEqual([apart.model.contextWindow, apart.subModel.contextWindow], [9000, 3000]);
  });
});

test("a server that doesn't answer is no model, where only it was named", async () => {
  await assert.rejects(find({ flags: { baseUrl: "http://127.0.0.1:9/v1" } }), {
    code: "no_model",
    message: /127\.0\.0\.1:9.*--base-url/,
  });
  await assert.rejects(find({ flags: { baseUrl: "localhost" } }), {
    code: "invalid_option",
    message: /--base-url.*"localhost"/,
  });
});

test("OpenAI's key is not sent to another server that was named on the command line", async () => {
  await withServer({}, async (server) => {
    const { model } = await find({
      flags: { baseUrl: server.baseUrl, model: "m" },
      environment: { OPENAI_API_KEY: "o" },
    });
    await model.generate({ messages: [user("q")] }, { signal: AbortSignal.timeout(5000) });
    assert.equal(server.requests[0]?.headers["authorization"], undefined);
  });
});

test("a wrong key shows at the first call, with the variable that it came from", async () => {
  await withServer({ apiKey: "right" }, async ({ baseUrl }) => {
    const { model } = await find({
      environment: { OPENAI_BASE_URL: baseUrl, OPENAI_API_KEY: "wrong", OPENAI_MODEL: "m" },
    });
    const asked = model.generate({ messages: [user("q")] }, { signal: AbortSignal.timeout(5000) });
    await assert.rejects(
      asked,
      (error) =>
        error instanceof ModelError && error.code === "auth" && error.message.includes("OPENAI_API_KEY"),
    );
  });
});

test("deeper models come from the configuration", async () => {
  const config: Config = { files: [], modelsByDepth: ["gpt-5", "anthropic/claude-haiku-4-5"] };
  const found = await find({ config, environment: { OPENAI_API_KEY: "o", ANTHROPIC_API_KEY: "a" } });
  assert.deepEqual(
    found.modelsByDepth?.map((model) => model.id),
    ["gpt-5", "claude-haiku-4-5"],
  );
});
