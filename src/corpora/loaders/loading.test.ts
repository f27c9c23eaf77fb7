/** Tests of taking text out of files while a corpus is opened: what is asked for, what is kept, what ends it. */
import assert from "node:assert/strict";
import { createReadStream, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Corpus } from "../../core/corpus.ts";
import type { ContextInput } from "../../core/context.ts";
import { openCorpus } from "../open-corpus.ts";
import type { OpenCorpusOptions } from "../open-options.ts";
import { directoryWith, never } from "../samples.test.ts";
import { sliceCorpus } from "../slice-corpus.ts";
import { tar, zip } from "./hostile.fixture.ts";

const formats = join(import.meta.dirname, "../../../test/fixtures/formats");

function open(input: ContextInput, options: Partial<OpenCorpusOptions> = {}): Promise<Corpus> {
  return openCorpus(input, { signal: never, cwd: formats, ...options });
}

async function textOf(input: ContextInput, options: Partial<OpenCorpusOptions> = {}): Promise<string> {
  const corpus = await open(input, options);
  const text = await corpus.read("d1", 0, 1_000_000);
  await corpus.close();
  return text;
}

test("raw: HTML and mails are their source, byte for byte, and a PDF is no text", async () => {
  for (const name of ["page.html", "box.mbox", "minutes.eml"]) {
    const corpus = await open({ paths: [name] }, { raw: true });
    assert.deepEqual(Buffer.from(await corpus.load("d1")), readFileSync(join(formats, name)));
    await corpus.close();
  }
  await assert.rejects(open({ paths: ["report.pdf"] }, { raw: true }), { message: /a PDF: .*without "raw"/ });
});

test("without being asked, bytes that are no UTF-8 are kept as they are, in files and in archives", async (t) => {
  const bytes = Buffer.from("fermé\n", "latin1");
  const cwd = directoryWith(t, {
    "a.zip": zip({ "a.txt": bytes }),
    "b.tar": tar({ "b.txt": bytes }),
    "c.txt": bytes,
  });
  const corpus = await open({ paths: ["."] }, { cwd });
  assert.deepEqual(
    corpus.documents.map(({ path }) => path),
    ["a.zip!/a.txt", "b.tar!/b.txt", "c.txt"],
  );
  for (const { id } of corpus.documents) {
    assert.equal(await corpus.read(id, 0, 10), "ferm\udce9\n");
    assert.deepEqual(Buffer.from(await corpus.load(id)), bytes);
  }
  await corpus.close();
});

test("an encoding that was asked for holds for what is no UTF-8, and only for that", async (t) => {
  const latin = Buffer.from("fermé\n", "latin1");
  const cwd = directoryWith(t, {
    "a.txt": latin,
    "b.txt": "ouvert, été\n",
    "c.zip": zip({ "c.txt": latin }),
  });
  const corpus = await open({ paths: ["."] }, { cwd, encoding: "latin1" });
  const texts = await Promise.all(corpus.documents.map(({ id }) => corpus.read(id, 0, 100)));
  assert.deepEqual(texts, ["fermé\n", "ouvert, été\n", "fermé\n"]);
  await corpus.close();
  assert.equal(
    await textOf({ paths: ["notes-latin1.txt"] }, { encoding: "latin1" }),
    "Le phare est fermé le mercredi.\n",
  );
  await assert.rejects(open("x", { encoding: "klingon" }), { code: "invalid_option", message: /klingon/ });
});

test("UTF-16 without its mark is known by its zero bytes; other zero bytes are binary", async (t) => {
  const utf16 = Buffer.from("Log of the harbour\r\n", "utf16le");
  const cwd = directoryWith(t, {
    "a.txt": utf16,
    "b.txt": Buffer.from(utf16).swap16(),
    "c.bin": Buffer.from(Array.from({ length: 64 }, (_, i) => (i % 2 === 0 ? i : 0))),
    "d.bin": Buffer.from("text\0and more text"),
  });
  const corpus = await open({ paths: ["."] }, { cwd });
  const texts = await Promise.all(corpus.documents.map(({ id }) => corpus.read(id, 0, 100)));
  assert.deepEqual(texts, ["Log of the harbour\r\n", "Log of the harbour\r\n"]);
  assert.deepEqual(
    corpus.describe().skipped.map(({ path }) => path),
    ["c.bin", "d.bin"],
  );
  await corpus.close();
});

