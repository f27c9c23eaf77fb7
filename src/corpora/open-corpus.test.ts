/** Tests of opening every kind of context, and of what is refused or left out. */
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import type { Corpus } from "../core/corpus.ts";
import type { ContextInput } from "../core/context.ts";
import { openCorpus } from "./open-corpus.ts";
import type { OpenCorpusOptions } from "./open-options.ts";
import { directoryWith, never } from "./samples.test.ts";

function open(input: ContextInput, options: Partial<OpenCorpusOptions> = {}): Promise<Corpus> {
  return openCorpus(input, { signal: never, ...options });
}

async function textsIn(corpus: Corpus): Promise<string[]> {
  return Promise.all(corpus.documents.map(({ id }) => corpus.read(id, 0, 1_000_000)));
}

function pathsIn(corpus: Corpus, directory: string): (string | undefined)[] {
  return corpus.documents.map(({ path }) => path?.slice(directory.length + 1));
}

test("a string is text, even if a file has its name", async (t) => {
  const directory = directoryWith(t, { "a.txt": "content" });
  const corpus = await open(join(directory, "a.txt"));
  assert.deepEqual(await textsIn(corpus), [join(directory, "a.txt")]);
  assert.equal(corpus.describe().single, true);
  await corpus.close();
});

test("strings, documents, files and streams mix in one list, in its order", async (t) => {
  const directory = directoryWith(t, { "b.txt": "three" });
  const corpus = await open([
    "one",
    { id: "contract-7", text: "two", path: "label.md", metadata: { year: 2026 } },
    { paths: [join(directory, "b.txt")] },
    { stream: Readable.from(["fo", "ur"]), title: "Four" },
    Readable.from([Buffer.from([0xff]), "five"]),
  ]);
  assert.deepEqual(await textsIn(corpus), ["one", "two", "three", "four", "\udcfffive"]);
  assert.deepEqual(
    corpus.documents.map(({ id, title }) => [id, title]),
    [
      ["d1", undefined],
      ["d2", "contract-7"],
      ["d3", undefined],
      ["d4", "Four"],
      ["d5", undefined],
    ],
  );
  assert.deepEqual(corpus.documents[1]?.metadata, { id: "contract-7", year: 2026 });
  await corpus.close();
});

test("a list of one text is a list, a directory of one file is one text", async (t) => {
  const list = await open(["one"]);
  assert.equal(list.describe().single, false);
  const one = await open({ paths: [directoryWith(t, { "a.txt": "x" })] });
  assert.equal(one.describe().single, true);
  await Promise.all([list.close(), one.close()]);
});

test("a character that is split over two chunks of a stream stays whole", async () => {
  const [first, second] = ["🎉".slice(0, 1), "🎉".slice(1)];
  const bytes = Buffer.from("é");
  const corpus = await open([
    Readable.from([`a${first}`, `${second}b`]),
    Readable.from([bytes.subarray(0, 1), bytes.subarray(1)]),
  ]);
  assert.deepEqual(await textsIn(corpus), ["a🎉b", "é"]);
  await corpus.close();
});

test("bytes are exact: CRLF, a byte order mark and broken UTF-8 stay", async (t) => {
  const bytes = Buffer.from([0xef, 0xbb, 0xbf, 0x61, 0x0d, 0x0a, 0xe2, 0x82]);
  const corpus = await open({ paths: [directoryWith(t, { "a.txt": bytes })] });
  assert.deepEqual(Buffer.from(await corpus.load("d1")), bytes);
  assert.equal(await corpus.read("d1", 0, 100), "\ufeffa\r\n\udce2\udc82");
  assert.equal(await corpus.characters("d1"), 6);
  assert.equal(corpus.documents[0]?.characters, 6);
  await corpus.close();
});

test("UTF-16 is converted, and the document says so", async (t) => {
  const directory = directoryWith(t, { "a.txt": Buffer.from("\ufeffnaïve 🎉", "utf16le") });
  const corpus = await open({ paths: [directory] });
  assert.deepEqual(await textsIn(corpus), ["naïve 🎉"]);
  assert.deepEqual(corpus.documents[0]?.metadata, { encoding: "utf-16le" });
  await corpus.close();
});

