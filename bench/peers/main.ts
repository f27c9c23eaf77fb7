/**
 * `npm run bench:peers`: installs rivals from their registries into a scratch folder, drives them and us against one local server,
 * one after the other, and prints what each row came to. No language model takes part: it measures machinery.
 *
 * Options: --only NAMES, --rows NAMES, --scratch FOLDER, --quick (nothing above 40 MB), --json FILE.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { treeMb } from "./drivers/processes.ts";
import { plainScan, textFile } from "./logs.ts";
import { prepare, rivals, type Ready } from "./rivals.ts";
import { rows, type Result, type RowContext } from "./rows.ts";
import { tableOf } from "./table.ts";

const { values: options } = parseArgs({
  options: {
    only: { type: "string" },
    rows: { type: "string" },
    scratch: { type: "string", default: join(tmpdir(), "unabridged-bench-peers") },
    quick: { type: "boolean", default: false },
    json: { type: "string" },
  },
});
const { scratch } = options;
/** More than this and a driver is stopped: others work on the machine, too. */
const memoryLimitMb = 8_000;

let running: ChildProcess | undefined;
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => {
    // Drivers lead groups of their own, which a terminal's signal does not reach.
    if (running) endGroup(running);
    process.exit(130);
  });

mkdirSync(scratch, { recursive: true, mode: 0o700 });
const wantedRows = chosenOf(rows, options.rows, "row");
const ready: Ready[] = [];
const missing = new Map<string, string>();
for (const rival of chosenOf(rivals, options.only, "peer")) {
  process.stderr.write(`preparing ${rival.name} …\n`);
  const found = prepare(rival, scratch);
  if ("error" in found) missing.set(rival.name, found.error);
  else ready.push(found);
}

const begun = new Date();
const loadBefore = load();
const context: RowContext = {
  sizes: options.quick ? [40] : [40, 400, 1_000],
  fileOf: (megabytes) => textFile(scratch, megabytes),
  plainScan,
};
const results = new Map<string, Map<string, Record<string, Result>>>();
for (const row of wantedRows) {
  const ofRow = new Map<string, Record<string, Result>>();
  results.set(row.name, ofRow);
  // Peer by peer within each run, so that what others do to the machine meanwhile meets neighbours in the table alike.
  for (const { label, args, timeoutMs } of row.runs(context))
    for (const one of ready) {
      const result = await runDriver(one, args, timeoutMs);
      ofRow.set(one.rival.name, { ...ofRow.get(one.rival.name), [label]: result });
      process.stderr.write(
        `${row.name} ${label} ${one.rival.name}: ${JSON.stringify(result).slice(0, 300)}\n`,
      );
    }
}

if (options.json !== undefined)
  writeFileSync(
    options.json,
    `${JSON.stringify(
      [...results].map(([row, found]) => [row, Object.fromEntries(found)]),
      null,
      1,
    )}\n`,
  );
process.stdout.write(`${tableOf(wantedRows, ready, missing, results, context)}\n\n${circumstances()}\n`);

function chosenOf<Named extends { readonly name: string }>(
  all: readonly Named[],
  names: string | undefined,
  what: string,
): readonly Named[] {
  if (names === undefined) return all;
  return names.split(",").map((name) => {
    const found = all.find((one) => one.name === name);
    if (found === undefined)
      throw new Error(`There is no ${what} "${name}". There are: ${all.map((one) => one.name).join(", ")}.`);
    return found;
  });
}

function load(): string {
  return (loadavg()[0] ?? 0).toFixed(1);
}

function circumstances(): string {
  const minutes = Math.round((Date.now() - begun.getTime()) / 60_000);
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? "?"}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${process.arch}`;
  return `${begun.toISOString().slice(0, 16).replace("T", " ")} UTC, ${minutes} minutes; ${machine}; Node ${process.version}; load average ${loadBefore} before, ${load()} after`;
}

/** A server and a driver of its own for each run, so that nothing of one is left for the next. */
async function runDriver(one: Ready, args: readonly string[], timeoutMs: number): Promise<Result> {
  const server = spawn(process.execPath, [fileURLToPath(new URL("./server.ts", import.meta.url))], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const home = join(scratch, "home");
  mkdirSync(home, { recursive: true });
  try {
    const base = await firstLine(server);
    const driver = spawn(one.command, [...one.args, ...args], {
      cwd: one.folder,
      env: environmentOf(one, base, home),
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    running = driver;
    return await outcomeOf(driver, timeoutMs);
  } finally {
    running = undefined;
    server.kill();
    rmSync(home, { recursive: true, force: true });
  }
}

/** A rival sees nothing of who runs this: neither keys in the environment nor the files of a home. */
function environmentOf(one: Ready, base: string, home: string): Record<string, string> {
  const secret = join(scratch, "secret.txt");
  writeFileSync(secret, "PEERS-SECRET");
  return {
    PATH: process.env["PATH"] ?? "",
    LANG: "C.UTF-8",
    HOME: home,
    TMPDIR: home,
    NO_COLOR: "1",
    PEERS_BASE: base,
    PEERS_SECRET: "PEERS-SECRET",
    PEERS_FILE: secret,
    OPENAI_API_KEY: "x",
    OPENAI_BASE_URL: base,
    ...one.environment,
  };
}

function firstLine({ stdout }: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    if (!stdout) return reject(new Error("The server has no output to read its address from."));
    const lines = createInterface({ input: stdout });
    lines.once("line", resolve);
    lines.once("close", () => reject(new Error("The server ended before it listened.")));
  });
}

/** The driver's last word: a line that begins with @@. A process that dies, is late or too large says so by that. */
function outcomeOf(driver: ChildProcess, timeoutMs: number): Promise<Result> {
  return new Promise((resolve) => {
    let said = "";
    let complained = "";
    let stopped: string | undefined;
    driver.stdout?.on("data", (chunk: Buffer) => void (said += chunk.toString("utf8")));
    driver.stderr?.on(
      "data",
      (chunk: Buffer) => void (complained = (complained + chunk.toString("utf8")).slice(-2_000)),
    );
    const stop = (why: string): void => {
      stopped ??= why;
      endGroup(driver);
    };
    const late = setTimeout(() => stop(`stopped after ${timeoutMs / 1_000} s`), timeoutMs);
    const watch = setInterval(() => {
      if (driver.pid !== undefined && treeMb(driver.pid) > memoryLimitMb)
        stop(`stopped at ${memoryLimitMb / 1_000} GB of memory`);
    }, 500);
    driver.once("error", (error) => resolve({ error: error.message }));
    driver.once("close", (code, signal) => {
      clearTimeout(late);
      clearInterval(watch);
      endGroup(driver);
      const last = said.split("\n").findLast((line) => line.startsWith("@@"));
      if (last !== undefined)
        return resolve({ ...JSON.parse(last.slice(2)), ...(stopped !== undefined && { stopped }) });
      const why = complained.split("\n").findLast((line) => /error|killed|memory/i.test(line)) ?? "";
      resolve({ error: stopped ?? `the process ended (${signal ?? code}) ${why.trim().slice(0, 160)}` });
    });
  });
}

/** The driver was started as the leader of a group of its own: what it left behind ends with it. */
function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nothing of the group is left.
  }
}
