/** Items from files as a person gives them: records, broken records, texts whole and in pieces. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, test } from "node:test";
import fc from "fast-check";
import { ConfigError } from "../core/errors.ts";
import type { InputEntry } from "../core/job-store.ts";
import { openItems, type ItemOptions } from "./items.ts";
import { linesOf } from "./lines.ts";

const folder = await mkdtemp(join(tmpdir(), "items-"));
after(() => rm(folder, { recursive: true }));

async function items(
  name: string,
  content: string | Uint8Array,
  options: Partial<ItemOptions> = {},
): Promise<InputEntry[]> {
  await writeFile(join(folder, name), content);
  return Array.fromAsync(openItems(name, { signal: AbortSignal.timeout(10_000), cwd: folder, ...options }));
}

function values(entries: readonly InputEntry[]): unknown[] {
  return entries.map((entry) => (entry.type === "item" ? entry.item : entry.fault.message));
}

test("a broken line of JSONL is told of with its number, and the others go on", async () => {
  const found = values(await items("a.jsonl", '\uFEFF{"a":1}\r\n\n{"a":\n"text"\n[2]'));
  assert.deepEqual([found[0], found[2], found[3]], [{ a: 1 }, "text", [2]]);
  assert.match(String(found[1]), /^Line 3 is no JSON .*: \{"a":$/);
});

test("records of CSV come with their fields; a broken one is told of in its place", async () => {
  const csv = 'name,note\nAda,"two\nlines, one cell"\nBob\nCyd,"say ""hi"""\n';
  const found = values(await items("a.csv", csv));
  assert.deepEqual(
    [found[0], found[2]],
    [
      { name: "Ada", note: "two\nlines, one cell" },
      { name: "Cyd", note: 'say "hi"' },
    ],
  );
  assert.match(String(found[1]), /^Line 4 is no valid record/);
  assert.deepEqual(values(await items("a.tsv", "a\tb\n1\t2\n")), [{ a: "1", b: "2" }]);
});

test("many records with broken ones among them stay in order", async () => {
  const lines = Array.from({ length: 3000 }, (_, index) => (index % 100 === 50 ? `${index}` : `${index},x`));
  const found = await items("b.csv", `n,x\n${lines.join("\n")}\n`);
  const numbers = found.map((entry, index) =>
    entry.type === "item" && typeof entry.item === "object" ? entry.item : { n: `${index}` },
  );
  assert.deepEqual(
    numbers.map((one) => (one !== null && "n" in one ? Number(one.n) : -1)),
    lines.map((_, index) => index),
  );
});

test("a JSON list is its elements; anything else is refused with a remedy", async () => {
  assert.deepEqual(values(await items("a.json", "[1,{}]")), [1, {}]);
  const refused = (error: unknown): boolean => error instanceof ConfigError && /JSONL/.test(error.message);
  await assert.rejects(items("b.json", "{}"), refused);
  await assert.rejects(items("c.json", "{}\n{}"), refused);
});

test("files of a glob are one item each, with their path as key; what is no text is told of", async () => {
  await mkdir(join(folder, "docs"), { recursive: true });
  await writeFile(join(folder, "docs", "one.md"), "# One\n");
  await writeFile(join(folder, "docs", "two.json"), "[1]");
  await writeFile(join(folder, "docs", "three.bin"), Uint8Array.of(1, 0, 2));
  const found = await Array.fromAsync(
    openItems("docs", { signal: AbortSignal.timeout(10_000), cwd: folder }),
  );
  assert.deepEqual(found, [
    { type: "item", key: "docs/one.md", item: { path: "docs/one.md", text: "# One\n" } },
    {
      type: "fault",
      key: "docs/three.bin",
      fault: { code: "unreadable", message: `"docs/three.bin" can't be read as text: binary.` },
    },
    { type: "item", key: "docs/two.json", item: { path: "docs/two.json", text: "[1]" } },
  ]);
});

test("a text is split by lines, paragraphs and declarations, each piece with its line", async () => {
  const pieces = async (text: string, options: Partial<ItemOptions>): Promise<unknown> =>
    (await items("text.txt", text, options)).map((entry) =>
      entry.type === "item" && typeof entry.item === "object" && entry.item !== null && "text" in entry.item
        ? [entry.item.line, entry.item.text]
        : entry,
    );
  assert.deepEqual(await pieces("a\n\nb\n", { split: "lines" }), [
    [1, "a"],
    [3, "b"],
  ]);
  assert.deepEqual(await pieces("\na\nb\n\n\nc", { split: "paragraphs" }), [
    [2, "a\nb"],
    [6, "c"],
  ]);
  const source =
    "import x;\n\n// Says f.\nfunction f() {\n  const y = 1;\n}\n\nexport class C {\n  m() {}\n}\n";
  assert.deepEqual(await pieces(source, { split: "symbols" }), [
    [1, "import x;"],
    [3, "// Says f.\nfunction f() {\n  const y = 1;\n}"],
    [8, "export class C {\n  m() {}\n}"],
  ]);
});

test("pieces of so many tokens lose no character, however long a line is", async () => {
  const text = `${"word ".repeat(900)}\n${"🐘é".repeat(2000)}\n\nshort\n`;
  const found = await items("long.txt", text, { split: "tokens", pieceTokens: 100 });
  const texts = found.map((entry) => (entry.type === "item" ? (entry.item as { text: string }).text : ""));
  assert.ok(texts.length > 20);
  assert.ok(texts.every((piece) => piece.length < 1000 && piece.isWellFormed()));
  assert.equal(texts.join("").replaceAll(/\s/g, ""), text.replaceAll(/\s/g, ""));
});

test("standard input is JSONL unless said otherwise", async () => {
  const read = (text: string, options: Partial<ItemOptions>): Promise<InputEntry[]> =>
    Array.fromAsync(
      openItems("-", {
        signal: AbortSignal.timeout(10_000),
        stdin: Readable.from([Buffer.from(text)]),
        ...options,
      }),
    );
  assert.deepEqual(values(await read('{"a":1}\n2', {})), [{ a: 1 }, 2]);
  assert.deepEqual(values(await read("a\nb", { format: "csv" })), [{ a: "b" }]);
});

test("lines are the same wherever a stream is cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom("a", "é", "🐘", "\n", "\r\n", "")),
      fc.array(fc.nat(20)),
      async (parts, cuts) => {
        const text = parts.join("");
        const bytes = Buffer.from(text);
        const points = [...cuts.map((cut) => cut % (bytes.length + 1)), 0, bytes.length].sort(
          (a, b) => a - b,
        );
        const chunks = points.slice(1).map((end, index) => bytes.subarray(points[index], end));
        const found = (
          await Array.fromAsync(linesOf(Readable.from(chunks.filter((chunk) => chunk.length > 0))))
        ).flat();
        const expected = text.split("\n").map((line) => line.replace(/\r$/, ""));
        if (expected.at(-1) === "") expected.pop();
        assert.deepEqual(found, expected);
      },
    ),
  );
});