test("the files of a directory come sorted, without what .gitignore and habit leave out", async (t) => {
  const directory = directoryWith(t, {
    ".gitignore": "*.tmp\nbuild/",
    "b/.gitignore": "!keep.tmp\nsecret.txt",
    "b/keep.tmp": "x",
    "b/secret.txt": "x",
    "b/b.txt": "x",
    "a.tmp": "x",
    "a.txt": "x",
    "build/out.txt": "x",
    "node_modules/m/index.js": "x",
    ".git/config": "x",
  });
  const corpus = await open({ paths: [directory] });
  assert.deepEqual(pathsIn(corpus, directory), [
    ".gitignore",
    "a.txt",
    "b/.gitignore",
    "b/b.txt",
    "b/keep.tmp",
  ]);
  const all = await open({ paths: [directory] }, { gitignore: false });
  assert.equal(all.documents.length, 8);
  const inside = await open({ paths: [join(directory, "node_modules")] });
  assert.equal(inside.documents.length, 1);
  await Promise.all([corpus.close(), all.close(), inside.close()]);
});

test("globs, files and directories are taken once each, relative to the working directory", async (t) => {
  const cwd = directoryWith(t, { "docs/a.md": "x", "docs/deep/b.md": "x", "docs/c.txt": "x", "[1].md": "x" });
  const corpus = await open({ paths: ["docs/**/*.md", "[1].md", "docs"] }, { cwd });
  assert.deepEqual(
    corpus.documents.map(({ path }) => path),
    ["docs/a.md", "docs/deep/b.md", "[1].md", "docs/c.txt"],
  );
  await corpus.close();
});

test("a path that does not exist is named, with the nearest that does", async (t) => {
  const cwd = directoryWith(t, { "chapters/one.md": "x" });
  await assert.rejects(open({ paths: ["chapter"] }, { cwd }), {
    code: "not_found",
    message: /"chapter".*Did you mean "chapters"\?/,
  });
  await assert.rejects(open({ paths: ["chapters/on.md"] }, { cwd }), { message: /"chapters\/one.md"\?/ });
  await assert.rejects(open({ paths: ["*.csv"] }, { cwd }), {
    code: "not_found",
    message: /No file matches/,
  });
});

test("binary files are left out and listed, or refused", async (t) => {
  const directory = directoryWith(t, {
    "a.txt": "text",
    "b.bin": Buffer.from([1, 0, 2]),
    "c.pdf": "%PDF-1.7 …",
    "late.txt": Buffer.concat([Buffer.alloc(9_000, "x"), Buffer.of(0)]),
  });
  const corpus = await open({ paths: [directory] });
  assert.deepEqual(pathsIn(corpus, directory), ["a.txt", "late.txt"]);
  assert.deepEqual(
    corpus
      .describe()
      .skipped.map(({ path, reason }) => [path.slice(directory.length + 1), reason.slice(0, 6)]),
    [
      ["b.bin", "binary"],
      ["c.pdf", "a PDF "],
    ],
  );
  await corpus.close();
  await assert.rejects(open({ paths: [directory] }, { binary: "refuse" }), {
    code: "unreadable",
    message: /b\.bin/,
  });
  await assert.rejects(open({ paths: [join(directory, "b.bin")] }), {
    code: "unreadable",
    message: /b\.bin.*binary/,
  });
});

test("a link to nothing is left out and listed", async (t) => {
  const directory = directoryWith(t, { "a.txt": "text" });
  symlinkSync(join(directory, "gone"), join(directory, "link.txt"));
  const cwd = directory;
  const corpus = await open({ paths: ["a.txt", "*.txt"] }, { cwd });
  assert.equal(corpus.documents.length, 1);
  await corpus.close();
});

test("no text at all is an error that says what was left out", async (t) => {
  const directory = directoryWith(t, { "a.bin": Buffer.from([0]), "b.bin": Buffer.from([0]) });
  await assert.rejects(open({ paths: [directory] }), {
    code: "empty_corpus",
    message: /2 files were left out/,
  });
  await assert.rejects(open({ paths: [directoryWith(t, {})] }), { code: "empty_corpus" });
  for (const input of ["", [], ["", ""], Readable.from([])]) {
    await assert.rejects(open(input), { code: "empty_corpus" });
  }
});

test("an empty file among others is a document without characters", async (t) => {
  const corpus = await open({ paths: [directoryWith(t, { "a.txt": "", "b.txt": "b" })] });
  assert.deepEqual(
    corpus.documents.map(({ characters }) => characters),
    [0, undefined],
  );
  assert.equal(await corpus.read("d1", 0, 10), "");
  await corpus.close();
});

