/** Which files another program may have read: those below some folders, wherever links lead. It reads none itself. */
import { realpath } from "node:fs/promises";
import { isAbsolute, relative, resolve, sep } from "node:path";
import { escapePath, isDynamicPattern } from "tinyglobby";
import { ConfigError } from "../core/errors.ts";
import { discoverFiles } from "../corpora/discover.ts";

export class AllowedFolders {
  readonly #folders: readonly Folder[];

  private constructor(folders: readonly Folder[]) {
    this.#folders = folders;
  }

  /** Throws ConfigError "not_found" for a folder that is not there. */
  static async of(paths: readonly string[]): Promise<AllowedFolders> {
    return new AllowedFolders(
      await Promise.all(
        paths.map(async (path) => {
          const real = await realOf(path);
          if (real === undefined)
            throw new ConfigError(
              "not_found",
              `There is no folder "${path}". Name one that is there with --root.`,
            );
          return { given: resolve(path), real };
        }),
      ),
    );
  }

  /** These and others; of the others, those that are not there count for nothing. */
  async with(paths: readonly string[]): Promise<AllowedFolders> {
    const found = await Promise.all(
      paths.map(async (path) => ({ given: resolve(path), real: await realOf(path) })),
    );
    const there = found.flatMap(({ given, real }) => (real === undefined ? [] : [{ given, real }]));
    return new AllowedFolders([...this.#folders, ...there]);
  }

  get paths(): readonly string[] {
    return [...new Set(this.#folders.map(({ real }) => real))];
  }

  /**
   * Paths, folders and globs as they are on disk: absolute, links followed; globs as they were written, from a folder of ours.
   * Relative ones are looked for in each folder. Throws ConfigError for what lies outside, whether it is there or not, and
   * for what is not there.
   */
  async admit(paths: readonly string[], signal: AbortSignal): Promise<Admitted> {
    if (this.#folders.length === 0)
      throw new ConfigError(
        "invalid_input",
        `No folder may be read, so "${paths.join(", ")}" can't be. Start the server with --root FOLDER, or send the text itself.`,
      );
    let workingFolder: string | undefined;
    const admitted: string[] = [];
    for (const path of paths) {
      const file = await this.#admitFile(path);
      if (file !== undefined) admitted.push(file);
      else {
        const { folder, pattern } = await this.#admitGlob(path, signal);
        workingFolder ??= folder;
        const isAtHand = folder === workingFolder;
        admitted.push(isAtHand ? pattern : `${escapePath(folder.split(sep).join("/"))}/${pattern}`);
      }
    }
    return { paths: admitted, ...(workingFolder !== undefined && { workingFolder }) };
  }

  /** Undefined for what may be a glob. */
  async #admitFile(path: string): Promise<string | undefined> {
    const candidates = isAbsolute(path) ? [path] : this.#folders.map(({ real }) => resolve(real, path));
    for (const candidate of candidates) {
      const real = await realOf(candidate);
      if (real !== undefined && this.#holds(real)) return real;
    }
    if (isDynamicPattern(path)) return undefined;
    const inside = candidates.find((candidate) => this.#wouldHold(candidate));
    // What lies outside is refused in the same words whether it is there or not.
    if (inside === undefined || (await realOf(inside)) !== undefined) throw this.#outside(path);
    throw new ConfigError(
      "not_found",
      `There is no file or folder "${path}" in ${this.paths.join(", ")}. Check the spelling.`,
    );
  }

  /** Every file that matches must lie inside, by whatever link it is there. */
  async #admitGlob(glob: string, signal: AbortSignal): Promise<{ folder: string; pattern: string }> {
    if (glob.includes("..") || glob.startsWith("!")) throw this.#outside(glob);
    let failure: unknown;
    for (const { given, real } of this.#folders) {
      const pattern = isAbsolute(glob) ? belowFolder(glob, [given, real]) : glob.split(sep).join("/");
      if (pattern === undefined) continue;
      try {
        for (const { file } of await discoverFiles([pattern], { signal, cwd: real, gitignore: true })) {
          const target = await realOf(file);
          if (target !== undefined && !this.#holds(target)) throw this.#outside(glob);
        }
        return { folder: real, pattern };
      } catch (error) {
        if (!(error instanceof ConfigError) || error.code !== "not_found") throw error;
        failure = error;
      }
    }
    throw failure ?? this.#outside(glob);
  }

  /** @param real with its links followed */
  #holds(real: string): boolean {
    return this.#folders.some((folder) => isBelow(real, folder.real));
  }

  #wouldHold(path: string): boolean {
    return this.#folders.some(({ given, real }) => isBelow(path, real) || isBelow(path, given));
  }

  #outside(path: string): ConfigError {
    return new ConfigError(
      "invalid_input",
      `"${path}" is outside of the folders that may be read: ${this.paths.join(", ")}. Start the server with --root FOLDER to add one.`,
    );
  }
}

export interface Admitted {
  readonly paths: readonly string[];
  /** What globs are relative to. */
  readonly workingFolder?: string;
}

interface Folder {
  /** As it was named, absolute. */
  readonly given: string;
  /** Links followed. */
  readonly real: string;
}

/** What of an absolute pattern is left below the folder; undefined where it begins elsewhere. */
function belowFolder(pattern: string, names: readonly string[]): string | undefined {
  for (const name of names) {
    const start = `${name.replace(/[\\/]+$/, "")}${sep}`;
    if (pattern.startsWith(start)) return pattern.slice(start.length).split(sep).join("/");
  }
  return undefined;
}

function isBelow(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

async function realOf(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch {
    // Not there, or behind a folder that is closed to us: either way it can't be read.
    return undefined;
  }
}