test("documents keep the order of their paths, however long each takes", async (t) => {
  const pdf = readFileSync(join(formats, "report.pdf"));
  const cwd = directoryWith(t, {
    "a.txt": "a",
    "b.pdf": pdf,
    "c.txt": "c",
    "d.zip": zip({ x: "x", y: "y" }),
    "e.txt": "e",
  });
  const corpus = await open({ paths: ["."] }, { cwd });
  assert.deepEqual(
    corpus.documents.map(({ id, path }) => `${id} ${path ?? ""}`),
    ["d1 a.txt", "d2 b.pdf", "d3 c.txt", "d4 d.zip!/x", "d5 d.zip!/y", "d6 e.txt"],
  );
  await corpus.close();
});

test("a PDF that comes as a stream is read too, and one alone is one text", async () => {
  const corpus = await open({ stream: createReadStream(join(formats, "report.pdf")), path: "stdin" });
  const { kind, single, structure } = corpus.describe();
  assert.deepEqual([kind, single], ["1 PDF file", true]);
  assert.equal(structure[0], "3 pages, parted by lines of \\f");
  const [start] = await corpus.search("surplus", { signal: never });
  assert.ok(start);
  const location = await corpus.locate(start);
  assert.deepEqual([location?.path, location?.page], ["stdin", 3]);
  await corpus.close();
});

test("part of a word is found on its own page", async () => {
  const corpus = await open({ paths: ["report.docx"] });
  const [found] = await corpus.search("Brandvi", { signal: never });
  assert.ok(found);
  assert.match(found.text, /Brandvik and Sons/);
  assert.equal((await corpus.locate(found))?.page, 3);
  await corpus.close();
});

test("a stretch that a child was handed keeps its pages", async () => {
  const corpus = await open({ paths: ["report.pdf"] });
  const { matches } = await corpus.grep("The treasurer.*", { signal: never });
  const [match] = matches;
  assert.ok(match);
  const { documentId, start, end } = match;
  const child = await sliceCorpus(corpus, [{ documentId, start, end }], { signal: never });
  assert.equal((await child.locate({ documentId, start, end }))?.page, 3);
  await child.close();
  await corpus.close();
});

test("the fingerprint is that of the text: equal for an equal file, however often it is read", async () => {
  const fingerprint = async (): Promise<string> => {
    const corpus = await open({ paths: ["report.docx", "box.mbox"] });
    await corpus.close();
    return corpus.fingerprint;
  };
  assert.equal(await fingerprint(), await fingerprint());
});

test("a broken file is refused by name where nothing may be left out", async (t) => {
  const cwd = directoryWith(t, { "a.txt": "text", "b.pdf": "%PDF-1.7 and no more" });
  await assert.rejects(open({ paths: ["."] }, { cwd, binary: "refuse" }), {
    code: "unreadable",
    message: /"b\.pdf".*broken or cut off/,
  });
  await assert.rejects(open({ paths: ["b.pdf"] }, { cwd }), { code: "unreadable", message: /b\.pdf/ });
});

test("what takes too long is left out by name; HTML is then its source", async (t) => {
  const slow = `<!doctype html><html><body>${"<p>a paragraph of <b>some</b> words</p>\n".repeat(60_000)}</body></html>`;
  const cwd = directoryWith(t, { "a.html": slow, "b.zip": zip({ "a.html": slow }), "c.txt": "text" });
  const corpus = await open({ paths: ["."] }, { cwd, extraction: { timeMs: 300 } });
  assert.deepEqual(
    corpus.documents.map(({ path, bytes }) => [path, bytes]),
    [
      ["a.html", slow.length],
      ["c.txt", 4],
    ],
  );
  assert.deepEqual(corpus.describe().skipped, [
    { path: "b.zip", reason: "it takes more than 0.3 s to be read" },
  ]);
  await corpus.close();
});

test("an abort ends what is being read, and leaves nothing behind", async (t) => {
  const spoolDir = directoryWith(t, {});
  const abort = new AbortController();
  const opening = open({ paths: ["."] }, { spoolDir, signal: abort.signal });
  setTimeout(() => abort.abort(new Error("enough")), 100);
  await assert.rejects(opening, /enough/);
  assert.deepEqual(readdirSync(spoolDir), []);
});

test("templates, fragments and prose stay what they are, whatever their ending", async (t) => {
  const files = {
    "fragment.html": "<div>{{ name }}</div>\n",
    Notes: "From here to there, 10:30 at night\nit went on\n",
    "prose.eml": "Dear all,\nthis is no mail.\n",
    "table.mbox": "a,b\n1,2\n",
  };
  const cwd = directoryWith(t, files);
  for (const [name, text] of Object.entries(files))
    assert.equal(await textOf({ paths: [name] }, { cwd }), text);
});