test("a named pipe is read as a stream", { skip: process.platform === "win32" }, async (t) => {
  const directory = directoryWith(t, {});
  const pipe = join(directory, "pipe");
  execFileSync("mkfifo", [pipe]);
  const opening = open({ paths: [pipe] });
  execFile("sh", ["-c", `echo through > "${pipe}"`]);
  const corpus = await opening;
  assert.deepEqual(await textsIn(corpus), ["through\n"]);
  await corpus.close();
});

test("the fingerprint is equal for unchanged input and differs after a change", async (t) => {
  const directory = directoryWith(t, { "a.txt": "one" });
  const fingerprintOf = async (input: ContextInput): Promise<string> => {
    const corpus = await open(input);
    await corpus.close();
    return corpus.fingerprint;
  };
  const files = { paths: [directory] };
  const before = await fingerprintOf(files);
  assert.equal(await fingerprintOf(files), before);
  writeFileSync(join(directory, "a.txt"), "two");
  utimesSync(join(directory, "a.txt"), 1, 1);
  assert.notEqual(await fingerprintOf(files), before);
  assert.equal(await fingerprintOf(["a", "b"]), await fingerprintOf(["a", "b"]));
  assert.notEqual(await fingerprintOf(["a", "b"]), await fingerprintOf(["ab"]));
});

test("texts are kept in a private directory that closing removes, and that a failed opening does not leave", async (t) => {
  const spoolDir = directoryWith(t, {});
  const corpus = await open(["one", "two"], { spoolDir });
  const [made = ""] = readdirSync(spoolDir);
  assert.equal(statSync(join(spoolDir, made)).mode & 0o077, 0);
  await corpus.close();
  assert.deepEqual(readdirSync(spoolDir), []);
  await assert.rejects(open(["one", { paths: ["nowhere"] }], { spoolDir }));
  assert.deepEqual(readdirSync(spoolDir), []);
});

test("a stream that falls silent does not outlive the signal", async () => {
  const abort = new AbortController();
  async function* silent(): AsyncGenerator<string> {
    yield "start";
    abort.abort(new Error("enough"));
    await new Promise(() => {});
  }
  await assert.rejects(open(silent(), { signal: abort.signal }), /enough/);
});

test("documents take their ids from the caller's counter", async () => {
  let next = 40;
  const corpus = await open(["a", "b"], { nextDocumentId: () => `d${++next}` });
  assert.deepEqual(
    corpus.documents.map(({ id }) => id),
    ["d41", "d42"],
  );
  await corpus.close();
});

test("thousands of files open and are searched, with progress", async (t) => {
  const directory = directoryWith(t, {});
  for (let folder = 0; folder < 30; folder++) {
    mkdirSync(join(directory, String(folder)));
    for (let i = 0; i < 100; i++) writeFileSync(join(directory, `${folder}/${i}.txt`), `text ${i}`);
  }
  const reported: number[] = [];
  const corpus = await open(
    { paths: [directory] },
    { onProgress: ({ documents }) => reported.push(documents) },
  );
  assert.equal(corpus.documents.length, 3_000);
  assert.ok(reported.length > 5 && reported.every((count, i) => count > (reported[i - 1] ?? 0)));
  const { total, documents } = await corpus.grep("text 7\\d*", { signal: never, limit: 1 });
  assert.deepEqual([total, documents], [330, 330]);
  await corpus.close();
});

test("locating a span gives its path, line, column and text", async (t) => {
  const directory = directoryWith(t, { "a.txt": "first\nsécond line\n" });
  const corpus = await open({ paths: ["a.txt"] }, { cwd: directory });
  assert.deepEqual(await corpus.locate({ documentId: "d1", start: 13, end: 17 }), {
    span: { documentId: "d1", start: 13, end: 17 },
    path: "a.txt",
    title: undefined,
    line: 2,
    column: 8,
    text: "line",
  });
  assert.equal(await corpus.locate({ documentId: "d1", start: 18, end: 20 }), undefined);
  assert.equal(await corpus.locate({ documentId: "d7", start: 0, end: 2 }), undefined);
  assert.equal(existsSync(join(directory, "a.txt")), true);
  await corpus.close();
});
