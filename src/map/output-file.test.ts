/** The file of results where it can't be written. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ConfigError } from "../core/errors.ts";
import { OutputFile } from "./output-file.ts";

const folder = await mkdtemp(join(tmpdir(), "output-"));
after(() => rm(folder, { recursive: true }));

test("a place where no file can be is refused with its name", async () => {
  await mkdir(join(folder, "taken"));
  const refused = (pattern: RegExp) => (error: unknown) =>
    error instanceof ConfigError && pattern.test(error.message);
  await assert.rejects(OutputFile.open(join(folder, "taken"), { known: undefined }), refused(/is a folder/));
  await assert.rejects(
    OutputFile.open(join(folder, "none", "out"), { known: undefined }),
    refused(/can't be written.*-o/),
  );
});

test("a file that was given no row leaves nothing behind", async () => {
  const path = join(folder, "empty.jsonl");
  await (await OutputFile.open(path, { known: undefined })).keep();
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.startsWith("empty")),
    [],
  );
});

// A disk of 64 kB, in a mount namespace of its own where the system lets this user have one.
const canMount = spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).status === 0;
test("on a full disk nothing that was paid for is lost", { skip: !canMount }, async () => {
  const directory = await mkdtemp(join(folder, "store-"));
  const program = join(import.meta.dirname, "full-disk.fixture.ts");
  const script = `mount -t tmpfs -o size=64k tmpfs /mnt && exec "$0" --disable-warning=ExperimentalWarning "$1" /mnt "$2"`;
  const printed = execFileSync("unshare", [
    "-rm",
    "sh",
    "-c",
    script,
    process.execPath,
    program,
    directory,
  ]).toString();
  const { code, message, paid, calls, status } = JSON.parse(printed) as Record<string, unknown>;
  assert.deepEqual([code, status, calls], ["disk_full", "done", 300]);
  assert.equal(paid, 300);
  assert.match(String(message), /out\.jsonl\..*partial.*kept in the store/);
});
