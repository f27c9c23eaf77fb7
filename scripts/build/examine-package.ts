/** What must hold of a package before it is published. It builds nothing. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { readSources, type Source } from "../layers/read-sources.ts";

/** As `npm pack --json` tells it. */
export interface Packed {
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

interface Manifest {
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly bin: Readonly<Record<string, string>>;
}

const execute = promisify(execFile);

/** CPython is 10 MB of it. More than this means that something came along which nobody meant to publish. */
const mostBytes = 20_000_000;

/** What others wrote and we carry along may only be handed on with these. */
const notices: readonly string[] = [
  ...["NOTICE.md", "LICENSE-PACKAGING.txt", "LICENSE-PYTHON.txt", "LICENSE-INCORPORATED.txt"].map(
    (name) => `dist/sandboxes/cpython/${name}`,
  ),
  ...["NOTICE.md", "LICENSE.txt", "LICENSE-PACKING.txt"].map((name) => `dist/corpora/loaders/cmaps/${name}`),
];

export async function examinePackage(folder: string, packed: Packed): Promise<readonly string[]> {
  const manifest: Manifest = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const code = await readSources(folder, ["dist"], (path) => /\.d\.[cm]?ts$|\/cpython\//.test(path));
  return [
    ...complaintsOfList(manifest, packed),
    ...code.flatMap((source) => complaintsOfReach(folder, source)),
    ...(await complaintsOfUse(folder, manifest)),
  ];
}

function complaintsOfList(manifest: Manifest, packed: Packed): readonly string[] {
  const paths = new Set(packed.files.map(({ path }) => path));
  const promised = [...Object.values(manifest.exports), ...Object.values(manifest.bin)];
  const missing = promised.map((path) => path.replace(/^\.\//, "")).filter((path) => !paths.has(path));
  const unlicensed = notices.filter((path) => !paths.has(path));
  const unwanted = [...paths].filter((path) => /\.(test|fixture)\.|(?<!\.d)\.[cm]?ts$|\.pyc$/.test(path));
  const complaints = [
    ...missing.map((path) => `${path} is promised by package.json and is not in the package.`),
    ...unlicensed.map((path) => `${path} must go with what others wrote, and is not in the package.`),
    ...unwanted.map((path) => `${path} is in the package and is of no use to a user.`),
  ];
  if (packed.unpackedSize > mostBytes) {
    complaints.push(
      `The package unpacks to ${packed.unpackedSize} bytes, at most ${mostBytes} were expected.`,
    );
  }
  return complaints;
}

/** What a file imports or opens by its own address is there too, also where it is loaded late. */
function complaintsOfReach(folder: string, { path, text, imports }: Source): readonly string[] {
  const opened = text.matchAll(/new URL\("(\.[^"]*)", import\.meta\.url\)/g);
  const reached = [...imports.map(({ specifier }) => specifier), ...[...opened].map(([, file = ""]) => file)];
  return reached
    .filter((target) => target.startsWith(".") && !existsSync(join(folder, dirname(path), target)))
    .map((target) => `${path} reaches for ${target}, which is not there.`);
}

async function complaintsOfUse(folder: string, manifest: Manifest): Promise<readonly string[]> {
  const entries = Object.values(manifest.exports).filter((path) => path.endsWith(".js"));
  const addresses = entries.map((path) => pathToFileURL(join(folder, path)).href);
  const imports = addresses.map((address) => `await import(${JSON.stringify(address)});`).join("\n");
  const attempts = [
    attempt("Importing the entries", ["--input-type=module", "--eval", imports], ""),
    ...Object.values(manifest.bin).map((path) =>
      attempt(`${path} --version`, [join(folder, path), "--version"], manifest.version),
    ),
  ];
  return (await Promise.all(attempts)).flat();
}

async function attempt(
  what: string,
  parameters: readonly string[],
  expected: string,
): Promise<readonly string[]> {
  try {
    const { stdout, stderr } = await execute(process.execPath, [...parameters]);
    const written = (stdout + stderr).trim();
    return written === expected
      ? []
      : [`${what} wrote ${JSON.stringify(written)}, not ${JSON.stringify(expected)}.`];
  } catch (error) {
    return [`${what} failed: ${String(error)}`];
  }
}
