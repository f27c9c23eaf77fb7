/** Reads what each source file imports, with the compiler's own parser. It knows no rule about what may be imported. */
import { readdir, readFile } from "node:fs/promises";
import { join, posix, sep } from "node:path";
import { API } from "typescript/unstable/sync";

export interface Source {
  /** From the root of the project, with "/". */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

export interface Import {
  readonly specifier: string;
  readonly line: number;
}

const isCode = /\.(ts|mts|cts|js|mjs|cjs)$/;

/**
 * Every form of import counts: values, types, `export … from`, `import("…")` as a call and as a type, `require`.
 * What it can't see: a specifier that is computed, and a thread or process started from a URL.
 */
export async function readSources(
  root: string,
  folders: readonly string[],
  isForeign: (path: string) => boolean = () => false,
): Promise<readonly Source[]> {
  const lists = await Promise.all(folders.map((folder) => filesIn(root, folder)));
  const paths = lists.flat().filter((path) => isCode.test(path) && !isForeign(path));
  const texts = new Map<string, string>();
  for (const path of paths) texts.set(path, await readFile(join(root, path), "utf8"));
  const imports = parseImports(texts);
  return [...texts].map(([path, text]) => ({ path, text, imports: imports.get(path) ?? [] }));
}

/**
 * One program over texts alone: nothing is resolved or checked, so it takes a tenth of a second. The compiler calls this
 * interface of its own unstable; should it go, a failing type check of this one file says so.
 */
export function parseImports(texts: ReadonlyMap<string, string>): ReadonlyMap<string, readonly Import[]> {
  const found = new Map<string, readonly Import[]>();
  if (texts.size === 0) return found;
  const folder = "/sources";
  const config = `${folder}/tsconfig.json`;
  const files = new Map([...texts].map(([path, text]) => [posix.join(folder, path), text]));
  files.set(config, JSON.stringify({ compilerOptions, files: [...texts.keys()] }));
  const api = new API({
    fs: {
      readFile: (path) => files.get(path) ?? null,
      fileExists: (path) => files.has(path),
      directoryExists: (path) => path === folder || path.startsWith(`${folder}/`),
      getAccessibleEntries: () => ({ files: [], directories: [] }),
      realpath: (path) => path,
    },
  });
  try {
    const program = api.updateSnapshot({ openProject: config }).getProject(config)?.program;
    for (const [path, text] of texts) {
      const source = program?.getSourceFile(posix.join(folder, path));
      if (source === undefined) throw new Error(`The compiler has not read ${path}.`);
      found.set(
        path,
        source.imports.map((node) => importAt(node.getText(source), node.getStart(source), text)),
      );
    }
  } finally {
    api.close();
  }
  return found;
}

const compilerOptions = {
  noResolve: true,
  noLib: true,
  types: [],
  allowJs: true,
  module: "nodenext",
  allowImportingTsExtensions: true,
  noEmit: true,
};

function importAt(quoted: string, start: number, text: string): Import {
  return { specifier: quoted.slice(1, -1), line: text.slice(0, start).split("\n").length };
}

async function filesIn(root: string, folder: string): Promise<readonly string[]> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name).slice(root.length).split(sep).join("/").replace(/^\//, ""),
    )
    .toSorted();
}
