/** Who is driven, how each gets into the scratch folder, and what starts its driver. Nothing of theirs becomes part of this project. */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Rival {
  readonly name: string;
  readonly kind: "ours" | "npm" | "pypi";
  /** As its registry knows it. */
  readonly pkg: string;
  /** Its file among the drivers; undefined where none was written, since it could not be installed. */
  readonly driver: string | undefined;
}

export const rivals: readonly Rival[] = [
  { name: "unabridged", kind: "ours", pkg: "", driver: "ours.ts" },
  { name: "ax", kind: "npm", pkg: "@ax-llm/ax", driver: "ax.ts" },
  { name: "rllm", kind: "npm", pkg: "rllm", driver: "rllm.ts" },
  { name: "recursive-llm-ts", kind: "npm", pkg: "recursive-llm-ts", driver: "recursive-llm-ts.ts" },
  { name: "ai-rlm", kind: "npm", pkg: "ai-rlm", driver: undefined },
  { name: "rlms", kind: "pypi", pkg: "rlms", driver: "peers.py" },
  { name: "dspy", kind: "pypi", pkg: "dspy", driver: "peers.py" },
];

export interface Ready {
  readonly rival: Rival;
  readonly version: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
}

const drivers = fileURLToPath(new URL("./drivers", import.meta.url));

/** Installs where it is not there yet. @returns what starts its driver, or why it can't be run */
export function prepare(rival: Rival, scratch: string): Ready | { readonly error: string } {
  const folder = join(scratch, rival.name);
  if (rival.kind === "ours") {
    const args = [join(drivers, "ours.ts")];
    return {
      rival,
      version: "this tree",
      command: process.execPath,
      args,
      folder: process.cwd(),
      environment: {},
    };
  }
  mkdirSync(folder, { recursive: true });
  return rival.kind === "npm" ? prepareNpm(rival, folder) : preparePython(rival, folder);
}

function prepareNpm(rival: Rival, folder: string): Ready | { readonly error: string } {
  if (!existsSync(join(folder, "node_modules", rival.pkg))) {
    writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
    // rllm imports zod without depending on it; the others don't mind.
    const done = run(
      "npm",
      ["install", "--no-audit", "--no-fund", "--loglevel=error", rival.pkg, "zod"],
      folder,
      { CI: "1" },
    );
    if (done !== undefined) return { error: `npm install ${rival.pkg}: ${done}` };
  }
  if (rival.driver === undefined)
    return { error: "It could be installed, but no driver was written for it yet." };
  cpSync(join(drivers, "harness.ts"), join(folder, "harness.ts"));
  cpSync(join(drivers, rival.driver), join(folder, "driver.ts"));
  const version = output(
    process.execPath,
    ["-p", `JSON.parse(require("fs").readFileSync("node_modules/${rival.pkg}/package.json")).version`],
    folder,
  );
  return { rival, version, command: process.execPath, args: ["driver.ts"], folder, environment: {} };
}

function preparePython(rival: Rival, folder: string): Ready | { readonly error: string } {
  const python = join(folder, "bin", "python");
  if (!existsSync(python)) {
    const made =
      run("python3", ["-m", "venv", folder], folder) ??
      run(python, ["-m", "pip", "install", "-q", rival.pkg], folder);
    if (made !== undefined) return { error: `pip install ${rival.pkg}: ${made}` };
  }
  let path = process.env["PATH"] ?? "";
  if (rival.name === "dspy") {
    // Its interpreter is Deno, which npm has, too.
    const deno = join(folder, "deno");
    mkdirSync(deno, { recursive: true });
    if (!existsSync(join(deno, "node_modules")))
      run("npm", ["install", "--prefix", deno, "--no-audit", "--no-fund", "--loglevel=error", "deno"], deno);
    path = `${join(deno, "node_modules", ".bin")}:${path}`;
  }
  const version = output(
    python,
    ["-c", `import importlib.metadata as m; print(m.version("${rival.pkg}"))`],
    folder,
  );
  const args = [join(drivers, "peers.py"), rival.name];
  return { rival, version, command: python, args, folder, environment: { PATH: path } };
}

function run(
  command: string,
  args: readonly string[],
  cwd: string,
  more: Record<string, string> = {},
): string | undefined {
  const { status, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    timeout: 300_000,
    env: { ...process.env, ...more },
  });
  if (status === 0) return undefined;
  const lines = `${error?.message ?? ""}\n${stderr ?? ""}`.split("\n").filter((line) => line.trim() !== "");
  return lines.slice(0, 3).join(" ").slice(0, 300);
}

function output(command: string, args: readonly string[], cwd: string): string {
  return spawnSync(command, args, { cwd, encoding: "utf8" }).stdout.trim();
}
