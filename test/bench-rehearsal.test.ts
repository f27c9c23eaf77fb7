/** A live run of the bench, rehearsed: the endpoint is a process on this machine, and the run is interrupted, killed, capped, resumed and reported. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../src/bench/main.ts", import.meta.url));
const prices = { "sim-root": { input: 1.25, output: 10 }, "sim-leaf": { input: 0.25, output: 2 } };
let folder = "";
let endpoint: ChildProcess;
let baseUrl = "";

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "bench-rehearsal-"));
  await writeFile(join(folder, "unabridged.config.json"), JSON.stringify({ prices }));
  endpoint = start(["serve", "oolong", "--port", "0", "--lengths", "4k", "--latency", "150"]);
  baseUrl = await lineWith(endpoint, /(http:\S+\/v1)/);
});

after(async () => {
  endpoint.kill();
  await rm(folder, { recursive: true, force: true });
});

function start(args: readonly string[]): ChildProcess {
  const env = { ...process.env, OPENAI_API_KEY: "rehearsal", UNABRIDGED_HOME: join(folder, "home") };
  return spawn(process.execPath, [program, ...args], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
}

function lineWith(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    if (!child.stdout) return reject(new Error("It has no output."));
    const lines = createInterface({ input: child.stdout });
    lines.on("line", (line) => {
      const found = pattern.exec(line);
      if (found) resolve(found[1] ?? line);
    });
    lines.once("close", () => reject(new Error(`It ended without a line like ${pattern}.`)));
  });
}

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** @param when what to do to it, and at the n-th task that it finishes */
async function bench(
  args: readonly string[],
  when?: { readonly task: number; readonly signal: NodeJS.Signals },
): Promise<Ended> {
  const child = start(args);
  let output = "";
  let isDone = false;
  const read = (chunk: Buffer): void => void (output += chunk.toString("utf8"));
  child.stderr?.on("data", read);
  child.stdout?.on("data", (chunk: Buffer) => {
    read(chunk);
    const tasks = output.match(/^(ok|part|no) /gm)?.length ?? 0;
    if (isDone || !when || tasks < when.task) return;
    isDone = true;
    child.kill(when.signal);
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, output };
}

const live = (maxCost: string, ...more: string[]): string[] => [
  ...["oolong", "--level", "l2", "--lengths", "4k", "--per-length", "3", "--arms", "rlm-1,direct"],
  ...["--model", "sim-root", "--sub-model", "sim-leaf", "--base-url", baseUrl],
  ...["--context-window", "131072", "--sub-context-window", "131072", "--max-cost", maxCost, ...more],
];

async function artifactsOf(id: string): Promise<Map<string, number>> {
  const place = join(folder, ".bench", id, "artifacts");
  const names = await readdir(place);
  return new Map(
    await Promise.all(names.map(async (name) => [name, (await stat(join(place, name))).mtimeMs] as const)),
  );
}

async function spentUsd(id: string): Promise<number> {
  const rows = (await readFile(join(folder, ".bench", id, "spent.jsonl"), "utf8")).split("\n");
  const spent = rows.flatMap((row) =>
    row.endsWith("}") ? [(JSON.parse(row) as { usd?: number }).usd ?? 0] : [],
  );
  return spent.reduce((sum, usd) => sum + usd, 0);
}

test("a live run that is interrupted, killed and capped goes on each time, and does nothing twice", async () => {
  const interrupted = await bench(live("1"), { task: 1, signal: "SIGINT" });
  assert.equal(interrupted.code, 130, interrupted.output);
  const [, id = ""] = /^run (\S+);/m.exec(interrupted.output) ?? [];
  assert.match(interrupted.output, new RegExp(`Go on with the same command and --resume ${id}`));
  const first = await artifactsOf(id);
  assert.ok(first.size >= 1 && first.size < 6);

  const killed = await bench(live("1", "--resume", id), { task: 1, signal: "SIGKILL" });
  assert.equal(killed.code, null);
  const second = await artifactsOf(id);
  assert.ok(second.size > first.size && second.size < 6);

  const ceiling = (await spentUsd(id)) + 0.003;
  const capped = await bench(live(String(ceiling), "--resume", id));
  assert.equal(capped.code, 3, capped.output);
  assert.match(capped.output, /Stopped at the ceiling/);
  assert.ok(
    (await spentUsd(id)) <= ceiling,
    "the ceiling holds over all sessions, unfinished tasks included",
  );

  const done = await bench(live("1", "--resume", id));
  assert.equal(done.code, 0, done.output);
  assert.match(done.output, /\noolong l2: 3\/3\n$/);
  const last = await artifactsOf(id);
  assert.equal(last.size, 6);
  for (const [name, writtenAt] of [...first, ...second]) assert.equal(last.get(name), writtenAt, name);

  const report = join(folder, ".bench", id, "report.md");
  assert.equal((await bench(["report", id])).code, 0);
  const markdown = await readFile(report, "utf8");
  assert.match(markdown, /\*\*L2: a live model\.\*\*/);
  assert.match(markdown, /\| rlm-1 \(this run\) \| 100\.0 \|/);
  await bench(["report", id]);
  assert.equal(await readFile(report, "utf8"), markdown, "the same artifacts, the same bytes");

  await writeFile(
    join(folder, "unabridged.config.json"),
    JSON.stringify({ prices: { ...prices, "sim-leaf": { input: 9, output: 9 } } }),
  );
  const mixed = await bench(live("1", "--resume", id));
  assert.equal(mixed.code, 2);
  assert.match(mixed.output, /begun with other prices, so its results don't mix/);
});

test("a ceiling that can't hold is refused before anything is sent", async () => {
  await writeFile(join(folder, "unabridged.config.json"), JSON.stringify({}));
  const { code, output } = await bench(live("1"));
  assert.equal(code, 2);
  assert.match(output, /--max-cost 1 can't hold: no price is known of sim-root, sim-leaf/);
});
