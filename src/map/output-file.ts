/**
 * The file of results: one JSON line for each row, in input order, written beside its name as rows are settled and
 * renamed when the last one is there. Who finds the name finds a whole file.
 */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readdir, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { ConfigError, messageOf, StoreError } from "../core/errors.ts";
import { isWorkerGone, newWorkerName } from "../core/worker-name.ts";
import type { JobOutput, SettledRow } from "../core/job-store.ts";

export interface OutputOptions {
  /** What an earlier run of this job wrote: that may be replaced. */
  readonly known: JobOutput | undefined;
  /** Replace whatever is there. @default false */
  readonly overwrite?: boolean | undefined;
}

export class OutputFile {
  readonly path: string;
  /** Where rows are until all are there. */
  readonly partialPath: string;
  readonly #handle: FileHandle;
  #hash: Hash = createHash("sha256");
  /** Rows written so far: where the next page begins. */
  rows = 0;

  /** Throws ConfigError where the name is taken by something that this job did not write. */
  static async open(path: string, options: OutputOptions): Promise<OutputFile> {
    const absolute = resolve(path);
    await assertFree(absolute, path, options);
    // Each process has its own: two that run the same map at once both end with the whole file.
    const partialPath = `${absolute}.${newWorkerName().replaceAll(":", "-")}.partial`;
    try {
      await removeLeftovers(absolute);
      return new OutputFile(absolute, partialPath, await open(partialPath, "w"));
    } catch (error) {
      throw new ConfigError(
        "unreadable",
        `"${path}" can't be written: ${messageOf(error)}. Choose another place with -o.`,
        { cause: error },
      );
    }
  }

  private constructor(path: string, partialPath: string, handle: FileHandle) {
    this.path = path;
    this.partialPath = partialPath;
    this.#handle = handle;
  }

  async append(rows: readonly SettledRow[]): Promise<void> {
    const text = rows.map((row) => `${JSON.stringify(outputLine(row))}\n`).join("");
    this.#hash.update(text);
    try {
      await this.#handle.appendFile(text);
    } catch (error) {
      throw unwritable(this.partialPath, error);
    }
    this.rows += rows.length;
  }

  /** Gives the file its name. */
  async complete(): Promise<JobOutput> {
    try {
      await this.#handle.sync();
      await this.#handle.close();
      await rename(this.partialPath, this.path);
    } catch (error) {
      throw unwritable(this.partialPath, error);
    }
    return { path: this.path, sha256: this.#hash.digest("hex") };
  }

  /** Leaves the rows that are there under the partial name, for a look. */
  async keep(): Promise<void> {
    // Already closed where completing failed half-way; there is nothing to add to that error.
    await this.#handle.close().catch(() => undefined);
    if (this.rows === 0) await rm(this.partialPath, { force: true });
  }
}

/** One line of the output as a value. */
export function outputLine({ key, attempts, outcome }: SettledRow): object {
  return outcome.ok
    ? {
        key,
        ok: true,
        result: outcome.result,
        ...(outcome.agreement === undefined ? {} : { agreement: outcome.agreement }),
      }
    : { key, ok: false, error: { ...outcome.error, attempts } };
}

/** What killed processes of this machine have left. */
async function removeLeftovers(absolute: string): Promise<void> {
  const folder = dirname(absolute);
  const begin = `${basename(absolute)}.`;
  for (const name of await readdir(folder)) {
    if (!name.startsWith(begin) || !name.endsWith(".partial")) continue;
    const worker = name.slice(begin.length, -".partial".length).replace(/-(\d+)-(\w+)$/, ":$1:$2");
    if (isWorkerGone(worker)) await rm(join(folder, name), { force: true });
  }
}

async function assertFree(
  absolute: string,
  path: string,
  { known, overwrite }: OutputOptions,
): Promise<void> {
  const found = await stat(absolute).catch(() => undefined);
  if (!found) return;
  if (found.isDirectory())
    throw new ConfigError("invalid_option", `"${path}" is a folder. Name a file for the results.`);
  if (overwrite === true || (known?.path === absolute && (await hashOf(absolute)) === known.sha256)) return;
  throw new ConfigError(
    "invalid_option",
    `"${path}" exists and is not what this job wrote last. Choose another name, or replace it with --overwrite.`,
  );
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}

function unwritable(path: string, error: unknown): StoreError {
  const isFull =
    error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT");
  const remedy = "Every finished item is kept in the store: run the same command again to go on.";
  return isFull
    ? new StoreError("disk_full", `There is no room left to write "${path}". Free some space. ${remedy}`, {
        cause: error,
      })
    : new StoreError("unavailable", `"${path}" can't be written: ${messageOf(error)}. ${remedy}`, {
        cause: error,
      });
}
