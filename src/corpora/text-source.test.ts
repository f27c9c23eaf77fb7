/** Tests of reading by code points from real files, over many blocks. */
import assert from "node:assert/strict";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import fc from "fast-check";
import { byteSoup, directoryWith, referenceCharacters } from "./samples.test.ts";
import { TextSource } from "./text-source.ts";
import { encodeText } from "./utf8.ts";

/** Soups grown to several blocks by repetition, so that block edges fall into characters in every way. */
const largeSoup = byteSoup
  .filter((soup) => soup.length > 0)
  .chain((soup) =>
    fc.record({ padding: fc.nat(8), size: fc.integer({ min: 1, max: 250_000 }) }).map(({ padding, size }) => {
      const repeated = Buffer.concat(Array<Buffer>(Math.ceil(size / soup.length)).fill(soup));
      return Buffer.concat([Buffer.alloc(padding, "x"), repeated]);
    }),
  );

function sourceOf(test: TestContext, bytes: Buffer): TextSource {
  const file = join(directoryWith(test, { text: "" }), "text");
  writeFileSync(file, bytes);
  return new TextSource({ file, bytes: bytes.length, wholeFile: true });
}

test("reading any window equals slicing the decoded text", async (t) => {
  const windows = fc.array(fc.tuple(fc.nat(250_000), fc.nat(80_000)), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(largeSoup, windows, async (bytes, pairs) => {
      const characters = referenceCharacters(bytes);
      const source = sourceOf(t, bytes);
      for (const [start, length] of pairs) {
        const end = start + length;
        assert.equal(await source.read(start, end), characters.slice(start, end).join(""));
      }
      assert.equal(await source.countCharacters(), characters.length);
    }),
    { numRuns: 12 },
  );
});

test("positions in bytes and in code points convert both ways, whichever is asked for first", async (t) => {
  await fc.assert(
    fc.asyncProperty(largeSoup, fc.double({ min: 0, max: 1, noNaN: true }), async (bytes, where) => {
      const characters = referenceCharacters(bytes);
      const source = sourceOf(t, bytes);
      const character = Math.floor(where * characters.length);
      const before = encodeText(characters.slice(0, character).join(""));
      assert.equal(await source.characterAt(before.length), character);
      assert.equal(await source.byteAt(character), before.length);
      assert.equal(await source.lineAt(before.length), before.filter((byte) => byte === 0x0a).length + 1);
    }),
    { numRuns: 12 },
  );
});

test("concurrent readers of an uncounted text agree", async (t) => {
  const text = "día a día\n".repeat(60_000);
  const source = sourceOf(t, Buffer.from(text));
  const starts = Array.from({ length: 20 }, (_, i) => i * 29_989);
  const read = await Promise.all(starts.map((start) => source.read(start, start + 7)));
  assert.deepEqual(
    read,
    starts.map((start) => text.slice(start, start + 7)),
  );
  const lines = await Promise.all(starts.map(async (start) => source.lineAt(await source.byteAt(start))));
  assert.deepEqual(
    lines,
    starts.map((start) => Math.floor(start / 10) + 1),
  );
});

test("a file that became shorter is an error that says so", async (t) => {
  const source = sourceOf(t, Buffer.from("x".repeat(1000)));
  truncateSync(source.file, 10);
  await assert.rejects(source.read(0, 1000), { code: "unreadable", message: /became shorter/ });
});
