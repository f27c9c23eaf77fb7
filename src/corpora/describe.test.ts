/** Tests of what is told of a corpus. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CorpusDescription } from "../core/corpus.ts";
import type { ContextInput } from "../core/context.ts";
import { openCorpus } from "./open-corpus.ts";
import { directoryWith, never } from "./samples.test.ts";

async function describe(input: ContextInput): Promise<CorpusDescription> {
  const corpus = await openCorpus(input, { signal: never });
  try {
    return corpus.describe();
  } finally {
    await corpus.close();
  }
}

async function structureOf(path: string, text: string): Promise<readonly string[]> {
  return (await describe({ path, text })).structure;
}

test("Markdown: headings by level outside of code, chapters, lines and their ends", async () => {
  const text = "# Book\r\n## CHAPTER I\r\ntext\r\n## CHAPTER II\r\n```\n# no heading\n```\n";
  assert.deepEqual(await structureOf("a.md", text), [
    "1 heading (#)",
    "2 headings (##)",
    "1 code block",
    '2 lines that begin with "chapter" and a number or name',
    "7 lines; the longest has 14 characters",
    "4 lines end in \\r\\n",
  ]);
});

test("CSV: columns and rows, a quoted line break is no row", async () => {
  const [columns, rows] = await structureOf("a.csv", 'id,"full, name",age\n1,"a\nb",3\n2,c,4\n');
  assert.equal(columns, "CSV columns (3): id, full, name, age");
  assert.equal(rows, "2 rows below the first line");
});

test("JSON: the shape at the top and the keys of the first records", async () => {
  const [shape, keys] = await structureOf("a.json", '[{"id":1,"name":"a"},{"id":2}]');
  assert.equal(shape, "JSON array of 2");
  assert.equal(keys, "keys of the first 2 records: id, name (1 of 2)");
  const [object, member] = await structureOf("a.json", '{"films":[1,2,3],"page":1}');
  assert.deepEqual([object, member], ["JSON object with 2 keys", "films: array of 3"]);
});

test("JSONL is known by its content", async () => {
  const { kind, structure } = await describe('{"a":1}\n{"a":2,"b":3}\n');
  assert.equal(kind, "1 JSONL text");
  assert.deepEqual(structure.slice(0, 2), ["2 records", "keys of the first 2 records: a, b (1 of 2)"]);
});

test("logs: the time they span and the shape of a line, nothing of what it says", async () => {
  const line = (minute: number): string => `2026-01-02 10:0${minute}:00 ERROR secret_user failed`;
  const { kind, structure } = await describe([0, 1, 2, 3].map(line).join("\n"));
  assert.equal(kind, "1 log text");
  assert.equal(structure[0], "time stamps from 2026-01-02 10:00:00 to 2026-01-02 10:03:00");
  assert.equal(structure[1], "shape of the first line: 9-9-9 9:9:9 a a a");
});

test("several files: endings, folders, sizes, and each one where they are few", async (t) => {
  const directory = directoryWith(t, { "a/x.md": "# One\n", "b/y.csv": "p,q\n1,2\n", "b/z.md": "text" });
  const corpus = await openCorpus({ paths: ["."] }, { signal: never, cwd: directory });
  const { kind, documents, bytes, characters, charactersExact, single, structure } = corpus.describe();
  assert.deepEqual(
    { kind, documents, bytes, characters, charactersExact, single },
    {
      kind: "3 files in 2 folders",
      documents: 3,
      bytes: 18,
      characters: 18,
      charactersExact: true,
      single: false,
    },
  );
  assert.deepEqual(structure.slice(0, 3), [
    "endings: .md 2, .csv 1",
    "folders: b/ 2, a/ 1",
    "sizes: 4 B to 8 B, median 6 B",
  ]);
  assert.match(structure[4] ?? "", /^d2 b\/y\.csv: CSV, 8 B; CSV columns \(2\): p, q; 1 row/);
  await corpus.close();
});

test("a large text is described from a sample, and the numbers say that they are estimates", async () => {
  const text = "## Head\nSome line of text, é.\n".repeat(400_000);
  const description = await describe(text);
  assert.equal(description.charactersExact, false);
  assert.ok(Math.abs(description.characters / text.length - 1) < 0.01);
  assert.equal(description.structure[0], "about 400,000 headings (##)");
});

test("however odd the input, the description stays small", async () => {
  const wide = Array.from({ length: 5_000 }, (_, i) => `column_${i}_${"x".repeat(50)}`).join(",");
  const many = Array.from({ length: 3_000 }, (_, i) => ({ path: `folder${i}/file.e${i}`, text: "x" }));
  for (const input of [{ path: "a.csv", text: wide }, many, "x".repeat(5_000_000)]) {
    const { structure } = await describe(input);
    assert.ok(structure.length <= 25);
    assert.ok(structure.join("\n").length <= 2_100);
  }
});

test("of a thousand skipped files some are named and all are counted", async (t) => {
  const files = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`${i}.bin`, Buffer.of(0)]));
  const { skipped } = await describe({ paths: [directoryWith(t, { ...files, "a.txt": "x" })] });
  assert.equal(skipped.length, 20);
  assert.deepEqual(skipped.at(-1), { path: "31 more", reason: "31 × binary" });
});
