/** Tests of files that are broken or hostile: each is named or read as it is, and none crashes, hangs or goes past its limits. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openCorpus } from "../open-corpus.ts";
import { never } from "../samples.test.ts";
import {
  billionLaughs,
  deepMail,
  docx,
  endless,
  epub,
  fileEntity,
  flip,
  gzip,
  overlapping,
  paragraph,
  pdf,
  pptx,
  tar,
  withEntry,
  writeSparse,
  xlsx,
  zip,
} from "./hostile.fixture.ts";

const root = mkdtempSync(join(tmpdir(), "unabridged-hostile-"));
const [directory, spoolDir, secretFile] = [join(root, "in/files"), join(root, "spool"), join(root, "secret")];
const formats = join(import.meta.dirname, "../../../test/fixtures/formats");
const fixture = (name: string): Buffer => readFileSync(join(formats, name));
const cut = (name: string): Buffer => fixture(name).subarray(0, Math.floor(fixture(name).length / 2));
const noise = Buffer.from(Array.from({ length: 4_000 }, (_, i) => (i * i * 31 + i * 7) % 251));
const nested = (archive: Buffer, levels: number): Buffer =>
  levels === 0 ? archive : nested(zip({ "in.zip": archive }), levels - 1);
const gzipped = (content: Buffer, levels: number): Buffer =>
  levels === 0 ? content : gzipped(gzip(content), levels - 1);
const html = (body: string): string => `<!doctype html><html><body>${body}</body></html>`;
const large = endless(10);
const secretText = "the secret of this machine";

/** What becomes of a file: a pattern for the reason it is left out with, or for a text that is read of it. */
type Fate = { readonly leftOut: RegExp } | { readonly read: RegExp } | "either";

interface Hostile {
  readonly content: string | Uint8Array;
  readonly fate: Fate;
}

const leftOut = (content: string | Uint8Array, reason: RegExp): Hostile => ({
  content,
  fate: { leftOut: reason },
});
const read = (content: string | Uint8Array, text: RegExp): Hostile => ({ content, fate: { read: text } });

