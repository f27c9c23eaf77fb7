/** Tests of ranked search on open corpora. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RankedSpan, SearchOptions } from "../core/corpus.ts";
import type { ContextInput } from "../core/context.ts";
import { openCorpus } from "./open-corpus.ts";
import { passagesOf } from "./passages.ts";
import { expressionsOf, parseQuery } from "./query.ts";
import { never } from "./samples.test.ts";

async function searchIn(
  input: ContextInput,
  query: string,
  options: Partial<SearchOptions> = {},
): Promise<readonly RankedSpan[]> {
  const corpus = await openCorpus(input, { signal: never });
  try {
    const spans = await corpus.search(query, { signal: never, ...options });
    for (const { documentId, start, end, text } of spans) {
      assert.equal(await corpus.read(documentId, start, end), text);
    }
    return spans;
  } finally {
    await corpus.close();
  }
}

const filler = (topic: string, paragraphs: number): string =>
  Array.from(
    { length: paragraphs },
    (_, i) => `Paragraph ${i} speaks of ${topic}. ${"And so on, at length. ".repeat(30)}`,
  ).join("\n\n");

test("the passage about the query's rare words comes first, with its line", async () => {
  const text = `${filler("ships", 20)}\n\nThe whale breached near Nantucket.\n\n${filler("ships", 20)}`;
  const [best] = await searchIn(text, "where did whales breach, near which ships?");
  assert.match(best?.text ?? "", /whale breached/);
  const line = text.slice(0, best?.start).split("\n").length;
  assert.equal(best?.line, line);
});

test("spans do not overlap and are no more than asked for", async () => {
  const spans = await searchIn(filler("ships", 50), "ships", { limit: 5 });
  assert.equal(spans.length, 5);
  const ordered = [...spans].sort((a, b) => a.start - b.start);
  for (const [i, span] of ordered.entries()) assert.ok(span.end <= (ordered[i + 1]?.start ?? Infinity));
});

test("a quoted phrase must be there as it is", async () => {
  const texts = ["prince of Andrew, Andrew's prince", "the Prince Andrew rode"];
  const spans = await searchIn(texts, '"prince andrew" rode');
  assert.deepEqual(
    spans.map(({ documentId }) => documentId),
    ["d2"],
  );
});

test("Chinese, Japanese and Thai are found without spaces between words", async () => {
  const texts = ["春天来了，北京的花开了。", "東京タワーに行きました", "ฉันรักประเทศไทย", "nothing"];
  assert.equal((await searchIn(texts, "北京"))[0]?.documentId, "d1");
  assert.equal((await searchIn(texts, "タワー"))[0]?.documentId, "d2");
  assert.equal((await searchIn(texts, "ประเทศ"))[0]?.documentId, "d3");
});

test("what is no word of its own is still found", async () => {
  const [span] = await searchIn(["const fooBarBaz = 1;", "other"], "BarB");
  assert.match(span?.text ?? "", /fooBarBaz/);
});

test("operators, quotes and signs in a query are plain text", async () => {
  for (const query of [
    '"',
    '"a" OR "',
    "a NEAR(b) *",
    "col:umn ^ - (",
    "'; DROP TABLE passages;",
    "NOT",
    "AND OR",
  ]) {
    await searchIn(["a b c"], query);
  }
  assert.deepEqual(await searchIn(["a b c"], "?!"), []);
});

test("only the chosen documents are ranked", async () => {
  const spans = await searchIn(["whale", "whale whale", "whale"], "whale", { documentIds: ["d1", "d3"] });
  assert.deepEqual(spans.map(({ documentId }) => documentId).sort(), ["d1", "d3"]);
});

test("a corpus too large for an index is ranked among what holds the rarer words", async () => {
  const line = `${"common words fill this line ".repeat(4)}\n`;
  const part = line.repeat(200_000);
  async function* stream(): AsyncGenerator<string> {
    for (let i = 0; i < 3; i++) {
      yield part;
      yield `A zebra sat here, number ${i}, among common words.\n`;
    }
    yield `Two zebras met a giraffe.\n${line}`;
  }
  const spans = await searchIn(stream(), "common zebra giraffe");
  assert.match(spans[0]?.text ?? "", /zebras met a giraffe/);
  assert.equal(spans.filter(({ text }) => /zebra/.test(text)).length, Math.min(3, spans.length));
});

test("where all words are common, a large corpus is ranked among the lines with two of them", async () => {
  const harbour = "the harbour lay there and nothing was said of it\n".repeat(20_000);
  const lantern = "a lantern swung without anybody who looked at all\n".repeat(10_000);
  async function* stream(): AsyncGenerator<string> {
    for (let i = 0; i < 45; i++) yield harbour + lantern;
    yield "A lantern burned in the harbour.\n";
    yield harbour;
  }
  const [best] = await searchIn(stream(), "lantern harbour");
  assert.match(best?.text ?? "", /A lantern burned in the harbour/);
});

test("an aborted search ends, and the next one still finds", async () => {
  const corpus = await openCorpus(filler("ships", 2_000), { signal: never });
  const abort = new AbortController();
  const search = corpus.search("ships", { signal: abort.signal });
  abort.abort(new Error("enough"));
  await assert.rejects(search, /enough/);
  assert.equal((await corpus.search("ships", { signal: never })).length, 10);
  await corpus.close();
});

test("passages cover all that is not blank, in order and in bounds", () => {
  const text = Buffer.from(`# A\n\n${filler("é", 30)}\n# B\n${"x".repeat(9_000)}${"日".repeat(3_000)}`);
  let covered = 0;
  for (const { from, to } of passagesOf(text)) {
    assert.equal(text.toString("utf8", covered, from).trim(), "");
    assert.ok(to > from && to - from <= 1_600);
    covered = to;
  }
  assert.equal(covered, text.length);
});

test("words that are everywhere count only where there are no others", () => {
  assert.deepEqual(parseQuery("Who is the whale?").words, ["whale"]);
  assert.deepEqual(parseQuery("to be or not to be").words, ["to", "be", "or", "not"]);
  assert.deepEqual(expressionsOf(parseQuery('"white whale" Ahab')), [
    '"white whale" AND ("ahab")',
    '"white whale"',
  ]);
});
