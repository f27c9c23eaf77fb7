/** What the examination finds on machines in good and bad order. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { SandboxError } from "../core/errors.ts";
import type { Sandbox } from "../core/sandbox.ts";
import type { Store } from "../core/store.ts";
import { startFakeProvider } from "../testing/fake-provider.ts";
import { scriptedModel } from "../testing/scripted-model.ts";
import { examine, type Examined, type Finding } from "./doctor.ts";
import type { FoundModels } from "./find-model.ts";

const unused = (): never => assert.fail("the doctor only looks");
const priced = scriptedModel([], { id: "priced", price: { input: 1, output: 2 } });
const unpriced = scriptedModel([], { id: "unpriced", contextWindow: undefined });

const emptyStore: Store = {
  runs: { create: unused, append: unused, finish: unused, get: unused, events: unused, list: async () => [] },
  answers: { find: unused, save: unused },
  close: async () => undefined,
};

function sandbox(name: string, value: string | Error): Sandbox {
  return {
    ...{ name, warm: unused, close: unused },
    open: async () => {
      if (value instanceof Error) throw value;
      const stdout = { head: "", tail: "", characters: 0 };
      return { execute: async () => ({ status: "ok", stdout, value }), close: async () => undefined };
    },
  };
}

function found(more: Partial<FoundModels>): () => Promise<FoundModels> {
  const base = {
    model: priced,
    subModel: priced,
    modelsByDepth: undefined,
    found: "priced at home",
    notices: [],
    isReader: false,
  };
  return async () => ({ ...base, ...more });
}

async function examined(more: Partial<Examined>): Promise<readonly Finding[]> {
  const homeFolder = await mkdtemp(join(tmpdir(), "doctor-"));
  const healthy: Examined = {
    ...{ homeFolder, openStore: async () => emptyStore, findModels: found({}), locals: [] },
    ...{ sandboxes: [sandbox("wasm", "2")], ripgrepPath: () => process.execPath },
  };
  try {
    return await examine({ ...healthy, ...more });
  } finally {
    await rm(homeFolder, { recursive: true });
  }
}

const of = (findings: readonly Finding[], what: string): Finding | undefined =>
  findings.find((finding) => finding.what === what);

test("where all is well, every finding is ok", async () => {
  const findings = await examined({});
  assert.deepEqual(
    findings.filter((finding) => finding.status !== "ok"),
    [],
  );
  assert.match(of(findings, "Model")?.detail ?? "", /128,000 tokens, \$1 in, \$2 out/);
});

test("an old Node, a store that doesn't open and a home that can't be made fail, each with a remedy", async () => {
  const openStore = async (): Promise<Store> => Promise.reject(new Error("disk on fire"));
  const findings = await examined({ nodeVersion: "20.20.2", openStore, homeFolder: "/dev/null/home" });
  for (const what of ["Node", "Store", "Home folder"]) {
    assert.equal(of(findings, what)?.status, "fail");
    assert.ok(of(findings, what)?.remedy);
  }
});

test("a model whose window and price nobody knows is a warning that says where to state them", async () => {
  const findings = await examined({ findModels: found({ subModel: unpriced, notices: ["mind this"] }) });
  assert.equal(of(findings, "Root model")?.status, "ok");
  assert.match(of(findings, "Sub-model")?.remedy ?? "", /--sub-context-window.*prices/);
  assert.ok(findings.some((finding) => finding.status === "warn" && finding.detail === "mind this"));
});

test("the reader is a warning, not a failure", async () => {
  const findings = await examined({ findModels: found({ isReader: true, notices: ["connect one"] }) });
  assert.deepEqual(of(findings, "Models")?.status, "warn");
});

test("only the default sandbox must work", async () => {
  const broken = new SandboxError("unavailable", "bubblewrap is not installed");
  const spare = await examined({ sandboxes: [sandbox("wasm", "2"), sandbox("native", broken)] });
  assert.deepEqual([of(spare, "Sandbox wasm")?.status, of(spare, "Sandbox native")?.status], ["ok", "warn"]);
  const main = await examined({ sandboxes: [sandbox("wasm", broken)] });
  assert.equal(of(main, "Sandbox wasm")?.status, "fail");
  const wrong = await examined({ sandboxes: [sandbox("wasm", "3")] });
  assert.match(of(wrong, "Sandbox wasm")?.detail ?? "", /got 3/);
});

test("local servers that answer are named", async () => {
  await using server = await startFakeProvider({ reply: unused, models: ["a", "b"] });
  const findings = await examined({
    locals: [{ name: "Ollama", prefix: "ollama", baseUrl: server.baseUrl, timeoutMs: 20_000 }],
  });
  assert.equal(of(findings, "Local servers")?.detail, "Ollama (2 models)");
});
