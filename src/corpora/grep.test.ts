/** Tests of grep on open corpora, with real ripgrep. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { GrepOptions, GrepPage } from "../core/corpus.ts";
import type { ContextInput } from "../core/context.ts";
import { openCorpus } from "./open-corpus.ts";
import { byteSoup, directoryWith, never } from "./samples.test.ts";

async function grepIn(
  input: ContextInput,
  pattern: string,
  options: Partial<GrepOptions> = {},
): Promise<GrepPage> {
  const corpus = await openCorpus(input, { signal: never });
  try {
    return await corpus.grep(pattern, { signal: never, ...options });
  } finally {
    await corpus.close();
  }
}

async function textsOf(
  input: ContextInput,
  pattern: string,
  options: Partial<GrepOptions> = {},
): Promise<string[]> {
  return (await grepIn(input, pattern, options)).matches.map(({ text }) => text);
}

test("every match has its document, span, line and line text", async () => {
  const { matches, total, documents, next } = await grepIn(["no", "é one\r\ntwo one"], "one");
  assert.deepEqual(matches, [
    { documentId: "d2", start: 2, end: 5, line: 1, text: "one", lineText: "é one" },
    { documentId: "d2", start: 11, end: 14, line: 2, text: "one", lineText: "two one" },
  ]);
  assert.deepEqual({ total, documents, next }, { total: 2, documents: 1, next: undefined });
});

test("spans read back as the matched text, in any bytes", async () => {
  const soups = fc.array(byteSoup, { minLength: 1, maxLength: 4 });
  const patterns = fc.constantFrom("[a-z]+", "\\w+\\s+\\w+", "é|日", "\\S", "🎉.", "\\n");
  await fc.assert(
    fc.asyncProperty(soups, patterns, async (texts, pattern) => {
      const input = ["start", ...texts].map((text) => ({
        text: typeof text === "string" ? text : Buffer.from(text),
      }));
      const corpus = await openCorpus(input, { signal: never });
      try {
        const { matches, total } = await corpus.grep(pattern, { signal: never, limit: 10_000 });
        assert.equal(matches.length, total);
        for (const { documentId, start, end, text, line } of matches) {
          assert.equal(await corpus.read(documentId, start, end), text);
          const before = await corpus.read(documentId, 0, start);
          assert.equal(line, before.split("\n").length);
        }
      } finally {
        await corpus.close();
      }
    }),
    { numRuns: 30 },
  );
});

test("matches are those of the same expression elsewhere, within each text and never across two", async () => {
  const patterns: Record<string, RegExp> = {
    "b.?": /b.?/gu,
    "a\\s+b": /a[ \n\r]+b/gu,
    "^b": /^b/gmu,
    a$: /a$/gmu,
    "[^b]b": /[^b]b/gu,
    "(?<=a)b": /(?<=a)b/gu,
    "(a|b)\\1": /(a|b)\1/gu,
  };
  const text = fc.string({ unit: fc.constantFrom("a", "b", " ", "\n"), maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 5 }), async (texts) => {
      const corpus = await openCorpus(["ab", ...texts], { signal: never });
      try {
        for (const [pattern, expression] of Object.entries(patterns)) {
          const expected = ["ab", ...texts].flatMap((one, i) =>
            Array.from(
              one.matchAll(expression),
              ({ 0: { length }, index }) => `d${i + 1}:${index}-${index + length}`,
            ),
          );
          const { matches } = await corpus.grep(pattern, { signal: never, limit: 1_000 });
          const found = matches.map(({ documentId, start, end }) => `${documentId}:${start}-${end}`);
          assert.deepEqual(found, expected, pattern);
        }
      } finally {
        await corpus.close();
      }
    }),
    { numRuns: 15 },
  );
});

test("pages join to the whole, in document order, whether in files or in memory", async (t) => {
  const texts = Array.from({ length: 30 }, (_, i) => `x${i}\n`.repeat(i % 4));
  const directory = directoryWith(
    t,
    Object.fromEntries(texts.map((text, i) => [`${String(i).padStart(2, "0")}.txt`, text])),
  );
  for (const input of [texts, { paths: [directory] }]) {
    const corpus = await openCorpus(input, { signal: never });
    const found: string[] = [];
    let next: number | undefined = 0;
    while (next !== undefined) {
      const page: GrepPage = await corpus.grep("x\\d+", { signal: never, limit: 7, offset: next });
      assert.equal(page.total, 43);
      assert.equal(page.documents, 22);
      found.push(...page.matches.map(({ text }) => text));
      next = page.next;
    }
    assert.deepEqual(found, texts.join("").split("\n").filter(Boolean));
    await corpus.close();
  }
});

test("a pattern with more matches than are held is counted exactly and paged all the same", async (t) => {
  const lines = (name: string): string =>
    Array.from({ length: 15_000 }, (_, i) => `${name}${i} hit`).join("\n");
  const directory = directoryWith(t, { "a.txt": lines("a"), "b.txt": lines("b") });
  for (const input of [[lines("a"), lines("b")], { paths: [directory] }]) {
    const corpus = await openCorpus(input, { signal: never });
    for (const pattern of ["[ab]\\d+ hit", "[ab]\\d+\\shit"]) {
      const page = await corpus.grep(pattern, { signal: never, offset: 14_998, limit: 4 });
      assert.deepEqual(
        page.matches.map(({ documentId, text, line }) => [documentId, text, line]),
        [
          ["d1", "a14998 hit", 14_999],
          ["d1", "a14999 hit", 15_000],
          ["d2", "b0 hit", 1],
          ["d2", "b1 hit", 2],
        ],
      );
      assert.deepEqual([page.total, page.documents, page.next], [30_000, 2, 15_002]);
    }
    await corpus.close();
  }
});

test("a search that counts no further than it was told stops there, and gives a page of what it found", async (t) => {
  const directory = directoryWith(t, { "a.txt": "hit\n".repeat(1_000), "b.txt": "hit\n".repeat(20) });
  const corpus = await openCorpus({ paths: [directory] }, { signal: never });
  const page = await corpus.grep("hit", { signal: never, countTo: 300, limit: 2 });
  assert.deepEqual([page.total, page.matches.length, page.next], [300, 2, 2]);
  const all = await corpus.grep("hit", { signal: never, countTo: 2_000, limit: 2 });
  assert.deepEqual([all.total, all.documents], [1_020, 2]);
  await corpus.close();
});

test("a search across lines that holds fewer than it shall count to counts them all", async () => {
  const page = await grepIn(["a\nb\n".repeat(6_000)], "a\nb", { literal: true, countTo: 20_000, limit: 1 });
  assert.deepEqual([page.total, page.matches.length], [6_000, 1]);
});

test("countOnly gives numbers and no matches, of the chosen documents only", async () => {
  const texts = ["a a", "b", "a"];
  const all = await grepIn(texts, "a", { countOnly: true });
  assert.deepEqual(all, { matches: [], total: 3, documents: 2, next: undefined });
  const chosen = await grepIn(texts, "a", { countOnly: true, documentIds: ["d2", "d3"] });
  assert.deepEqual([chosen.total, chosen.documents], [1, 1]);
});

test("only the chosen documents are searched, and an unknown one is refused", async () => {
  const { matches } = await grepIn(["a", "a", "a"], "a", { documentIds: ["d3"] });
  assert.deepEqual(
    matches.map(({ documentId }) => documentId),
    ["d3"],
  );
  await assert.rejects(grepIn(["a", "b"], "a", { documentIds: ["d9"] }), {
    code: "invalid_input",
    message: /no document "d9".*d1, d2/,
  });
});

test("look-around across lines works beyond what is held at once", async () => {
  const page = await grepIn("One.\nTwo! \nThree? ".repeat(4_000), "(?<=[.!?])\\s+", {
    offset: 11_998,
    limit: 2,
  });
  assert.equal(page.total, 12_000);
  assert.deepEqual(
    page.matches.map(({ text, line }) => [text, line]),
    [
      [" \n", 8_000],
      [" ", 8_001],
    ],
  );
});

test("literal text and case", async () => {
  assert.deepEqual(await textsOf("a.b axb A.B", "a.b", { literal: true }), ["a.b"]);
  assert.deepEqual(await textsOf("a.b axb A.B", "a.b", { literal: true, ignoreCase: true }), ["a.b", "A.B"]);
  assert.deepEqual(await textsOf("one\ntwo", "e\nt", { literal: true }), ["e\nt"]);
  assert.deepEqual(await textsOf("Straße STRASSE", "straße", { ignoreCase: true }), ["Straße"]);
});

test("line ends of Windows stop neither $ nor white space", async () => {
  assert.deepEqual(await textsOf("GET 200\r\nPUT 404\r\n", "\\d+$"), ["200", "404"]);
  assert.deepEqual(await textsOf("Prince\r\nAndrew", "Prince\\s+Andrew"), ["Prince\r\nAndrew"]);
});

test("bytes that are no UTF-8 are found as the text shows them", async () => {
  const input = { text: Buffer.from([0x61, 0xff, 0x62]) };
  const { matches } = await grepIn(input, "\udcff");
  assert.deepEqual([matches[0]?.start, matches[0]?.end, matches[0]?.text], [1, 2, "\udcff"]);
  assert.deepEqual(await textsOf(input, "b"), ["b"]);
});

test("a long line is cut around the match", async () => {
  const { matches } = await grepIn(`${"é".repeat(5_000)} needle ${"z".repeat(5_000)}`, "needle");
  const lineText = matches[0]?.lineText ?? "";
  assert.match(lineText, /^…é+ needle z+…$/);
  assert.ok(lineText.length <= 245);
  assert.ok(Math.abs(lineText.indexOf("needle") - lineText.length / 2) < 20);
});

test("a bad pattern says what is wrong with it", async () => {
  await assert.rejects(grepIn("x", "foo("), {
    code: "invalid_input",
    message: /Bad pattern "foo\(": unclosed group/,
  });
  await assert.rejects(grepIn("x", ""), { code: "invalid_input", message: /empty/ });
  await assert.rejects(grepIn("x", "(?<=a"), { code: "invalid_input", message: /Bad pattern/ });
});

test("a pattern that backtracks without end is stopped", async () => {
  await assert.rejects(grepIn(`${"a".repeat(60)}b`, "(?=(a+)+$)x|(a|aa)+\\1c"), {
    code: "invalid_input",
    message: /backtracks/,
  });
});

test("an aborted search ends with the signal's reason", async () => {
  const abort = new AbortController();
  const corpus = await openCorpus("a\n".repeat(1_000_000), { signal: never });
  const grep = corpus.grep("a", { signal: abort.signal });
  abort.abort(new Error("enough"));
  await assert.rejects(grep, /enough/);
  await corpus.close();
});

test("the machine's ignore files and settings change nothing", async (t) => {
  const directory = directoryWith(t, { ".ignore": "*", ".rgignore": "*", "a.txt": "hit", ".hidden": "hit" });
  const { total } = await grepIn({ paths: [directory] }, "hit");
  assert.equal(total, 2);
});
