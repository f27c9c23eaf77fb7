/** Items from files that are no text themselves: what a loader takes out of them, where it stood, and what is left behind. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test, type TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import type { InputEntry } from "../core/job-store.ts";
import { isPlainObject, type Json } from "../core/json.ts";
import { openItems, type ItemOptions } from "./items.ts";
import { tar, zip } from "./loaders/hostile.fixture.ts";
import { PlaceLines } from "./place-lines.ts";
import { directoryWith, never } from "./samples.test.ts";

const formats = join(import.meta.dirname, "../../test/fixtures/formats");
const pdf = readFileSync(join(formats, "report.pdf"));

function items(input: string, cwd: string, options: Partial<ItemOptions> = {}): Promise<InputEntry[]> {
  return Array.fromAsync(openItems(input, { signal: never, cwd, ...options }));
}

function told(entries: readonly InputEntry[]): unknown[] {
  return entries.map((entry) => [entry.key, entry.type === "item" ? entry.item : entry.fault.message]);
}

function field(entry: InputEntry | undefined, name: string): Json | undefined {
  return entry?.type === "item" && isPlainObject(entry.item) ? entry.item[name] : undefined;
}

function keys(entries: readonly InputEntry[]): unknown[] {
  return entries.map(({ key }) => key);
}

test("a document is one item with its title; mails, sheets and packed files are one each", async () => {
  const [report, ...others] = await items("report.pdf", formats);
  assert.deepEqual([report?.key, others], ["report.pdf", []]);
  assert.equal(field(report, "title"), "Report of the Harbour Board");
  assert.match(String(field(report, "text")), /café at the east pier[^]*\n\f\n[^]*surplus of 18,250 crowns/);
  const mails = await items("box.mbox", formats);
  assert.deepEqual(keys(mails), ["box.mbox#1", "box.mbox#2", "box.mbox#3"]);
  assert.equal(field(mails[2], "title"), "Buoy 14");
  assert.deepEqual(keys(await items("stock.xlsx", formats)), ["stock.xlsx#Berths", "stock.xlsx#Dues"]);
  assert.deepEqual(keys(await items("minutes.eml", formats)), [
    "minutes.eml",
    "minutes.eml!/minutes.pdf",
    "minutes.eml!/berths.csv",
  ]);
});

test("what can't be read is told in its place, and the others go on", async (t) => {
  const cwd = directoryWith(t, {
    "a.pdf": "%PDF-1.7 and no more",
    "b.txt": "plain",
    "c.zip": zip({ "one.md": "# One", "quay.png": Uint8Array.of(0x89, 0, 1) }),
    "d.bin": Uint8Array.of(1, 0, 2),
    "e.html": "<!doctype html><html><body></body></html>",
    "f.txt": "",
  });
  assert.deepEqual(told(await items(".", cwd)), [
    ["a.pdf", `"a.pdf" can't be read as text: a PDF that is broken or cut off.`],
    ["b.txt", { path: "b.txt", text: "plain" }],
    ["c.zip!/one.md", { path: "c.zip!/one.md", text: "# One" }],
    ["c.zip!/quay.png", `"c.zip!/quay.png" can't be read as text: binary.`],
    ["d.bin", `"d.bin" can't be read as text: binary.`],
    ["e.html", { path: "e.html", text: "<!doctype html><html><body></body></html>" }],
    ["f.txt", { path: "f.txt", text: "" }],
  ]);
});

test("pieces say the page, slide or section that they stood on", async () => {
  const places = async (path: string): Promise<unknown[]> =>
    (await items(path, formats, { split: "paragraphs" })).map((entry) => [
      ...[entry.key, field(entry, "line"), field(entry, "page"), field(entry, "place")],
    ]);
  assert.deepEqual(await places("report.pdf"), [
    ["report.pdf#1", 1, 1, undefined],
    ["report.pdf#2", 6, 2, undefined],
    ["report.pdf#3", 12, 3, undefined],
  ]);
  assert.deepEqual((await places("slides.pptx")).at(-1), ["slides.pptx#6", 17, undefined, "slide 4"]);
  assert.deepEqual((await places("page.html")).at(-1), ["page.html#7", 13, undefined, "§ Dredging"]);
  const small = await items("report.pdf", formats, { split: "tokens", pieceTokens: 40 });
  assert.ok(small.every((entry) => !/^\f|\f$/.test(String(field(entry, "text")))));
  assert.deepEqual([field(small[0], "page"), field(small.at(-1), "page")], [1, 3]);
});

test("a format that is asked for holds for what was taken out of a file", async (t) => {
  const cwd = directoryWith(t, { "a.jsonl.gz": gzipSync('{"n":1}\n{"n":2}\n') });
  assert.deepEqual(told(await items("a.jsonl.gz", cwd)), [
    ["a.jsonl.gz", { path: "a.jsonl.gz", text: '{"n":1}\n{"n":2}\n' }],
  ]);
  assert.deepEqual(told(await items("a.jsonl.gz", cwd, { format: "jsonl" })), [
    [undefined, { n: 1 }],
    [undefined, { n: 2 }],
  ]);
  const [first] = await items("stock.xlsx", formats, { format: "csv" });
  assert.equal(field(first, "Ship"), "Aurora, barque");
});

test("raw: HTML and mails are their source, and a PDF is no text", async () => {
  const [page] = await items("page.html", formats, { raw: true });
  assert.equal(field(page, "text"), readFileSync(join(formats, "page.html"), "utf8"));
  assert.deepEqual(keys(await items("box.mbox", formats, { raw: true })), ["box.mbox"]);
  assert.match(String(told(await items("report.pdf", formats, { raw: true }))), /a PDF: .*without "raw"/);
});

test("text in UTF-16 and UTF-32 is text, whole, in pieces and as records", async (t) => {
  const [whole] = await items("notes-utf32.txt", formats);
  assert.equal(field(whole, "text"), "Logbook\nThe café closes at eight 🚢.\n");
  const pieces = await items("notes-utf16.txt", formats, { split: "lines" });
  assert.equal(field(pieces[1], "text"), "Das Café schließt um acht.");
  const cwd = directoryWith(t, { "a.csv": Buffer.from("\ufeffname,note\nZoë,née\n", "utf16le") });
  assert.deepEqual(told(await items("a.csv", cwd)), [[undefined, { name: "Zoë", note: "née" }]]);
});

test("two attachments of one name are two items", async (t) => {
  const attachment = (text: string): string =>
    `--x\nContent-Type: text/plain\nContent-Disposition: attachment; filename="a.txt"\n\n${text}\n`;
  const mail = `From: a@b.example\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n${attachment("one")}${attachment("two")}--x--\n`;
  const found = await items("two.eml", directoryWith(t, { "two.eml": mail }));
  assert.deepEqual(keys(found), ["two.eml", "two.eml!/a.txt", "two.eml!/a.txt (2)"]);
  assert.equal(field(found[2], "text"), "two\n");
});

test("a PDF that comes through a pipe is read too", { skip: process.platform === "win32" }, async (t) => {
  const cwd = directoryWith(t, {});
  const pipe = join(cwd, "pipe");
  execFileSync("mkfifo", [pipe]);
  spawn("cp", [join(formats, "report.pdf"), pipe], { stdio: "ignore" });
  const [report] = await items(pipe, cwd);
  assert.match(String(field(report, "text")), /surplus of 18,250/);
});

test("what is taken out of files lies on the disk only for those whose turn is near", async (t) => {
  const names = Array.from({ length: 9 }, (_, n) => `${n}.tar`);
  const cwd = directoryWith(t, Object.fromEntries(names.map((name) => [name, tar({ [name]: name })])));
  const spoolDir = directoryWith(t, {});
  const found: unknown[] = [];
  for await (const entry of openItems(".", { signal: never, cwd, spoolDir })) {
    found.push(field(entry, "text"));
    assert.ok(readdirSync(spoolDir, { recursive: true }).length <= 1 + 4);
  }
  assert.deepEqual([found, readdirSync(spoolDir)], [names, []]);
});

const endings: Readonly<
  Record<string, (entries: AsyncGenerator<InputEntry>, abort: AbortController) => unknown>
> = {
  "taking no more items": async (entries) => {
    await entries.next();
    await entries.return(undefined);
  },
  "an abort": async (entries, abort) => {
    await entries.next();
    abort.abort(new Error("enough"));
    await assert.rejects(Array.fromAsync(entries), /enough/);
  },
  "an abort before the first item": async (entries, abort) => {
    const first = entries.next();
    setImmediate(() => abort.abort(new Error("enough")));
    await assert.rejects(first, /enough/);
  },
};

for (const [name, end] of Object.entries(endings)) {
  test(`${name} ends what is being read, and leaves nothing behind`, async (t: TestContext) => {
    const cwd = directoryWith(t, Object.fromEntries([0, 1, 2, 3, 4, 5].map((n) => [`${n}.pdf`, pdf])));
    const spoolDir = directoryWith(t, {});
    const abort = new AbortController();
    await end(openItems(".", { signal: abort.signal, cwd, spoolDir }), abort);
    assert.deepEqual(readdirSync(spoolDir), []);
  });
}

test("a line is where the last place before it begins, wherever a stream is cut", async () => {
  const page = fc.array(fc.constantFrom("a", "é", "🐘", "\n")).map((letters) => letters.join(""));
  await fc.assert(
    fc.asyncProperty(
      fc.array(page, { minLength: 1 }),
      fc.integer({ min: 1, max: 9 }),
      async (pages, size) => {
        const text = pages.join("\n\f\n");
        const starts = pages.map(
          (_, index) =>
            [
              ...pages
                .slice(0, index)
                .map((one) => `${one}\n\f\n`)
                .join(""),
            ].length,
        );
        const lines = new PlaceLines(starts.map((start, index) => ({ start, page: index + 1 })));
        const bytes = Buffer.from(`${text}\n`);
        const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
          bytes.subarray(index * size, (index + 1) * size),
        );
        const seen = await Array.fromAsync(lines.watch(Readable.from(chunks)));
        assert.deepEqual(seen, chunks);
        for (const [index, start] of starts.entries()) {
          const line = [...text].slice(0, start).filter((letter) => letter === "\n").length + 1;
          assert.deepEqual(lines.at(line), { page: index + 1 });
        }
      },
    ),
  );
});
