/**
 * A map that is killed again and again: nothing is lost, nothing done is paid for twice. UNABRIDGED_KILLS sets how often
 * (20 for the full trial), UNABRIDGED_KILL_ITEMS how many items.
 */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startFakeProvider } from "../src/testing/fake-provider.ts";
import { ended, startProgram } from "./map-stage.ts";

const kills = Number(process.env["UNABRIDGED_KILLS"] ?? 3);
const items = Number(process.env["UNABRIDGED_KILL_ITEMS"] ?? 800);
const concurrency = 16;

for (const batch of [1, 5]) {
  test(`a map killed ${kills} times ends with each item once and in order, ${batch} to a prompt`, async () => {
    const directory = await mkdtemp(join(tmpdir(), "map-kill-"));
    await using provider = await startFakeProvider({
      record: 0,
      reply: ({ text }) =>
        batch === 1 ? `{"doubled": ${Number(/Double (\d+)/.exec(text)?.[1]) * 2}}` : batchAnswer(text),
    });
    const settings = { baseUrl: provider.baseUrl, directory, items, concurrency, batch };
    let killed = 0;
    for (; killed < kills; killed++) {
      const program = startProgram("./map-program.ts", settings);
      const exit = ended(program);
      // From before the first call to well into the work.
      const before = provider.calls;
      const enough = Math.floor((Math.random() * items) / batch / kills);
      while (provider.calls - before < enough && program.exitCode === null) await sleep(2);
      program.kill("SIGKILL");
      await exit;
    }
    assert.equal(await ended(startProgram("./map-program.ts", settings)), 0);
    const lines = (await readFile(join(directory, "out.jsonl"), "utf8")).trimEnd().split("\n");
    const expected = Array.from({ length: items }, (_, n) => ({
      key: n,
      ok: true,
      result: { doubled: 2 * n },
    }));
    assert.deepEqual(
      lines.map((line) => JSON.parse(line) as unknown),
      expected,
    );
    // A lane waits until its answer is recorded, so a kill costs each at most one call.
    const most = items / batch + kills * concurrency;
    assert.ok(provider.calls <= most, `${provider.calls} calls for ${items / batch}, with ${kills} kills`);
    await rm(directory, { recursive: true });
  });
}

function batchAnswer(text: string): string {
  const lines = /<items>\n([\s\S]*)\n<\/items>/.exec(text)?.[1]?.split("\n") ?? [];
  const results = lines.map((line) => {
    const { id, n } = JSON.parse(line) as { id: number; n: number };
    return { id, result: { doubled: 2 * n } };
  });
  return JSON.stringify({ results });
}
