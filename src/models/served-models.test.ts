/** What a server tells of its models, each server with its own spelling. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { servedModels, servedWindow } from "./served-models.ts";

/** A server that answers each path with a fixed body. */
async function serving(
  answers: Readonly<Record<string, unknown>>,
  use: (baseUrl: string) => Promise<void>,
): Promise<void> {
  const server: Server = createServer((request, response) => {
    const answer = answers[request.url ?? ""];
    response.writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(typeof answer === "string" ? answer : JSON.stringify(answer ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const list = (...data: readonly object[]): object => ({ object: "list", data });

test("a window is read under each name that servers use", async () => {
  const entries: readonly (readonly [object, number | undefined])[] = [
    [{ max_model_len: 1000 }, 1000],
    [{ context_length: 2000 }, 2000],
    [{ context_window: 3000 }, 3000],
    [{ meta: { n_ctx_train: 4000 } }, 4000],
    [{ max_model_len: 0 }, undefined],
    [{ context_length: "many" }, undefined],
  ];
  for (const [entry, window] of entries) {
    await serving({ "/v1/models": list({ id: "m", ...entry }) }, async (baseUrl) => {
      assert.equal((await servedWindow({ baseUrl }, "m"))?.contextWindow, window);
    });
  }
});

test("models that don't chat are told apart by name or type", async () => {
  const ids = [
    "nomic-embed-text",
    "BAAI/bge-m3",
    "whisper-1",
    "qwen3:8b",
    "gpt-4o",
    "text-embedding-3-small",
    "bigemma",
  ];
  await serving(
    { "/v1/models": list(...ids.map((id) => ({ id })), { id: "x", type: "embeddings" }) },
    async (baseUrl) => {
      const chatting = (await servedModels({ baseUrl }))
        ?.filter((model) => model.chats)
        .map((model) => model.id);
      assert.deepEqual(chatting, ["qwen3:8b", "gpt-4o", "bigemma"]);
    },
  );
});

test("Ollama is believed in what it gives a model, not in what the model could hold", async () => {
  const models = list({ id: "m", owned_by: "library" });
  const shown = { model_info: { "llama.context_length": 131_072 } };
  await serving({ "/v1/models": models, "/api/show": shown }, async (baseUrl) => {
    const told = await servedWindow({ baseUrl }, "m");
    assert.equal(told?.contextWindow, 4096);
    assert.match(told?.notice ?? "", /OLLAMA_CONTEXT_LENGTH/);
  });
  await serving(
    { "/v1/models": models, "/api/show": { ...shown, parameters: "stop x\nnum_ctx    16384" } },
    async (baseUrl) => {
      assert.deepEqual(await servedWindow({ baseUrl }, "m"), { contextWindow: 16_384 });
    },
  );
  const running = { models: [{ name: "m", context_length: 32_768 }] };
  await serving({ "/v1/models": models, "/api/show": shown, "/api/ps": running }, async (baseUrl) => {
    assert.deepEqual(await servedWindow({ baseUrl }, "m"), { contextWindow: 32_768 });
  });
});

test("llama.cpp and LM Studio are asked for what they were started with", async () => {
  const llama = list({ id: "m", owned_by: "llamacpp", meta: { n_ctx_train: 131_072 } });
  await serving(
    { "/v1/models": llama, "/props": { default_generation_settings: { n_ctx: 8192 } } },
    async (baseUrl) => {
      assert.equal((await servedWindow({ baseUrl }, "m"))?.contextWindow, 8192);
    },
  );
  const studio = list({ id: "m", owned_by: "organization_owner" });
  const loaded = { loaded_context_length: 4096, max_context_length: 32_768 };
  await serving({ "/v1/models": studio, "/api/v0/models/m": loaded }, async (baseUrl) => {
    assert.equal((await servedWindow({ baseUrl }, "m"))?.contextWindow, 4096);
  });
});

test("a server that is not there, is something else, or hangs, just doesn't tell", async () => {
  assert.equal(await servedModels({ baseUrl: "http://127.0.0.1:9/v1" }), undefined);
  await serving({ "/v1/models": "<html>" }, async (baseUrl) =>
    assert.equal(await servedModels({ baseUrl }), undefined),
  );
  await serving({ "/v1/models": "null" }, async (baseUrl) =>
    assert.equal(await servedModels({ baseUrl }), undefined),
  );
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const baseUrl = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/v1`;
  assert.equal(await servedModels({ baseUrl }, { timeoutMs: 50 }), undefined);
  silent.closeAllConnections();
  silent.close();
});

test("the caller's own signal is not taken for a server's silence", async () => {
  const reason = new Error("stopped");
  const asked = servedModels({ baseUrl: "http://127.0.0.1:9/v1" }, { signal: AbortSignal.abort(reason) });
  await assert.rejects(asked, (error) => error === reason);
});
