/** What a run does side by side: the root LM thinks while the sandbox opens, and what is left is put away behind the answer. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { SandboxError, type UnabridgedError } from "../src/core/errors.ts";
import type { Sandbox } from "../src/core/sandbox.ts";
import { wasm } from "../src/sandboxes/index.ts";
import { code, faults } from "../src/testing/index.ts";
import { openStage } from "./ask-stage.ts";

/** A sandbox that opens once the gate does. */
function behind(gate: Promise<void>): Sandbox {
  const inner = wasm();
  return {
    name: "wasm",
    warm: () => inner.warm(),
    open: (options) => gate.then(() => inner.open(options)),
    close: () => inner.close(),
  };
}

test("the root LM is asked while the sandbox is still opening", { timeout: 60_000 }, async () => {
  const asked = Promise.withResolvers<void>();
  const root = (): string => {
    asked.resolve();
    return code`FINAL(context.upper())`;
  };
  await using stage = await openStage({ root }, { sandbox: behind(asked.promise) });
  const result = await stage.engine.ask({ query: "In capitals?", context: "ab" }).result();
  assert.equal(result.answer, "AB");
});

test("a sandbox that can't be opened ends the call that the root LM is in", { timeout: 60_000 }, async () => {
  const asked = Promise.withResolvers<void>();
  const root = () => {
    asked.resolve();
    return faults.hang();
  };
  const broken = asked.promise.then(() => {
    throw new SandboxError("unavailable", "There is no interpreter on this machine.");
  });
  await using stage = await openStage({ root }, { sandbox: behind(broken) });
  const run = stage.engine.ask({ query: "In capitals?", context: "ab" });
  await assert.rejects(run.result(), (error: UnabridgedError) => {
    assert.equal(error.message, "There is no interpreter on this machine.");
    return error.kind === "sandbox";
  });
  const stored = await stage.engine.runs.get(run.id);
  assert.equal(stored.end?.status, "failed");
  assert.equal(stage.provider.requests.length, 1);
});

test("when the engine is closed, nothing of a run's context is left behind", async () => {
  await using stage = await openStage({ root: () => code`FINAL(len(context))` });
  const asking = [1, 2, 3].map((n) =>
    stage.engine.ask({ query: "How long?", context: "a".repeat(n) }).result(),
  );
  assert.deepEqual(
    (await Promise.all(asking)).map(({ answer }) => answer),
    ["1", "2", "3"],
  );
  await stage.engine.close();
  assert.deepEqual(await readdir(join(stage.home, "spool")), []);
});
