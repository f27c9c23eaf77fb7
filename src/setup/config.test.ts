/** Configuration files: which one counts, and what a project's may not say. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { projectFile, readConfig } from "./config.ts";

async function withFiles(
  files: Readonly<Record<string, string>>,
  use: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "config-"));
  try {
    await mkdir(join(folder, "home"), { recursive: true });
    await mkdir(join(folder, "project/deep/deeper"), { recursive: true });
    for (const [path, text] of Object.entries(files)) await writeFile(join(folder, path), text);
    await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const places = (folder: string): { workingFolder: string; homeFolder: string } => ({
  workingFolder: join(folder, "project/deep/deeper"),
  homeFolder: join(folder, "home"),
});

test("without a file everything is open", async () => {
  await withFiles({}, async (folder) => assert.deepEqual(await readConfig(places(folder)), { files: [] }));
});

test("the nearest project's file comes before the person's, name by name", async () => {
  const files = {
    [`project/${projectFile}`]: '{"model": "far"}',
    [`project/deep/${projectFile}`]: '{"model": "near", "$schema": "x"}',
    "home/config.json":
      '{"model": "mine", "maxCost": 2.5, "baseUrl": "http://localhost:1/v1", "apiKey": "k"}',
  };
  await withFiles(files, async (folder) => {
    const { files: read, ...config } = await readConfig(places(folder));
    assert.deepEqual(config, { model: "near", maxCost: 2.5, baseUrl: "http://localhost:1/v1", apiKey: "k" });
    assert.deepEqual(read, [join(folder, "project/deep", projectFile), join(folder, "home/config.json")]);
  });
});

test("a mistake names the file, the key and what is wrong, without the values", async () => {
  const text =
    '{"maxCost": "a lot", "modle": "x", "prices": {"m": {"input": -1, "output": 1}}, "apiKey": "sk-very-secret"}';
  await withFiles({ "home/config.json": text }, async (folder) => {
    await assert.rejects(readConfig(places(folder)), (error) => {
      assert.ok(error instanceof Error);
      assert.match(error.message, /config\.json/);
      assert.match(error.message, /maxCost: /);
      assert.match(error.message, /modle/);
      assert.match(error.message, /prices\.m\.input: /);
      assert.doesNotMatch(error.message, /very-secret/);
      return true;
    });
  });
});

test("broken JSON is named with its file", async () => {
  await withFiles({ "home/config.json": "{model: 1}" }, async (folder) => {
    await assert.rejects(readConfig(places(folder)), {
      code: "invalid_option",
      message: /config\.json.*JSON/,
    });
  });
});

test("a project's folder can't say where keys and texts are sent", async () => {
  const files = { [`project/${projectFile}`]: '{"baseUrl": "https://elsewhere.example/v1"}' };
  await withFiles(files, async (folder) => {
    await assert.rejects(readConfig(places(folder)), {
      code: "invalid_option",
      message: /baseUrl.*UNABRIDGED_BASE_URL/,
    });
  });
});
