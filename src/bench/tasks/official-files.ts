/** Reads rows of official files that a user has, and writes their contexts where arms can open them. It knows no benchmark. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError } from "../../core/errors.ts";
import { isPlainObject, type Json, type JsonObject } from "../../core/json.ts";
import { estimateTokens } from "../../core/tokens.ts";
import type { Dataset, Mind, Task } from "../task.ts";

export type Row = Readonly<Record<string, unknown>>;

/** There is no simulated reader of real prose: these are for l2. */
export const noMind: Mind = {
  knows: () => false,
  root: () => "",
  leaf: () => undefined,
  read: () => "",
  searchFor: () => [],
};

export interface Loaded {
  readonly id: string;
  /** One text, or several by file name. */
  readonly text: string | ReadonlyMap<string, string>;
  readonly question: string;
  readonly gold: Json;
  readonly meta?: JsonObject;
}

export async function loadRows(
  folder: string,
  family: string,
  what: string,
  members: readonly string[],
  read: (row: Row, index: number) => Loaded,
): Promise<Dataset> {
  const files = existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => /\.jsonl?$/.test(name))
        .sort()
    : [];
  const rows = files.flatMap((name) => rowsOf(readFileSync(join(folder, name), "utf8")));
  const fitting = rows.filter((row) => members.every((member) => member in row));
  if (fitting.length === 0)
    throw new ConfigError("not_found", `${folder} has no ${what}: expected members ${members.join(", ")}.`);
  const tasks: Task[] = [];
  for (const [index, row] of fitting.entries()) {
    const { id, text, ...asked } = read(row, index);
    const context = [await writeContext(family, id, text)];
    const lengthTokens = powerOfTwo(typeof text === "string" ? text : [...text.values()].join("\n"));
    tasks.push({ id, family, lengthTokens, world: "any", context, ...asked });
  }
  return { tasks, knowledge: { any: {} }, source: `${what}, from the user's own files` };
}

export function rowsOf(text: string): Row[] {
  if (text.trimStart().startsWith("[")) return asList(JSON.parse(text));
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .flatMap((line) => asList([JSON.parse(line)]));
}

export function asList(value: unknown): Row[] {
  return Array.isArray(value) ? value.filter(isPlainObject) : [];
}

export async function writeContext(family: string, id: string, text: Loaded["text"]): Promise<string> {
  const folder = join(tmpdir(), "unabridged-bench", family);
  await mkdir(folder, { recursive: true });
  if (typeof text === "string") {
    const file = join(folder, `${safe(id)}.txt`);
    await writeFile(file, text);
    return file;
  }
  const own = join(folder, safe(id));
  await mkdir(own, { recursive: true });
  for (const [name, one] of text) await writeFile(join(own, `${safe(name)}.txt`), one);
  return own;
}

function safe(name: string): string {
  return name.replace(/[^\w.-]+/g, "_").slice(0, 100);
}

export function powerOfTwo(text: string): number {
  return 2 ** Math.max(10, Math.round(Math.log2(estimateTokens(text))));
}
