/** What a run is made of, by hashes: code, prompts, data, prices and settings. Runs that differ in any of them don't mix. */
import { createReadStream } from "node:fs";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ConfigError } from "../../core/errors.ts";
import { canonicalJson, sha256, type Json, type JsonObject } from "../../core/json.ts";
import * as prompts from "../arms/prompts.ts";
import * as judges from "../judging/judges.ts";
import type { Dataset, Level } from "../task.ts";

export interface Manifest {
  readonly v: 1;
  readonly id: string;
  readonly at: string;
  readonly family: string;
  readonly level: Level;
  readonly arms: readonly string[];
  readonly reps: number;
  /** What made the data, so that a resumed run makes the same. */
  readonly recipe: JsonObject;
  readonly source: string;
  readonly models: JsonObject;
  readonly limits: JsonObject;
  readonly hashes: {
    readonly code: string;
    readonly prompts: string;
    readonly data: string;
    readonly prices: string;
    readonly settings: string;
  };
  readonly machine: string;
}

export const manifestName = "manifest.json";

export async function hashesOf(dataset: Dataset, prices: Json, settings: Json): Promise<Manifest["hashes"]> {
  return {
    code: await hashOfCode(),
    prompts: sha256(
      [...Object.values(prompts), ...Object.values(judges).map(spelled)].map(String).join("\n"),
    ),
    data: await hashOfData(dataset),
    prices: sha256(canonicalJson(prices)),
    settings: sha256(canonicalJson(settings)),
  };
}

/** Throws ConfigError naming what has changed since the run was begun. */
export function assertSame(kept: Manifest, now: Pick<Manifest, "hashes" | "family" | "level">): void {
  const changed = Object.entries(now.hashes).filter(([name, hash]) =>
    Object.entries(kept.hashes).some(([other, old]) => other === name && old !== hash),
  );
  const names = changed.map(([name]) => name);
  if (kept.family !== now.family || kept.level !== now.level) names.push("task or level");
  if (names.length > 0)
    throw new ConfigError(
      "invalid_option",
      `${kept.id} was begun with other ${names.join(", ")}, so its results don't mix with new ones. Begin a new run without --resume.`,
    );
}

export async function readManifest(runFolder: string): Promise<Manifest> {
  const file = join(runFolder, manifestName);
  try {
    return JSON.parse(await readFile(file, "utf8")) as Manifest;
  } catch (error) {
    throw new ConfigError("not_found", `There is no run ${basename(runFolder)}: ${file} can't be read.`, {
      cause: error,
    });
  }
}

export async function writeManifest(runFolder: string, manifest: Manifest): Promise<void> {
  await writeFile(join(runFolder, manifestName), `${JSON.stringify(manifest, null, 1)}\n`, { flag: "wx" });
}

/** Functions are hashed by their source, so that another wording is another hash. */
function spelled(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === "function" ? String(member) : member,
  );
}

/** Everything of the package that runs, tests left out. */
async function hashOfCode(): Promise<string> {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && /\.(ts|js|mjs|cjs|py|json)$/.test(entry.name))
    .filter((entry) => !/\.(test|fixture)\./.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const hash = createHash("sha256");
  for (const file of files) hash.update(file.slice(root.length)).update(await readFile(file));
  return hash.digest("hex");
}

async function hashOfData({ tasks }: Dataset): Promise<string> {
  const hash = createHash("sha256");
  for (const { id, question, gold } of tasks) hash.update(canonicalJson({ id, question, gold }));
  for (const path of new Set(tasks.flatMap(({ context }) => context)))
    for (const file of await filesAt(path)) {
      hash.update(basename(file));
      for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array);
    }
  return hash.digest("hex");
}

async function filesAt(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
