/** Stories of formats: a fact in a file of each, made by another program, is cited with the page or place where it stands. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { showAnswer } from "../src/cli/show-answer.ts";
import type { Corpus } from "../src/core/corpus.ts";
import { openCorpus } from "../src/corpora/index.ts";
import { citationsIn } from "../src/rlm/citations.ts";
import { openStage } from "./ask-stage.ts";
import { openCliStage } from "./cli-stage.ts";

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
  ["lease.docx", "Paid at the lock", "lease.docx:3"],
  ["lease.docx", "whether twelve is fairer", "lease.docx:8"],
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
  ["gate.log", "number two runs hot", "gate.log:2"],
  ["slipway.md", "two hours before high water", "slipway.md:7"],
  ["berths.csv", "it swings low", "berths.csv:4"],
  ["berths.tsv", "^3\\tMeridian", "berths.tsv:4"],
  ["berths.json", "pays for eleven nights", "berths.json:15"],
  ["berths.jsonl", "pays for eleven nights", "berths.jsonl:3"],
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

test("a repository is read as git sees it: what .gitignore names, and git's own files, are no part of it", async () => {
  const repository = await mkdtemp(join(tmpdir(), "unabridged-repository-"));
  try {
    const git = (...args: string[]): string =>
      execFileSync("git", args, { cwd: repository, encoding: "utf8" });
    git("init", "--quiet");
    const files = {
      ".gitignore": "build/\n*.tmp\n",
      "src/tide.py": "HIGHEST = 7.83\n",
      "src/.gitignore": "secret.txt\n",
      "src/secret.txt": "HIGHEST = 1\n",
      "build/tide.py": "HIGHEST = 2\n",
      "a.tmp": "HIGHEST = 3\n",
    };
    await mkdir(join(repository, "src"));
    await mkdir(join(repository, "build"));
    for (const [name, text] of Object.entries(files)) await writeFile(join(repository, name), text);
    const seen = git("ls-files", "--others", "--exclude-standard").trim().split("\n").sort();
    const own = await openCorpus({ paths: ["."] }, { signal, cwd: repository });
    assert.deepEqual(
      own.documents.map(({ path }) => path),
      seen,
    );
    const { matches } = await own.grep("HIGHEST", { signal });
    const located = await Promise.all(matches.map((match) => own.locate(match)));
    await own.close();
    assert.deepEqual(
      located.map((location) => [location?.path, location?.line]),
      [["src/tide.py", 1]],
    );
  } finally {
    await rm(repository, { recursive: true, force: true });
  }
});

test("what is asked of files by flag holds, and holds still where the run is resumed", async (t) => {
  const cli = await openCliStage({ root: () => "```repl\nFINAL([text[:18] for text in context])\n```" });
  t.after(() => cli[Symbol.asyncDispose]());
  const files = ["page.html", "notes-latin1.txt", "--raw", "--encoding", "latin1"];
  const run = await cli.run(["ask", "How do they begin?", ...files, ...cli.models], { cwd: folder });
  assert.deepEqual(JSON.parse(run.stdout), ["<!DOCTYPE html>\n<h", "Le phare est fermé"]);
  const id = /run_\w+/.exec(run.stderr)?.[0] ?? "";
  const resumed = await cli.run(["runs", "resume", id], { cwd: folder });
  assert.deepEqual([resumed.code, resumed.stdout], [0, run.stdout], resumed.stderr);
});

test("the built-in reader cites the page, for a program to go to", async (t) => {
  const cli = await openCliStage({ root: () => "never asked" });
  t.after(() => cli[Symbol.asyncDispose]());
  const question = ["ask", "What was the surplus?", "report.pdf", "--model", "reader", "--json"];
  const { stdout } = await cli.run(question, { cwd: folder });
  const { citations } = JSON.parse(stdout) as { citations: { path: string; page: number; text: string }[] };
  assert.deepEqual(
    citations.map(({ path, page, text }) => [path, page, text.includes("18,250 crowns")]),
    [["report.pdf", 3, true]],
  );
});
