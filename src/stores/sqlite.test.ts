/** The embedded store against the contract, and what only a file can do: be newer, damaged, refused, full. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { StoreError } from "../core/errors.ts";
import { newCallId, newRunId } from "../core/ids.ts";
import type { ModelRequest } from "../core/model.ts";
import type { TraceEvent } from "../core/trace.ts";
import { storeContract } from "../testing/contracts/store.ts";
import { storeFailure } from "./failure.ts";
import { sqlite } from "./sqlite.ts";

storeContract("the embedded store", {
  open: (directory) => sqlite({ directory }),
  durable: { module: import.meta.resolve("./sqlite.ts"), factory: "sqlite" },
});

const folders: string[] = [];
after(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "store-"));
  folders.push(folder);
  return folder;
}

function failsWith(code: string, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof StoreError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  };
}

test("a trace keeps a message once, however many requests repeat it", async () => {
  const directory = await newFolder();
  const store = await sqlite({ directory });
  const runId = newRunId();
  await store.runs.create({ id: runId, at: 1, query: "?", recipe: {}, fingerprint: "" });
  const messages = Array.from({ length: 50 }, (_, turn) => ({
    role: "user" as const,
    content: [{ type: "text" as const, text: `turn ${turn}: a sentence that is long enough. `.repeat(40) }],
  }));
  const events = messages.map((_, turn) => started(turn + 1, { messages: messages.slice(0, turn + 1) }));
  await store.runs.append(runId, events);
  assert.deepEqual(await Array.fromAsync(store.runs.events(runId)), events);
  await store.close();
  const database = new DatabaseSync(join(directory, "unabridged.db"));
  assert.equal(database.prepare("select count(*) as count from texts").get()?.["count"], 50);
  database.close();

  function started(seq: number, request: ModelRequest): TraceEvent {
    const place = { runId, depth: 0, seq, at: 1 };
    return {
      ...place,
      type: "model-start",
      callId: newCallId(),
      role: "root",
      model: "m",
      provider: "p",
      request,
    };
  }
});

test("only the user can read what is stored", { skip: process.platform === "win32" }, async () => {
  const directory = join(await newFolder(), "a", "b");
  const store = await sqlite({ directory });
  assert.equal((await stat(directory)).mode & 0o777, 0o700);
  assert.equal((await stat(join(directory, "unabridged.db"))).mode & 0o777, 0o600);
  await store.close();
});

test("a store of a newer version is refused and left as it is", async () => {
  const directory = await newFolder();
  await (await sqlite({ directory })).close();
  const path = join(directory, "unabridged.db");
  const database = new DatabaseSync(path);
  database.exec("insert into migrations (name, at) values ('later/1-create', 0)");
  database.close();
  const before = await readFile(path);
  await assert.rejects(sqlite({ directory }), failsWith("newer_schema", /later\/1-create.*npm install/));
  assert.deepEqual(await readFile(path), before);
});

test("a file that is no database is refused and left as it is", async () => {
  const directory = await newFolder();
  const path = join(directory, "unabridged.db");
  await writeFile(path, "This is a letter, not a database. ".repeat(200));
  const before = await readFile(path);
  await assert.rejects(sqlite({ directory }), failsWith("corrupt", /unabridged\.db.*Nothing was changed/));
  assert.deepEqual(await readFile(path), before);
});

test("a database that was damaged in the middle is named as such", async () => {
  const directory = await newFolder();
  const path = join(directory, "unabridged.db");
  const store = await sqlite({ directory });
  const runId = newRunId();
  await store.runs.create({ id: runId, at: 1, query: "?", recipe: {}, fingerprint: "" });
  const texts = Array.from({ length: 900 }, (_, seq) => ({ seq, text: `${seq} `.repeat(90) }));
  const place = { type: "notice", runId, depth: 0, at: 1 } as const;
  await store.runs.append(
    runId,
    texts.map((text) => ({ ...place, ...text })),
  );
  await store.close();
  const content = await readFile(path);
  content.fill(0x55, 4096 * 8);
  await writeFile(path, content);
  const damaged = await sqlite({ directory });
  await assert.rejects(Array.fromAsync(damaged.runs.events(runId)), failsWith("corrupt", /unabridged\.db/));
  await damaged.close();
});

test("a place where no folder can be is refused with its path", async () => {
  const directory = join(await newFolder(), "file", "store");
  await writeFile(join(directory, ".."), "");
  await assert.rejects(sqlite({ directory }), failsWith("unavailable", /file.store.*UNABRIDGED_HOME/s));
});

const isRoot = process.getuid?.() === 0;
test("a folder that may not be written is refused with its path", { skip: isRoot }, async () => {
  const directory = await newFolder();
  await chmod(directory, 0o500);
  await assert.rejects(sqlite({ directory }), failsWith("unavailable", /UNABRIDGED_HOME/));
});

test("a write that finds no room is refused as such", async () => {
  const directory = await newFolder();
  const database = new DatabaseSync(join(directory, "full.db"));
  database.exec("pragma max_page_count = 3; create table texts (content)");
  try {
    database.prepare("insert into texts values (?)").run("x".repeat(100_000));
    assert.fail("three pages held 100,000 characters");
  } catch (error) {
    failsWith("disk_full", /full\.db.*Free some space/)(storeFailure(error, join(directory, "full.db")));
  } finally {
    database.close();
  }
});

// A disk of a megabyte, in a mount namespace of its own where the system lets this user have one.
const canMount = spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).status === 0;
test(
  "on a full disk what was acknowledged stays and the store can be read",
  { skip: !canMount },
  async () => {
    const program = join(import.meta.dirname, "full-disk.fixture.ts");
    const script = `mount -t tmpfs -o size=1m tmpfs /mnt && exec "$0" --disable-warning=ExperimentalWarning "$1" /mnt`;
    const printed = execFileSync("unshare", [
      "-rm",
      "sh",
      "-c",
      script,
      process.execPath,
      program,
    ]).toString();
    const { code, message, acknowledged, stored } = JSON.parse(printed) as Record<string, unknown>;
    assert.equal(code, "disk_full");
    assert.match(String(message), /Free some space/);
    assert.ok(Number(acknowledged) > 0);
    assert.equal(stored, acknowledged);
  },
);
