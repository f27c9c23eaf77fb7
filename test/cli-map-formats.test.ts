/** `unabridged map` over files that are no text themselves: every format that `ask` reads, and nothing paid for twice. */
import assert from "node:assert/strict";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { openStage } from "./ask-stage.ts";
import { assertCode, lines, openMapStage, type MapStage } from "./cli-map-stage.ts";

const formats = join(import.meta.dirname, "fixtures/formats");

let stage: MapStage;
before(async () => {
  stage = await openMapStage();
});
after(() => stage[Symbol.asyncDispose]());

/** Copies files of each format into a folder of the story. */
async function put(folder: string, ...names: readonly string[]): Promise<void> {
  await mkdir(join(stage.folder, folder), { recursive: true });
  await Promise.all(names.map((name) => cp(join(formats, name), join(stage.folder, folder, name))));
}

describe("map over formats", { concurrency: 2 }, () => {
  test("documents, archives and mailboxes are items; a broken one is a row with its reason; again nothing is asked", async () => {
    await put("papers", "archive.zip", "box.mbox", "memo.docx", "report.pdf");
    await writeFile(join(stage.folder, "papers/broken.pdf"), "%PDF-1.7 and no more");
    const args = ["papers", "-p", "Say {{path}}: {{text}}", "-o", "papers.jsonl"] as const;
    const asked = (): number => stage.answered.filter((prompt) => prompt.startsWith("Say papers/")).length;
    assertCode(await stage.map(...args), 1);
    const rows = lines(await readFile(join(stage.folder, "papers.jsonl"), "utf8"));
    assert.deepEqual(
      rows.map(({ key, ok }) => [key, ok]),
      [
        ["papers/archive.zip!/data/ships.csv", true],
        ["papers/archive.zip!/data/stock.xlsx#Berths", true],
        ["papers/archive.zip!/data/stock.xlsx#Dues", true],
        ["papers/archive.zip!/docs/rules.md", true],
        ["papers/archive.zip!/docs/page.html", true],
        ["papers/archive.zip!/docs/quay.png", false],
        ["papers/box.mbox#1", true],
        ["papers/box.mbox#2", true],
        ["papers/box.mbox#3", true],
        ["papers/broken.pdf", false],
        ["papers/memo.docx", true],
        ["papers/report.pdf", true],
      ],
    );
    assert.match(String(rows.at(-1)?.["result"]), /surplus of 18,250 crowns/);
    const broken = rows.find(({ key }) => key === "papers/broken.pdf")?.["error"];
    const message = `"papers/broken.pdf" can't be read as text: a PDF that is broken or cut off.`;
    assert.deepEqual(broken, { code: "unreadable", message, attempts: 0 });
    assert.equal(asked(), 10);
    const again = await stage.map(...args);
    assertCode(again, 1);
    assert.match(again.stderr, /10 done before\.[\s\S]* 0 calls now/);
    const id = /job_\w+/.exec(again.stderr)?.[0] ?? "";
    assertCode(await stage.run(["jobs", "resume", id, "-q"]), 1);
    assert.equal(asked(), 10);
    assert.deepEqual(lines(await readFile(join(stage.folder, "papers.jsonl"), "utf8")), rows);
  });

  test("--dry-run counts what was taken out, --sample takes the first of it, pieces know their page", async () => {
    await put("sampled", "report.pdf", "slides.pptx");
    const args = ["sampled/*.p*", "--split", "paragraphs", "-p", "Say {{title}} on {{line}}", "-q"] as const;
    const dry = await stage.map(...args, "--dry-run", "--json");
    const { items, faults, calls } = JSON.parse(dry.stdout) as Record<string, unknown>;
    assert.deepEqual([items, faults, calls], [9, 0, 9]);
    const asked = (): number => stage.answered.filter((prompt) => / on \d+$/.test(prompt)).length;
    assertCode(await stage.map(...args, "--sample", "2"), 0);
    assert.equal(asked(), 2);
    const ended = await stage.map(...args);
    assertCode(ended, 0);
    assert.equal(asked(), 9);
    assert.deepEqual(
      lines(ended.stdout)
        .slice(1, 4)
        .map(({ key, result }) => [key, result]),
      [
        ["sampled/report.pdf#2", "Report of the Harbour Board on 6"],
        ["sampled/report.pdf#3", "Report of the Harbour Board on 12"],
        ["sampled/slides.pptx#1", "The new lock on 1"],
      ],
    );
    const paged = await stage.map("sampled/report.pdf", ...args.slice(1, 3), "-p", "Say page {{page}}", "-q");
    assert.deepEqual(
      lines(paged.stdout).map(({ result }) => result),
      ["page 1", "page 2", "page 3"],
    );
  });

  test("--raw is the source of a page, and another job; --agent reads a document's text", async () => {
    await put("pages", "page.html", "report.docx");
    const read = await stage.map("pages/page.html", "-p", "Say {{text}}", "-q");
    assert.match(String(lines(read.stdout)[0]?.["result"]), /^# Notices to mariners\n/);
    const raw = await stage.map("pages/page.html", "-p", "Say {{text}}", "-q", "--raw");
    assert.match(String(lines(raw.stdout)[0]?.["result"]), /^<!DOCTYPE html>/);
    const agent = await stage.map("pages/report.docx", "-p", "What is it?", "--agent", "-q");
    assertCode(agent, 0);
    assert.equal(lines(agent.stdout)[0]?.["result"], "it says # Rep");
  });
});

test("a program maps a document by its path", async () => {
  await using own = await openStage({ root: () => "", leaf: (prompt) => prompt.slice(0, 30) });
  const run = own.engine.map(
    { items: { input: "memo.docx" }, prompt: "{{title}}: {{text}}" },
    { workingFolder: formats },
  );
  const { jobId, counts } = await run.result();
  assert.equal(counts.done, 1);
  const [row] = await Array.fromAsync(own.engine.jobs.results(jobId));
  assert.deepEqual(
    [row?.key, row?.outcome],
    ["memo.docx", { ok: true, result: "Memo on the crane: Memo on the" }],
  );
});
