/** How a run begins and ends: the root LM thinks while the sandbox opens, and no file of a context outlives its use. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, readdir, utimes } from "node:fs/promises";
import { hostname } from "node:os";
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

test("a run whose sandbox fails at once is kept as failed, and has asked nobody", async () => {
  const broken = Promise.reject(new SandboxError("unavailable", "There is no interpreter on this machine."));
  broken.catch(() => {});
  await using stage = await openStage({ root: () => faults.hang() }, { sandbox: behind(broken) });
  const run = stage.engine.ask({ query: "In capitals?", context: "ab" });
  await assert.rejects(run.result(), /no interpreter/);
  assert.equal((await stage.engine.runs.get(run.id)).end?.status, "failed");
  assert.equal(stage.provider.requests.length, 0);
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

test("the next engine removes what a killed process left of its context, and nothing else", async () => {
  const { pid: dead } = spawnSync(process.execPath, ["--version"]);
  await using stage = await openStage({ root: () => code`FINAL(len(context))` });
  const spool = join(stage.home, "spool");
  const twoHoursAgo = new Date(Date.now() - 2 * 60 * 60 * 1000);
  const made = {
    left: `unabridged-${dead}@${hostname()}-abcdef`,
    justLeft: `unabridged-${dead}@${hostname()}-ghijkl`,
    inUse: `unabridged-${process.pid}@${hostname()}-abcdef`,
    elsewhere: `unabridged-${dead}@another.machine-abcdef`,
    unknown: "notes",
  };
  for (const name of Object.values(made)) {
    await mkdir(join(spool, name, "with files"), { recursive: true });
    if (name !== made.justLeft) await utimes(join(spool, name), twoHoursAgo, twoHoursAgo);
  }
  await stage.engine.ask({ query: "How long?", context: "abc" }).result();
  await stage.engine.close();
  const { left: _, ...kept } = made;
  assert.deepEqual(await readdir(spool), Object.values(kept).sort());
});
