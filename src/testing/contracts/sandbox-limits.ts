/** The sandbox contract's cases about what is stopped: time, memory, output, death, cancellation. No case asserts on timing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExecutionResult, Sandbox } from "../../core/sandbox.ts";
import { openTrial, printed } from "./sandbox-harness.ts";

const loops: Readonly<Record<string, string>> = {
  "an endless loop": "while True: pass",
  "a loop that catches everything":
    "while True:\n    try:\n        while True: pass\n    except BaseException:\n        pass",
  "a catastrophic regular expression": "import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')",
  "an endless sleep": "import time\ntime.sleep(10_000)",
  "an endless coroutine": "import asyncio\nwhile True: await asyncio.sleep(0)",
};

export function limitCases(sandbox: () => Sandbox): void {
  for (const [what, code] of Object.entries(loops)) {
    test(`${what} is stopped and the session goes on`, async () => {
      await using trial = await openTrial(sandbox());
      await trial.run("kept = 'yes'\nprint('begun')");
      const result = await trial.run(`print('in the loop', flush=True)\n${code}`, { timeoutMs: 300 });
      assert.equal(result.status, "timeout");
      assert.equal(printed(result), "in the loop\n");
      await checkState(trial, result, "kept", "'yes'");
    });
  }

  test("a cell that won't be interrupted is killed, and what was lost is named", async () => {
    await using trial = await openTrial(sandbox());
    await trial.run("rows = [1]\nname = 'x'");
    const result = await trial.run(stubborn, { timeoutMs: 200 });
    assert.equal(result.status, "timeout");
    assert.deepEqual(result.state, { kept: false, lostVariables: ["rows", "name"] });
    assert.equal(
      await trial.value("'rows' in globals(), len(context), llm_query('again')"),
      "(False, 12, 'echo again')",
    );
  });

  test("an interpreter that ends itself is started again", async () => {
    await using trial = await openTrial(sandbox());
    await trial.run("rows = [1]");
    const result = await trial.run("import os\nprint('bye', flush=True)\nos._exit(7)");
    assert.equal(result.status, "crashed");
    assert.deepEqual(result.state, { kept: false, lostVariables: ["rows"] });
    assert.equal(await trial.value("context[:5]"), "'hello'");
  });

  for (const [what, code] of Object.entries({
    // Below 2^31, the most that a 32-bit interpreter can even ask for.
    "one huge text": "x = 'a' * 2_000_000_000",
    "a growing list": "rows = []\nwhile True: rows.append('x' * 1_000_000 + str(len(rows)))",
    "a growing array of bytes": "data = bytearray()\nwhile True: data += bytes(10_000_000)",
  })) {
    test(`memory taken by ${what} ends at the limit`, async () => {
      await using trial = await openTrial(sandbox(), { memoryMb: 192 });
      await trial.run("kept = 'yes'");
      const result = await trial.run(code, { timeoutMs: 60_000 });
      assert.ok(result.status === "memory" || result.status === "crashed", result.status);
      await checkState(trial, result, "kept", "'yes'");
    });
  }

  test("of a flood of output, head, tail and true length are kept", async () => {
    await using trial = await openTrial(sandbox());
    const result = await trial.run("for i in range(150_000): print('line', i)");
    const all = Array.from({ length: 150_000 }, (_, index) => `line ${index}\n`).join("");
    assert.equal(result.stdout.characters, all.length);
    assert.ok(result.stdout.head.length < 1_000_000 && all.startsWith(result.stdout.head));
    assert.ok(result.stdout.tail.length > 0 && all.endsWith(result.stdout.tail));
  });

  test("time spent waiting for the host does not count", async () => {
    await using trial = await openTrial(sandbox());
    assert.deepEqual((await trial.run("llm_query('SLOW')", { timeoutMs: 600 })).status, "ok");
    assert.deepEqual(
      (
        await trial.run("import asyncio\nawait asyncio.gather(llm_query('SLOW'), llm_query('SLOW'))", {
          timeoutMs: 600,
        })
      ).status,
      "ok",
    );
  });

  test("a cell that is cancelled throws the signal's reason, and the next one runs", async () => {
    await using trial = await openTrial(sandbox());
    const controller = new AbortController();
    const running = trial.run("kept = 1\nllm_query('HANG')", { signal: controller.signal });
    setTimeout(() => controller.abort(new Error("enough")), 100);
    await assert.rejects(running, /enough/);
    assert.equal(await trial.value("1 + 1"), "2");
  });

  test("a closed session refuses cells", async () => {
    const trial = await openTrial(sandbox());
    await trial.session.close();
    await assert.rejects(trial.run("1"), { name: "SandboxError", code: "closed" });
  });

  test("sessions don't see each other", async () => {
    await using first = await openTrial(sandbox());
    await using second = await openTrial(sandbox());
    await first.run("secret = 1");
    assert.equal(await second.value("'secret' in globals()"), "False");
  });
}

/** Makes every way of interrupting from inside useless. */
const stubborn = `
import signal
for number in range(1, 32):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
while True:
    try:
        while True: pass
    except BaseException:
        pass`;

async function checkState(
  trial: { value(code: string): Promise<string | undefined> },
  result: ExecutionResult,
  name: string,
  shown: string,
): Promise<void> {
  assert.ok("state" in result);
  if (result.state.kept) return assert.equal(await trial.value(name), shown);
  assert.ok(result.state.lostVariables.includes(name));
  assert.equal(await trial.value(`'${name}' in globals(), context[:5]`), "(False, 'hello')");
}
