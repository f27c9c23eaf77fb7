/**
 * Who is driven, how each gets into the scratch folder, and what starts its driver. Nothing of theirs becomes part of this project,
 * and none of their install scripts is run.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Rival {
  readonly name: string;
  readonly kind: "ours" | "npm" | "pypi";
  /** As its registry knows it, with the version that this was written for; undefined where there was none to be had. */
  readonly pkg: string;
  readonly version?: string;
  /** Its file among the drivers; undefined where none could be written, since it could not be installed. */
  readonly driver?: string;
  /** What it takes that its registry does not bring with it. */
  readonly beside?: readonly string[];
  /** The folder of another rival that is the same package. */
  readonly sharedFolder?: string;
}

export const rivals: readonly Rival[] = [
  { name: "unabridged", kind: "ours", pkg: "", driver: "ours.ts" },
  { name: "ax", kind: "npm", pkg: "@ax-llm/ax", version: "24.0.21", driver: "ax.ts" },
  // It imports zod without depending on it.
  { name: "rllm", kind: "npm", pkg: "rllm", version: "1.3.0", driver: "rllm.ts", beside: ["zod@4.6.7"] },
  {
    name: "recursive-llm-ts",
    kind: "npm",
    pkg: "recursive-llm-ts",
    version: "5.2.10",
    driver: "recursive-llm-ts.ts",
  },
  { name: "ai-rlm", kind: "npm", pkg: "ai-rlm" },
  { name: "rlms", kind: "pypi", pkg: "rlms", version: "0.1.3", driver: "peers.py" },
  { name: "dspy", kind: "pypi", pkg: "dspy", version: "3.4.1", driver: "peers.py" },
  {
    name: "dspy-local",
    kind: "pypi",
    pkg: "dspy",
    version: "3.4.1",
    driver: "peers.py",
    sharedFolder: "dspy",
  },
];

export interface Ready {
  readonly rival: Rival;
  /** As it stands in the table's head. */
  readonly version: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
}

type Prepared = Ready | { readonly error: string };

const drivers = fileURLToPath(new URL("./drivers", import.meta.url));

/** Installs where it is not there yet. @returns what starts its driver, or why it can't be run */
export function prepare(rival: Rival, scratch: string): Prepared {
  if (rival.kind === "ours") {
    const commit = output("git", ["rev-parse", "--short", "HEAD"], drivers);
    const args = [join(drivers, "ours.ts")];
    const version = commit === "" ? "this tree" : commit;
    return { rival, version, command: process.execPath, args, folder: process.cwd(), environment: {} };
  }
  const folder = join(scratch, rival.sharedFolder ?? rival.name);
  const failure = install(rival, folder);
  if (failure !== undefined) return { error: failure };
  return rival.kind === "npm" ? readyNpm(rival, folder) : readyPython(rival, folder);
}

/** @returns why not, if so */
function install(rival: Rival, folder: string): string | undefined {
  const wanted = rival.version === undefined ? rival.pkg : `${rival.pkg}@${rival.version}`;
  const stamp = join(folder, "installed.txt");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return undefined;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const failure =
    rival.kind === "npm"
      ? installNpm(folder, [wanted, ...(rival.beside ?? [])])
      : installPython(folder, wanted.replace("@", "=="));
  if (failure === undefined) writeFileSync(stamp, wanted);
  return failure;
}

function installNpm(folder: string, packages: readonly string[]): string | undefined {
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const failure = run("npm", ["install", ...flags, ...packages], folder);
  return failure && `npm install ${packages.join(" ")}: ${failure}`;
}

function installPython(folder: string, requirement: string): string | undefined {
  // Wheels alone: building a source package would run its setup.
  const pip = ["-m", "pip", "install", "-q", "--only-binary", ":all:", requirement];
  const failure =
    run("python3", ["-m", "venv", folder], folder) ?? run(join(folder, "bin", "python"), pip, folder);
  return failure && `pip install ${requirement}: ${failure}`;
}

function readyNpm(rival: Rival, folder: string): Prepared {
  if (rival.driver === undefined)
    return {
      error: `It could be installed (${folder}), but no driver was written: it was not in the registry then.`,
    };
  cpSync(drivers, join(folder, "drivers"), { recursive: true });
  const args = [join(folder, "drivers", rival.driver)];
  const version = rival.version ?? "";
  return { rival, version, command: process.execPath, args, folder, environment: {} };
}

function readyPython(rival: Rival, folder: string): Prepared {
  const args = [join(drivers, "peers.py"), rival.name];
  const ready = { rival, command: join(folder, "bin", "python"), args, folder };
  const version = rival.version ?? "";
  if (rival.name !== "dspy") return { ...ready, version, environment: {} };
  const deno = readyDeno(folder);
  if ("error" in deno) return deno;
  const note =
    deno.environment["PEERS_IMPORT_MAP"] === undefined ? "" : ", its import from deno.land replaced";
  return { ...ready, version: `${version}${note}`, environment: deno.environment };
}

/** dspy's interpreter is Deno, which npm has, too, with Pyodide, which Deno gets: all of it before anything is measured. */
function readyDeno(
  folder: string,
): { readonly environment: Readonly<Record<string, string>> } | { readonly error: string } {
  const own = join(folder, "deno");
  const binaries = join(own, "node_modules", ".bin");
  if (!existsSync(binaries)) {
    mkdirSync(own, { recursive: true });
    const failure = installNpm(own, ["deno@2.9.6"]);
    if (failure !== undefined) return { error: failure };
  }
  const python = join(folder, "bin", "python");
  const runner = output(
    python,
    ["-c", "import dspy.primitives as p; print(p.__path__[0] + '/runner.js')"],
    folder,
  );
  const environment = {
    PATH: `${binaries}:${process.env["PATH"] ?? ""}`,
    DENO_DIR: join(folder, "deno-cache"),
    DENO_NO_PACKAGE_JSON: "1",
  };
  const load = (...more: readonly string[]): string | undefined =>
    run(
      join(binaries, "deno"),
      ["cache", "--no-config", "--no-lock", "--node-modules-dir=false", ...more, runner],
      folder,
      environment,
    );
  if (load() === undefined) return { environment };
  const map = join(folder, "import-map.json");
  cpSync(join(drivers, "read-lines.ts"), join(folder, "read-lines.ts"));
  const imports = { "https://deno.land/std@0.186.0/io/mod.ts": "./read-lines.ts" };
  writeFileSync(map, JSON.stringify({ imports }));
  const failure = load(`--import-map=${map}`);
  if (failure !== undefined) return { error: `Deno can't load what its interpreter needs: ${failure}` };
  return { environment: { ...environment, PEERS_IMPORT_MAP: map } };
}

function run(
  command: string,
  args: readonly string[],
  cwd: string,
  more: Readonly<Record<string, string>> = {},
): string | undefined {
  const { status, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    timeout: 300_000,
    env: { ...process.env, CI: "1", ...more },
  });
  if (status === 0) return undefined;
  const lines = `${error?.message ?? ""}\n${stderr ?? ""}`.split("\n").filter((line) => line.trim() !== "");
  return lines.slice(0, 2).join(" ").slice(0, 200);
}

function output(command: string, args: readonly string[], cwd: string): string {
  return (spawnSync(command, args, { cwd, encoding: "utf8" }).stdout ?? "").trim();
}
