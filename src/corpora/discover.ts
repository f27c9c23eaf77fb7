/** Turns paths, directories and globs into files. It reads no file; what is in them is judged elsewhere. */
import { readdirSync, statSync } from "node:fs";
import type { Stats } from "node:fs";
import { basename, dirname, join, normalize, relative, resolve, sep } from "node:path";
import { glob, isDynamicPattern } from "tinyglobby";
import { ConfigError } from "../core/errors.ts";
import { recordReader, runRipgrep } from "./ripgrep.ts";
import { skippedNames } from "./skipped-names.ts";

export interface FoundFile {
  /** As a person would write it: relative to the working directory where the input was. */
  readonly path: string;
  readonly file: string;
  /** True where the input named this very file. */
  readonly named: boolean;
}

export interface DiscoverOptions {
  readonly signal: AbortSignal;
  readonly cwd: string;
  /** Leave out what .gitignore files say. Holds for directories, not for globs and named files. */
  readonly gitignore: boolean;
}

/** Files in the order of the inputs, those of a directory sorted by path; none twice. */
export async function discoverFiles(
  paths: readonly string[],
  options: DiscoverOptions,
): Promise<FoundFile[]> {
  const found = new Map<string, FoundFile>();
  for (const path of paths) {
    for (const one of await filesOf(path, options)) if (!found.has(one.file)) found.set(one.file, one);
  }
  return [...found.values()];
}

async function filesOf(path: string, options: DiscoverOptions): Promise<FoundFile[]> {
  const absolute = resolve(options.cwd, path);
  const stats = statOf(path, absolute);
  // A file may well be called "notes [1].txt": a name that exists is no glob.
  if (stats === undefined)
    return isDynamicPattern(path) ? filesOfGlob(path, options) : notFound(path, absolute);
  if (!stats.isDirectory()) return [{ path: normalize(path), file: absolute, named: true }];
  const names = await listDirectory(absolute, options);
  return sorted(names).map((name) => ({
    path: join(path, name),
    file: join(absolute, name),
    named: false,
  }));
}

function statOf(path: string, absolute: string): Stats | undefined {
  try {
    return statSync(absolute, { throwIfNoEntry: false });
  } catch (error) {
    throw new ConfigError("unreadable", `"${path}" can't be read. Check its permissions.`, { cause: error });
  }
}

async function filesOfGlob(pattern: string, options: DiscoverOptions): Promise<FoundFile[]> {
  const names = await glob(pattern.split(sep).join("/"), {
    cwd: options.cwd,
    onlyFiles: true,
    expandDirectories: false,
    followSymbolicLinks: false,
    ignore: skippedNames.filter((name) => !pattern.includes(name)).map((name) => `**/${name}/**`),
    signal: options.signal,
  });
  options.signal.throwIfAborted();
  if (names.length === 0) {
    throw new ConfigError("not_found", `No file matches "${pattern}" (looked from ${options.cwd}).`);
  }
  return sorted(names).map((name) => ({
    path: normalize(name),
    file: resolve(options.cwd, name),
    named: false,
  }));
}

/**
 * Every file below a directory, links not followed. ripgrep walks on all cores and knows .gitignore as git does:
 * nested ones, and those above up to the repository's root.
 */
async function listDirectory(directory: string, options: DiscoverOptions): Promise<string[]> {
  const names: string[] = [];
  const args = [
    "--files",
    "--null",
    "--hidden",
    "--no-ignore-dot",
    "--no-ignore-global",
    "--no-require-git",
    ...(options.gitignore ? [] : ["--no-ignore"]),
    ...skippedNames.flatMap((name) => ["--glob", `!**/${name}`]),
  ];
  const reader = recordReader(0, (record) => names.push(record.toString("utf8")) > 0);
  const { status, stderr } = await runRipgrep(args, reader, { signal: options.signal, cwd: directory });
  if (status === "failed" && names.length === 0) {
    throw new ConfigError("unreadable", `"${directory}" can't be listed: ${stderr.trim()}`);
  }
  return names;
}

/** By code unit: the same everywhere, whatever the locale. */
function sorted(names: string[]): string[] {
  return names.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

function notFound(path: string, absolute: string): never {
  const near = nearestName(absolute);
  const remedy =
    near === undefined
      ? "Check the spelling."
      : `Did you mean "${join(dirname(path), relative(dirname(absolute), near))}"?`;
  throw new ConfigError("not_found", `There is no file or directory "${path}". ${remedy}`);
}

/** The sibling whose name is the fewest edits away, if they are few enough for a slip of the hand. */
function nearestName(absolute: string): string | undefined {
  const wanted = basename(absolute).toLowerCase();
  let best: { name: string; edits: number } | undefined;
  for (const name of namesIn(dirname(absolute))) {
    const edits = editDistance(wanted, name.toLowerCase());
    if (edits < (best?.edits ?? Math.max(2, wanted.length / 3 + 1))) best = { name, edits };
  }
  return best && join(dirname(absolute), best.name);
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).slice(0, 10_000);
  } catch {
    return []; // Without its directory there is no near name to suggest.
  }
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
