/** Tests of counting a text that is large enough for threads to help. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { blockBytes, blocksOf, countBlocks } from "./count-blocks.ts";
import { directoryWith } from "./samples.test.ts";
import { TextIndex, type IndexedRange } from "./text-index.ts";

const megabyte = 1_048_576;

/** Lines in which characters of every length, and bytes that are no UTF-8, fall on the edges of blocks. */
function largeText(test: TestContext, megabytes: number): IndexedRange {
  const piece = Buffer.concat([Buffer.from("über 文字 and 🙂, plain words\n"), Buffer.of(0xff, 0xe6, 0x96)]);
  const file = join(directoryWith(test, { text: "" }), "text");
  const whole = Buffer.alloc(megabytes * megabyte, piece);
  writeFileSync(file, whole);
  const goneError = (cause: unknown): Error => new Error("gone", { cause });
  return { file, from: 7, bytes: whole.length - 7, goneError };
}

/** Where block `index` begins, counted without any help. */
function plainBlock(
  range: IndexedRange,
  index: number,
): { from: number; characters: number; newlines: number } {
  const { ends, characters, newlines } = countBlocks(range, 0, Math.max(1, index));
  if (index === 0) return { from: 0, characters: 0, newlines: 0 };
  const sum = (values: Uint32Array): number => values.reduce((total, value) => total + value, 0);
  return { from: ends.at(-1) ?? 0, characters: sum(characters), newlines: sum(newlines) };
}

function pick({
  from,
  characters,
  newlines,
}: {
  from: number;
  characters: number;
  newlines: number;
}): object {
  return { from, characters, newlines };
}

test("a text that threads count ahead has the positions that it has when it is counted alone", async (t) => {
  const range = largeText(t, 80);
  const index = new TextIndex(range);
  index.growAhead(1_000_000);
  const callers = [0, 1, 600, 1_279].map(async (block) => {
    const edge = block * blockBytes;
    assert.deepEqual(pick(await index.blockAtByte(edge)), pick(plainBlock(range, block)));
  });
  await Promise.all(callers);
  const all = plainBlock(range, blocksOf(range));
  assert.equal(await index.countCharacters(), all.characters);
  assert.deepEqual(pick(await index.blockAtCharacter(all.characters)), pick(all));
});

test("a text whose counting ahead is stopped is counted when it is asked for", async (t) => {
  const range = largeText(t, 48);
  const index = new TextIndex(range);
  index.growAhead(1_000_000);
  index.stopAhead();
  assert.equal(await index.countCharacters(), plainBlock(range, blocksOf(range)).characters);
});

test("a text that became shorter fails for whoever asks, each time, and not before", async (t) => {
  const range = largeText(t, 64);
  truncateSync(range.file, 40 * megabyte);
  const index = new TextIndex(range);
  index.growAhead(1_000_000);
  assert.equal((await index.blockAtByte(1_000)).from, 0);
  await assert.rejects(index.countCharacters(), /gone/);
  await assert.rejects(index.countCharacters(), /gone/);
});

test("what is counted ahead keeps no process alive", async (t) => {
  const range = largeText(t, 200);
  const program = `
    import { TextIndex } from ${JSON.stringify(new URL("./text-index.ts", import.meta.url).href)};
    new TextIndex(${JSON.stringify({ ...range, goneError: undefined })}).growAhead(1e6);
    setTimeout(() => console.log("ends"), 300);`;
  const began = performance.now();
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program]);
  assert.equal(stdout, "ends\n");
  assert.ok(performance.now() - began < 9_000, "a thread rests for ten seconds before it ends by itself");
});
