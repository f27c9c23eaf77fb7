/** Stories of citations: a fact in a file of each format, made by another program, is cited with the page or place where it stands. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { showAnswer } from "../src/cli/show-answer.ts";
import type { Corpus } from "../src/core/corpus.ts";
import { openCorpus } from "../src/corpora/index.ts";
import { citationsIn } from "../src/rlm/citations.ts";
import { openStage } from "./ask-stage.ts";

const signal = new AbortController().signal;
const folder = join(import.meta.dirname, "fixtures/formats");

/** A pattern that only the fact's own sentence matches, and how a person is told of its place. */
const facts: readonly (readonly [file: string, pattern: string, cited: string])[] = [
  ["report.pdf", "highest tide of the year stood at 7\\.83", "report.pdf p.2"],
  ["report.pdf", "surplus of 18,250", "report.pdf p.3"],
  ["browser.pdf", "green buoy number 14", "browser.pdf p.1"],
  ["report.docx", "highest tide of the year stood at 7\\.83", "report.docx p.2"],
  ["report.docx", "Brandvik and Sons", "report.docx p.3"],
  ["memo.docx", "second of October", "memo.docx p.2"],
  ["slides.pptx", "Pumps \\| 31500", "slides.pptx slide 3"],
  ["slides.pptx", "pumps are bought from Brandvik", "slides.pptx slide 3"],
  ["stock.xlsx", '^1,"Aurora, barque",2024-03-21', "stock.xlsx#Berths:2"],
  ["stock.xlsx", "Halcyon,612\\.5", "stock.xlsx#Dues:4"],
  ["book.epub", "three flashes every twelve", "book.epub chapter 3, The narrows"],
  ["page.html", "moved two cables", "page.html § Buoys"],
  ["box.mbox", "früh um sechs", "box.mbox#2:6"],
  ["box.mbox", "Buoy \\*\\*14\\*\\* lies", "box.mbox#3:8"],
  ["minutes.eml", "Both are attached", "minutes.eml:7"],
  ["minutes.eml", "gate was closed for six hours", "minutes.eml!/minutes.pdf p.2"],
  ["minutes.eml", "^3;Halcyon", "minutes.eml!/berths.csv:2"],
  ["archive.zip", "No fires on the wharf", "archive.zip!/docs/rules.md:3"],
  ["archive.zip", "Keep forty metres off", "archive.zip!/docs/page.html § Dredging"],
  ["archive.tar.gz", "^Halcyon,640", "archive.tar.gz!/data/ships.csv:2"],
  ["archive.tar.gz", "Halcyon,612\\.5", "archive.tar.gz!/data/stock.xlsx#Dues:4"],
  ["harbour.log.gz", "level 4\\.7 m", "harbour.log.gz:17"],
  ["notes-utf16.txt", "schließt um acht", "notes-utf16.txt:2"],
  ["notes-utf32.txt", "closes at eight 🚢", "notes-utf32.txt:2"],
];

let corpus: Corpus;
before(async () => {
  corpus = await openCorpus({ paths: ["."] }, { signal, cwd: folder });
});
after(() => corpus.close());

for (const [file, pattern, cited] of facts) {
  test(`a fact is cited as [${cited}]`, async () => {
    const { matches } = await corpus.grep(pattern, { signal });
    const own = matches.filter(({ documentId }) => {
      const path = corpus.documents.find(({ id }) => id === documentId)?.path ?? "";
      return path === file || path.startsWith(`${file}!`) || path.startsWith(`${file}#`);
    });
    assert.equal(own.length, 1);
    const [{ documentId, start, end } = { documentId: "", start: 0, end: 0 }] = own;
    const answer = `So it says [${documentId}:${start}-${end}].`;
    const citations = await citationsIn(answer, corpus);
    assert.match(citations[0]?.text ?? "", new RegExp(pattern.replace("^", "")));
    assert.equal(showAnswer({ answer, citations }, { homeFolder: "/nowhere" }), `So it says [${cited}].\n`);
  });
}

test("what can't be read of them is named, with what to do", () => {
  const skipped = new Map(corpus.describe().skipped.map(({ path, reason }) => [path, reason]));
  assert.deepEqual(Object.fromEntries(skipped), {
    "archive.zip!/docs/quay.png": "binary",
    "locked.pdf": "a PDF protected by a password",
    "locked.zip!/docs/rules.md": "protected by a password",
  });
});

test("a run over a PDF answers with the page that the fact stands on", async () => {
  await using stage = await openStage({
    root: (turn) =>
      turn === 1
        ? "```repl\nhit = grep('surplus')[0]\nprint(hit.id)\n```"
        : "```repl\nFINAL(f'18,250 crowns [{hit.id}]')\n```",
  });
  const run = stage.engine.ask(
    { query: "What was the surplus?", context: { paths: ["report.pdf"] } },
    { workingFolder: folder },
  );
  const { answer, citations } = await run.result();
  assert.deepEqual(
    citations.map(({ path, page }) => [path, page]),
    [["report.pdf", 3]],
  );
  const shown = showAnswer({ answer, citations }, { homeFolder: stage.home });
  assert.equal(shown, "18,250 crowns [report.pdf p.3]\n");
});
