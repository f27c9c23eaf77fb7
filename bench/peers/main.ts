/**
 * `npm run bench:peers`: installs rivals from their registries into a scratch folder, drives them and us against one local server,
 * one after the other, and prints what each row came to. No language model takes part: it measures machinery.
 *
 * Options: --only NAMES, --rows NAMES, --scratch FOLDER, --quick (nothing above 40 MB), --full (1 GB, too), --json FILE.
 */
import { spawn, type ChildProcess } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { prepare, rivals, type Ready } from "./rivals.ts";
import { rows, type Measurement, type RowContext } from "./rows.ts";
import { tableOf } from "./table.ts";

const { values: options } = parseArgs({
  options: {
    only: { type: "string" },
    rows: { type: "string" },
    scratch: { type: "string", default: join(tmpdir(), "unabridged-peers") },
    quick: { type: "boolean", default: false },
    full: { type: "boolean", default: false },
    json: { type: "string" },
  },
});
const { scratch } = options;
mkdirSync(scratch, { recursive: true });
const wantedRows = rows.filter(
  ({ name }) => options.rows === undefined || options.rows.split(",").includes(name),
);
const chosen = rivals.filter(
  ({ name }) => options.only === undefined || options.only.split(",").includes(name),
);

const ready: Ready[] = [];
const missing = new Map<string, string>();
for (const rival of chosen) {
  process.stderr.write(`preparing ${rival.name} …\n`);
  const found = prepare(rival, scratch);
  if ("error" in found) missing.set(rival.name, found.error);
  else ready.push(found);
}

const sizes = options.quick ? [40] : options.full ? [40, 400, 1_000] : [40, 400];
const context: RowContext = { sizes, fileOf: textFile, plainScan };
const results = new Map<string, Map<string, Measurement>>();
for (const row of wantedRows) {
  const ofRow = new Map<string, Measurement>();
  results.set(row.name, ofRow);
  for (const one of ready) {
    const measured: Measurement = {};
    for (const { label, args, timeoutMs } of row.runs(context))
      measured[label] = await runDriver(one, args, timeoutMs);
    ofRow.set(one.rival.name, measured);
    process.stderr.write(`${row.name} ${one.rival.name}: ${JSON.stringify(measured).slice(0, 240)}\n`);
  }
}

const table = tableOf(wantedRows, ready, missing, results, context);
if (options.json !== undefined)
  writeFileSync(
    options.json,
    `${JSON.stringify(
      [...results].map(([row, found]) => [row, Object.fromEntries(found)]),
      null,
      1,
    )}\n`,
  );
process.stdout.write(
  `${table}\n${cpus().length} processors, ${process.platform} ${process.arch}, Node ${process.version}\n`,
);

/** A server and a driver of its own for each run, so that nothing of one is left for the next. */
async function runDriver(one: Ready, args: readonly string[], timeoutMs: number): Promise<unknown> {
  const server = spawn(process.execPath, [fileURLToPath(new URL("./server.ts", import.meta.url))], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  try {
    const [base] = await once(server);
    const secret = join(scratch, "secret.txt");
    writeFileSync(secret, "PEERS-SECRET");
    const env = {
      ...process.env,
      ...one.environment,
      ...{
        PEERS_BASE: base,
        PEERS_SECRET: "PEERS-SECRET",
        PEERS_FILE: secret,
        OPENAI_API_KEY: "x",
        OPENAI_BASE_URL: base,
        NO_COLOR: "1",
      },
    };
    const driver = spawn(one.command, [...one.args, ...args], {
      cwd: one.folder,
      env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    return await outcomeOf(driver, timeoutMs);
  } finally {
    server.kill();
  }
}

function once(server: ChildProcess): Promise<string[]> {
  return new Promise((resolve, reject) => {
    if (server.stdout) createInterface({ input: server.stdout }).once("line", (line) => resolve([line]));
    server.once("error", reject);
  });
}

/** The driver's last word: a line that begins with @@. A process that dies or is late says so by that. */
function outcomeOf(driver: ChildProcess, timeoutMs: number): Promise<unknown> {
  return new Promise((resolve) => {
    let said = "";
    let complained = "";
    let isLate = false;
    driver.stdout?.on("data", (chunk: Buffer) => void (said += chunk.toString("utf8")));
    driver.stderr?.on(
      "data",
      (chunk: Buffer) => void (complained = (complained + chunk.toString("utf8")).slice(-2_000)),
    );
    const timer = setTimeout(() => {
      isLate = true;
      endGroup(driver);
    }, timeoutMs);
    driver.once("error", (error) => resolve({ error: error.message }));
    driver.once("close", (code, signal) => {
      clearTimeout(timer);
      endGroup(driver);
      const last = said.split("\n").findLast((line) => line.startsWith("@@"));
      if (last !== undefined) return resolve(JSON.parse(last.slice(2)));
      const why = complained.split("\n").findLast((line) => /error|killed|memory/i.test(line)) ?? "";
      resolve({
        error: isLate
          ? `not done after ${timeoutMs / 1_000} s`
          : `the process ended (${signal ?? code}) ${why.trim().slice(0, 160)}`,
      });
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

/** An ASCII log of so many megabytes with a fixed number of ERR- lines, made once. */
function textFile(megabytes: number): string {
  const path = join(scratch, `log-${megabytes}.txt`);
  if (existsSync(path) && statSync(path).size >= megabytes * 1e6) return path;
  const file = openSync(path, "w");
  let number = 0;
  for (let written = 0; written < megabytes * 1e6;) {
    let block = "";
    while (block.length < 1_000_000) {
      number++;
      const code = number % 97 === 0 ? ` ERR-${10_000 + (number % 89_999)}` : "";
      block += `2026-03-0${1 + (number % 9)}T10:00:00Z host-${number % 50} service request ${number} took ${number % 400} ms${code}\n`;
    }
    written += writeSync(file, block);
  }
  closeSync(file);
  return path;
}

/** Reading the file and counting in plain Node, the best of three: what others are measured against. */
function plainScan(path: string): { readonly ms: number; readonly count: number } | undefined {
  if (statSync(path).size > 500e6) return undefined;
  let best = Infinity;
  let count = 0;
  for (let i = 0; i < 3; i++) {
    const start = performance.now();
    count = readFileSync(path, "utf8").match(/ERR-\d{5}/g)?.length ?? 0;
    best = Math.min(best, performance.now() - start);
  }
  return { ms: best, count };
}
