/**
 * Makes dist and examines the package as users would get it. With --check, both in a copy under node_modules, unseen by
 * who works here, and without checking types, which `npm run check` does beside it.
 */
import { execFile, spawnSync } from "node:child_process";
import { cp, mkdir, readFile, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { examinePackage, type Packed } from "./build/examine-package.ts";

const execute = promisify(execFile);
const root = fileURLToPath(new URL("..", import.meta.url));
const isCheck = process.argv.includes("--check");
const target = isCheck ? join(root, "node_modules/.cache/unabridged-package") : root;

if (isCheck) await copyManifest();
await compile();
await copyWhatIsNotCompiled();
const packed = await pack();
const complaints = await examinePackage(target, packed);
for (const complaint of complaints) console.error(complaint);
if (complaints.length > 0) process.exitCode = 1;
console.log(
  `${packed.files.length} files, ${megabytes(packed.size)} packed, ${megabytes(packed.unpackedSize)} unpacked`,
);

async function copyManifest(): Promise<void> {
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  const { files }: { files: readonly string[] } = JSON.parse(
    await readFile(join(root, "package.json"), "utf8"),
  );
  for (const name of ["package.json", ...files.filter((file) => file !== "dist")]) {
    const isThere = await stat(join(root, name)).catch(() => undefined);
    if (isThere !== undefined) await cp(join(root, name), join(target, name), { recursive: true });
  }
}

async function compile(): Promise<void> {
  await rm(join(target, "dist"), { recursive: true, force: true });
  const compiler = fileURLToPath(import.meta.resolve("typescript/package.json"));
  const options = ["-p", join(root, "tsconfig.build.json"), "--outDir", join(target, "dist")];
  if (isCheck) options.push("--noCheck");
  const { status } = spawnSync(process.execPath, [join(compiler, "../bin/tsc"), ...options], {
    stdio: "inherit",
  });
  if (status !== 0) throw new Error("tsc found what stands above.");
}

/** Whatever else lies in src is read at run time: guest programs, the interpreter, the catalogue. */
async function copyWhatIsNotCompiled(): Promise<void> {
  await cp(join(root, "src"), join(target, "dist"), {
    recursive: true,
    filter: (path) => !/\.([cm]?ts|pyc)$|\.(test|fixture)\./.test(path) && basename(path) !== "__pycache__",
  });
}

async function pack(): Promise<Packed> {
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const options = ["pack", "--dry-run", "--json", "--ignore-scripts"];
  const { stdout } = await execute(npm, options, {
    cwd: target,
    maxBuffer: 2 ** 26,
    shell: process.platform === "win32",
  });
  // npm 11 tells a list, npm 12 the packages by name.
  const told: Readonly<Record<string, Packed>> = JSON.parse(stdout);
  const [packed] = Object.values(told);
  if (packed === undefined) throw new Error(`npm pack told of no package: ${stdout}`);
  return packed;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
