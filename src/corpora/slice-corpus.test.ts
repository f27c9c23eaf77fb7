/** Tests of slices: what a child is handed, in its parent's positions. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Corpus } from "../core/corpus.ts";
import { openCorpus } from "./open-corpus.ts";
import { sliceCorpus } from "./slice-corpus.ts";
import { byteSoup, never, referenceCharacters } from "./samples.test.ts";

const options = { signal: never };

async function sample(): Promise<Corpus> {
  return openCorpus(["first text", "line one\nline two é\nline three\n", "third"], options);
}

test("a stretch keeps the id and positions of its document", async () => {
  const parent = await sample();
  const child = await sliceCorpus(parent, [{ documentId: "d2", start: 9, end: 19 }], options);
  assert.deepEqual(
    child.documents.map(({ id, start, characters, bytes }) => ({ id, start, characters, bytes })),
    [{ id: "d2", start: 9, characters: 10, bytes: 11 }],
  );
  assert.equal(await child.read("d2", 0, 1_000), "line two é");
  assert.equal(await child.read("d2", 14, 17), "two");
  assert.equal(Buffer.from(await child.load("d2")).toString(), "line two é");
  assert.equal(await child.characters("d2"), 10);
  assert.equal(child.describe().single, true);
  await child.close();
  await parent.close();
});

test("what a child finds holds for its parent, line numbers too, and nothing outside of it is found", async () => {
  const parent = await sample();
  const child = await sliceCorpus(parent, [{ documentId: "d2", start: 9, end: 24 }, "d3"], options);
  for (const pattern of ["line", "\\bli\\w+"]) {
    const { matches, total } = await child.grep(pattern, options);
    assert.equal(total, 2);
    assert.deepEqual(
      matches.map(({ documentId, start, end, line, lineText }) => [documentId, start, end, line, lineText]),
      [
        ["d2", 9, 13, 2, "line two é"],
        ["d2", 20, 24, 3, "line"],
      ],
    );
    for (const match of matches) assert.equal(await parent.read("d2", match.start, match.end), match.text);
  }
  const [found] = await child.search("two", options);
  assert.deepEqual([found?.documentId, found?.start, found?.line], ["d2", 9, 2]);
  const located = await child.locate({ documentId: "d2", start: 14, end: 17 });
  assert.deepEqual([located?.line, located?.column, located?.text], [2, 6, "two"]);
  assert.equal(await child.locate({ documentId: "d2", start: 0, end: 4 }), undefined);
  assert.equal(await child.locate({ documentId: "d1", start: 0, end: 4 }), undefined);
  await child.close();
  await parent.close();
});

test("a stretch's edges are edges of its text", async () => {
  const parent = await openCorpus("xaax\n", options);
  const child = await sliceCorpus(parent, [{ documentId: "d1", start: 1, end: 3 }], options);
  const { matches } = await child.grep("^a+$", options);
  assert.deepEqual([matches[0]?.start, matches[0]?.end, matches[0]?.lineText], [1, 3, "aa"]);
  await child.close();
  await parent.close();
});

test("several stretches of one document are told apart by their start", async () => {
  const parent = await sample();
  const spans = [
    { documentId: "d2", start: 20, end: 30 },
    { documentId: "d2", start: 0, end: 8 },
  ];
  const child = await sliceCorpus(parent, spans, options);
  assert.deepEqual(
    child.documents.map(({ start }) => start),
    [20, 0],
  );
  assert.equal(await child.read("d2", 22, 40), "ne three");
  assert.equal(await child.read("d2", 2, 40), "ne one");
  assert.equal(Buffer.from(await child.load("d2", 20)).toString(), "line three");
  assert.equal(await child.characters("d2", 0), 8);
  const { total, documents } = await child.grep("line", options);
  assert.deepEqual([total, documents], [2, 1]);
  await child.close();
  await parent.close();
});

test("a slice of a slice, whole documents and new texts", async () => {
  const parent = await sample();
  const child = await sliceCorpus(parent, [{ documentId: "d2", start: 9, end: 30 }, "d1"], options);
  const grandchild = await sliceCorpus(
    child,
    [{ documentId: "d2", start: 0, end: 13 }, "d1", { text: "new", title: "made by the cell" }],
    { ...options, nextDocumentId: () => "d77" },
  );
  const texts = grandchild.documents.map(({ id }) => grandchild.read(id, 0, 100));
  assert.deepEqual(await Promise.all(texts), ["line", "first text", "new"]);
  assert.deepEqual(
    grandchild.documents.map(({ id, start }) => [id, start]),
    [
      ["d2", 9],
      ["d1", 0],
      ["d77", 0],
    ],
  );
  for (const corpus of [grandchild, child, parent]) await corpus.close();
});

test("an unknown document and a slice without text are refused", async () => {
  const parent = await sample();
  await assert.rejects(sliceCorpus(parent, ["d9"], options), { code: "invalid_input", message: /"d9"/ });
  await assert.rejects(sliceCorpus(parent, [{ documentId: "d9", start: 0, end: 1 }], options), {
    code: "invalid_input",
  });
  await assert.rejects(sliceCorpus(parent, [{ documentId: "d1", start: 99, end: 120 }], options), {
    code: "empty_corpus",
  });
  await parent.close();
});

test("any stretch of any bytes reads as the parent's text there", async () => {
  const fraction = fc.double({ min: 0, max: 1, noNaN: true });
  await fc.assert(
    fc.asyncProperty(byteSoup, fraction, fraction, async (soup, a, b) => {
      const bytes = Buffer.concat([Buffer.from("x"), soup]);
      const characters = referenceCharacters(bytes);
      const [start, end] = [a, b].map((part) => Math.floor(part * characters.length)).sort((x, y) => x - y);
      fc.pre(start !== undefined && end !== undefined && end > start);
      const parent = await openCorpus({ text: bytes }, options);
      const child = await sliceCorpus(parent, [{ documentId: "d1", start, end }], options);
      assert.equal(await child.read("d1", 0, characters.length), characters.slice(start, end).join(""));
      assert.equal(await child.characters("d1"), end - start);
      await child.close();
      await parent.close();
    }),
    { numRuns: 60 },
  );
});
