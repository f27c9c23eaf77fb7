/**
 * What a corpus of a gigabyte costs: opening, memory, search against bare ripgrep; and what many small files cost.
 * Prints times and ratios. `node bench/corpus.ts [megabytes] [files]` (default 1000 and 20000) writes a file of that size,
 * and so many small ones, to the temporary directory and removes them.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rgPath } from "@vscode/ripgrep";
import type { Corpus } from "../src/core/corpus.ts";
import { openCorpus } from "../src/corpora/index.ts";
import { writeLargeText } from "./large-text.ts";

const signal = new AbortController().signal;
const megabytes = Number(process.argv[2] ?? 1_000);
const files = Number(process.argv[3] ?? 20_000);
const directory = mkdtempSync(join(tmpdir(), "unabridged-bench-"));

try {
  const large = writeText("large.txt", megabytes);
  const rssBefore = process.memoryUsage.rss();
  const [openMs, corpus] = await timed(() => openCorpus({ paths: [large] }, { signal }));
  report("open", openMs, "bar 2000 ms");
  report("describe", await timeOf(async () => corpus.describe()), "bar 300 ms");
  await compareGreps(corpus, large);
  report("count all code points", await timeOf(() => corpus.characters("d1")));
  const middle = megabytes * 500_000;
  report(
    "read 1,000 characters in the middle",
    await timeOf(() => corpus.read("d1", middle, middle + 1_000)),
  );
  const span = { documentId: "d1", start: middle, end: middle + 10 };
  report("locate, first time", await timeOf(() => corpus.locate(span)));
  report("locate, again", await timeOf(() => corpus.locate(span)));
  report("search", await timeOf(() => corpus.search("needle haystack", { signal })));
  console.log(`memory: ${mb(process.memoryUsage.rss() - rssBefore)} MB beyond the start (bar 400 MB)`);
  await corpus.close();
  for (const size of [3, 40].filter((size) => size <= megabytes)) await searchIndexed(size);
  await openMany();
} finally {
  rmSync(directory, { recursive: true, force: true });
}

async function compareGreps(corpus: Corpus, file: string): Promise<void> {
  const patterns: Record<string, string> = {
    rare: "NEEDLE-\\d+",
    common: "whale",
    "in every line": "the",
    "across lines": "the\\s+whale",
  };
  for (const [name, pattern] of Object.entries(patterns)) {
    const bare = bareRipgrep(pattern, file, name === "across lines");
    const first = await timeOf(() => corpus.grep(pattern, { signal }));
    const again = await median(() => corpus.grep(pattern, { signal }));
    const { total } = await corpus.grep(pattern, { signal, countOnly: true });
    const ratio = `${(first / bare).toFixed(2)} × and ${(again / bare).toFixed(2)} × ripgrep's ${bare.toFixed(0)} ms`;
    report(`grep ${name} (${total} matches)`, again, `first ${first.toFixed(0)} ms; ${ratio}; bar 2 ×`);
  }
}

/** The best of three of what a person would run to count the matches: output costs ripgrep nothing then. */
function bareRipgrep(pattern: string, file: string, multiline: boolean): number {
  const args = [
    "--no-config",
    "--count-matches",
    "--text",
    ...(multiline ? ["--multiline"] : []),
    pattern,
    file,
  ];
  const times = [1, 2, 3].map(() => {
    const start = performance.now();
    const { status } = spawnSync(rgPath, args);
    if (status !== 0) throw new Error(`ripgrep ended with ${status}`);
    return performance.now() - start;
  });
  return Math.min(...times);
}

async function searchIndexed(size: number): Promise<void> {
  const corpus = await openCorpus({ paths: [writeText(`${size}.txt`, size)] }, { signal });
  const query = "needle haystack";
  report(`search ${size} MB, first time`, await timeOf(() => corpus.search(query, { signal })));
  report(`search ${size} MB, again`, await median(() => corpus.search(query, { signal })));
  await corpus.close();
}

/** Processor time beside the clock: on a busy machine only the first can be compared. */
async function openMany(): Promise<void> {
  const folder = join(directory, "many");
  for (let i = 0; i < files; i++) {
    const part = join(folder, String(Math.floor(i / 1_000)));
    if (i % 1_000 === 0) mkdirSync(part, { recursive: true });
    writeFileSync(join(part, `${i}.txt`), `file ${i}\n`.repeat(20));
  }
  const before = process.cpuUsage();
  const [openMs, corpus] = await timed(() => openCorpus({ paths: [folder] }, { signal }));
  const { user, system } = process.cpuUsage(before);
  const each = `${((user + system) / files).toFixed(1)} µs of processor time each`;
  report(`open ${corpus.documents.length.toLocaleString("en")} files`, openMs, each);
  await corpus.close();
}

function writeText(name: string, size: number): string {
  const path = join(directory, name);
  writeLargeText(path, size);
  return path;
}

async function timed<T>(act: () => Promise<T>): Promise<[ms: number, value: T]> {
  const start = performance.now();
  const value = await act();
  return [performance.now() - start, value];
}

async function timeOf(act: () => Promise<unknown>): Promise<number> {
  return (await timed(act))[0];
}

async function median(act: () => Promise<unknown>): Promise<number> {
  const times = [await timeOf(act), await timeOf(act), await timeOf(act)].sort((a, b) => a - b);
  return times[1] ?? 0;
}

function report(name: string, ms: number, note: string = ""): void {
  console.log(`${name}: ${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms${note === "" ? "" : ` (${note})`}`);
}

function mb(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