const hostile: Readonly<Record<string, Hostile>> = {
  // Of no bytes: texts without characters, as they always were.
  "empty.pdf": read("", /^$/),
  "empty.docx": read("", /^$/),
  "empty.zip": leftOut(zip({}), /no text/),
  "empty.html": read("", /^$/),
  // Cut off, or noise after the right beginning.
  "cut.pdf": { content: cut("report.pdf"), fate: "either" },
  "start.pdf": leftOut(fixture("report.pdf").subarray(0, 20), /broken or cut off/),
  "cut.docx": leftOut(cut("report.docx"), /broken or cut off/),
  "cut.xlsx": leftOut(cut("stock.xlsx"), /broken or cut off/),
  "cut.zip": leftOut(cut("archive.zip"), /broken or cut off/),
  "cut.tar.gz": leftOut(cut("archive.tar.gz"), /broken or cut off/),
  "cut.log.gz": leftOut(cut("harbour.log.gz"), /broken or cut off/),
  "cut.tar": leftOut(tar({ "a.txt": "text" }, { size: 1e9 }), /broken or cut off/),
  "noise.pdf": leftOut(Buffer.concat([Buffer.from("%PDF-1.7\n"), noise]), /broken or cut off/),
  "noise.zip": leftOut(Buffer.concat([Buffer.from("PK\x03\x04"), noise]), /broken or cut off/),
  "noise.gz": leftOut(Buffer.concat([Buffer.of(0x1f, 0x8b, 8, 0), noise]), /broken or cut off/),
  "checksum.tar": leftOut(tar({ "a.txt": "text" }, { checksum: false }), /broken/),
  "flipped.zip": { content: flip(fixture("archive.zip")), fate: "either" },
  // Endings that lie.
  "pdf.txt": read(fixture("report.pdf"), /7\.83 metres/),
  "docx.zip": read(fixture("report.docx"), /7\.83 metres/),
  "zip.docx": read(zip({ "a.txt": "an archive" }), /an archive/),
  "text.pdf": read("only text\n", /^only text\n$/),
  "text.docx": read("only text\n", /^only text\n$/),
  "mbox.mbox": read("From here on, 10:30 is late.\n", /^From here on/),
  "png.html": leftOut(Buffer.from("\x89PNG\r\n\x1a\n\0\0", "latin1"), /^binary$/),
  "fragment.html": read("<p>a template of {{name}}</p>", /^<p>a template/),
  "html.eml": read(html("<p>no mail"), /^<!doctype/),
  // Bombs.
  "bomb.zip": leftOut(zip({ "a.txt": "small", "b.txt": large }), /bomb/),
  "bomb.gz": leftOut(gzip(large), /bomb/),
  "bomb.tar.gz": leftOut(gzip(tar({ "a.txt": "small", "b.txt": large })), /bomb/),
  "bomb.docx": leftOut(docx(paragraph(large)), /bomb/),
  "bomb.xlsx": leftOut(xlsx(`<row r="1"><c r="A1"><v>${large}</v></c></row>`), /bomb/),
  "bomb.epub": leftOut(epub(html(large)), /bomb/),
  "bomb-within.zip": leftOut(nested(zip({ "a.txt": large }), 2), /bomb/),
  "overlap.zip": leftOut(overlapping(endless(1), 100), /bomb/),
  "many.zip": leftOut(
    zip(Object.fromEntries(Array.from({ length: 2_500 }, (_, i) => [`${i}`, "x"]))),
    /more than 2,000 files/,
  ),
  "nested.zip": leftOut(nested(zip({ "a.txt": "deep" }), 7), /more than 4 levels/),
  "nested.gz": leftOut(gzipped(Buffer.from("deep"), 9), /more than 4 levels/),
  "size-lie.zip": leftOut(
    withEntry(zip({ "a.txt": endless(1) }), (entry) => entry.writeUInt32LE(10, 24)),
    /too many bytes|broken/,
  ),
  "sheet.xlsx": { content: xlsx(`<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>`), fate: "either" },
  // XML that reaches for files, or grows.
  "xxe.docx": leftOut(docx(paragraph("&secret;"), fileEntity(secretFile)), /entities/),
  "xxe.xlsx": leftOut(
    xlsx(`<row r="1"><c r="A1" t="str"><v>&secret;</v></c></row>`, fileEntity(secretFile)),
    /entities/,
  ),
  "xxe.epub": leftOut(epub(`${fileEntity(secretFile)}<html><body>&secret;</body></html>`), /entities/),
  "laughs.docx": leftOut(docx(paragraph("&l9;"), billionLaughs), /entities/),
  "laughs.pptx": leftOut(pptx("&l9;", billionLaughs), /entities/),
  "utf16-laughs.pptx": leftOut(pptx("&l9;", `\ufeff${billionLaughs}`, "utf16le"), /entities/),
  // Nested deeply, or in circles.
  "deep.html": read(html(`${"<div>".repeat(100_000)}at the bottom`), /at the bottom/),
  "deep.docx": {
    content: docx(
      `${"<w:tbl><w:tr><w:tc>".repeat(20_000)}${paragraph("x")}${"</w:tc></w:tr></w:tbl>".repeat(20_000)}`,
    ),
    fate: "either",
  },
  "deep.pptx": leftOut(pptx(`at the top${"<a:x>".repeat(100_000)}`), /nested too deeply/),
  "deep.eml": read(deepMail(500), /./),
  "deep.json": read("[".repeat(1_000_000), /^\[/),
  "circle.pdf": leftOut(pdf("<</Type /Pages /Count 3 /Kids [2 0 R]>>"), /./),
  "count.pdf": leftOut(pdf("<</Type /Pages /Count 99999999 /Kids [3 0 R]>>"), /./),
  "no-text.pdf": leftOut(pdf("<</Type /Pages /Count 1 /Kids [3 0 R]>>"), /recognition/),
  // Names.
  "traversal.zip": read(
    zip({ "../../out.txt": "x", "/etc/out.txt": "x", "C:\\out.txt": "x", "in.txt": "stays in" }),
    /^stays in$/,
  ),
  "traversal.tar": read(tar({ "../../out.txt": "x", "/out.txt": "x", "in.txt": "stays in" }), /^stays in$/),
  "names.zip": read(zip({ "á\nb\u0007.txt": "a name of two lines" }), /two lines/),
  "link.zip": leftOut(
    withEntry(zip({ "link.txt": "/etc/passwd" }), (entry) => entry.writeUInt32LE((0xa1ff << 16) >>> 0, 38)),
    /no text/,
  ),
  // Locked, or of a kind that nobody here reads.
  "locked.pdf": leftOut(fixture("locked.pdf"), /password/),
  "locked.zip": leftOut(fixture("locked.zip"), /password/),
  "old.doc": leftOut(
    Buffer.concat([Buffer.of(0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1), Buffer.alloc(600)]),
    /old office/,
  ),
  "method.zip": leftOut(
    withEntry(zip({ "a.txt": "text" }), (entry) => entry.writeUInt16LE(99, 10)),
    /unpacked|compression/,
  ),
  "parts.docx": leftOut(zip({ "[Content_Types].xml": "<Types/>", "word/document.xml": "" }), /broken/),
  "parts.epub": leftOut(
    zip({ mimetype: "application/epub+zip", "META-INF/container.xml": "<container/>" }),
    /table of its parts/,
  ),
  "writer.odt": leftOut(
    zip({ mimetype: "application/vnd.oasis.opendocument.text", "content.xml": "<x/>" }),
    /OpenDocument/,
  ),
};

const sparse: Readonly<Record<string, { readonly start: string; readonly reason: RegExp }>> = {
  "sparse.pdf": { start: "%PDF-1.7\n", reason: /too large/ },
  "sparse.zip": { start: "PK\x03\x04", reason: /broken or cut off/ },
  "sparse.gz": { start: "\x1f\x8b\x08\0\0\0\0\0\0\x03", reason: /broken|bomb/ },
  "sparse.bin": { start: "\0", reason: /^binary$/ },
};

/** Small, so that a file that gets through them shows. */
const extraction = {
  entries: 2_000,
  outputBytes: 8 * 1024 ** 2,
  memoryBytes: 500 * 1024 ** 2,
  stallMs: 20_000,
  timeMs: 40_000,
};

/** What became of each file: the reasons it, or files in it, were left out with, and the beginnings of its texts. */
interface Outcome {
  readonly reasons: string[];
  readonly texts: string[];
  readonly paths: string[];
}

const outcomes = new Map<string, Outcome>();

before(async () => {
  mkdirSync(directory, { recursive: true });
  mkdirSync(spoolDir);
  writeFileSync(secretFile, secretText);
  for (const [name, { content }] of Object.entries(hostile)) writeFileSync(join(directory, name), content);
  for (const [name, { start }] of Object.entries(sparse))
    writeSparse(join(directory, name), Buffer.from(start, "latin1"), 2 ** 31);
  const names = readdirSync(directory);
  // A description lists twenty files that were left out.
  for (let i = 0; i < names.length; i += 9) await openTogether(names.slice(i, i + 9));
});

after(() => rmSync(root, { recursive: true, force: true }));

async function openTogether(names: readonly string[]): Promise<void> {
  writeFileSync(join(directory, "plain.txt"), "plain\n");
  const paths = [...names, "plain.txt"];
  const corpus = await openCorpus({ paths }, { signal: never, cwd: directory, spoolDir, extraction });
  for (const name of names) outcomes.set(name, { reasons: [], texts: [], paths: [] });
  const outcomeOf = (path: string): Outcome | undefined =>
    outcomes.get(names.find((name) => path.split(/[!# ]/)[0] === name) ?? "");
  for (const { path, reason } of corpus.describe().skipped) outcomeOf(path)?.reasons.push(reason);
  for (const { id, path = "" } of corpus.documents) {
    outcomeOf(path)?.texts.push(await corpus.read(id, 0, 1_000_000));
    outcomeOf(path)?.paths.push(path);
  }
  await corpus.close();
}

for (const [name, { fate }] of Object.entries(hostile)) {
  const what = fate === "either" ? "named or read" : "leftOut" in fate ? "left out by name" : "read";
  test(`${name} is ${what}`, () => {
    const { reasons = [], texts = [] } = outcomes.get(name) ?? {};
    const found = JSON.stringify({ reasons, texts: texts.map((text) => text.slice(0, 200)) });
    if (fate === "either") assert.ok(reasons.length + texts.length > 0, found);
    else if ("leftOut" in fate) {
      assert.equal(texts.length, 0, found);
      assert.match(reasons.join("; "), fate.leftOut);
    } else assert.ok(texts.length === 1 && fate.read.test(texts[0] ?? ""), found);
    assert.ok(!texts.some((text) => text.includes(secretText)), "a file outside was read");
  });
}

for (const [name, { reason }] of Object.entries(sparse)) {
  test(`${name}, of 2 GiB without content, is left out by name`, () => {
    assert.match(outcomes.get(name)?.reasons.join("; ") ?? "", reason);
  });
}

test("nothing is written beside the files, or left behind", () => {
  const made = ["plain.txt", ...Object.keys(hostile), ...Object.keys(sparse)];
  assert.deepEqual(readdirSync(directory).sort(), made.sort());
  assert.deepEqual(readdirSync(root).sort(), ["in", "secret", "spool"]);
  assert.deepEqual(readdirSync(join(root, "in")), ["files"]);
  assert.deepEqual(readdirSync(spoolDir), []);
});

test("what packs a thousand to one is a bomb long before any limit of size", async () => {
  writeFileSync(join(root, "ratio.zip"), zip({ "a.txt": endless(70) }));
  await assert.rejects(openCorpus({ paths: ["ratio.zip"] }, { signal: never, cwd: root, spoolDir }), {
    code: "unreadable",
    message: /more than 64 MiB.*bomb/,
  });
  rmSync(join(root, "ratio.zip"));
});

test("names of packed files are shown in one line", () => {
  assert.deepEqual(outcomes.get("names.zip")?.paths, ["names.zip!/á b .txt"]);
});

test("a file that leads out of its archive is named as such", () => {
  assert.match(outcomes.get("traversal.zip")?.reasons.join("; ") ?? "", /leads out of the archive/);
});
