/** The rules of imports and of files, as functions of what the files say. Pure: it reads no disk. */
import { posix } from "node:path";
import type { Source } from "./read-sources.ts";

export interface Complaint {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

const adapters = ["models", "sandboxes", "stores", "corpora", "mcp-client"];
const operations = ["rlm", "lcm", "map"];
const belowFaces = ["setup", "engine", "core"];

/** What each folder of src may import besides itself; the drawing is in docs/architecture.md. Arrows point down only. */
export const layers: Readonly<Record<string, readonly string[]>> = {
  core: [],
  rlm: ["core"],
  lcm: ["core"],
  map: ["core"],
  models: ["core"],
  sandboxes: ["core"],
  stores: ["core"],
  corpora: ["core"],
  "mcp-client": ["core"],
  testing: ["core"],
  engine: ["core", ...operations],
  setup: ["core", "engine", ...adapters],
  // Starts the other faces.
  cli: [...belowFaces, "http", "mcp"],
  mcp: belowFaces,
  http: belowFaces,
  // Speaks the dialect of the AI SDK, which models translate.
  "ai-sdk": [...belowFaces, "models"],
  // Measures the whole; nothing imports it.
  bench: [...belowFaces, "models", "testing"],
};

const longestFile = 400;

/** `published` are the packages that a user gets with ours: what others may be used for ends with the build. */
export function findComplaints(
  sources: readonly Source[],
  published: readonly string[],
): readonly Complaint[] {
  return [
    ...sources.flatMap((source) => [
      ...complaintsOfPlace(source),
      ...complaintsOfImports(source, new Set(published)),
      ...complaintsOfForm(source),
    ]),
    ...complaintsOfCycles(sources),
  ];
}

/** The folder of src that a file is in; "" for the files at the top of src, undefined outside of it. */
function layerOf(path: string): string | undefined {
  const [top, folder, ...rest] = path.split("/");
  if (top !== "src" || folder === undefined) return undefined;
  return rest.length === 0 ? "" : folder;
}

function isTest(path: string): boolean {
  return /\.(test|fixture)\.[cm]?[jt]s$/.test(path);
}

function complaintsOfPlace({ path }: Source): readonly Complaint[] {
  const layer = layerOf(path);
  if (layer === undefined || layers[layer] !== undefined || (layer === "" && path === "src/index.ts"))
    return [];
  const message =
    layer === ""
      ? "Only index.ts stands at the top of src. Move the file into the folder that it belongs to."
      : `src/${layer} is not in the table of layers. Put the file into one of ${Object.keys(layers).join(", ")}, or ` +
        "add the folder to the table in scripts/layers/rules.ts and to the drawing in docs/architecture.md.";
  return [{ path, line: 1, message }];
}

function complaintsOfImports(
  { path, imports }: Source,
  published: ReadonlySet<string>,
): readonly Complaint[] {
  return imports.flatMap(({ specifier, line }) => {
    const message = specifier.startsWith(".")
      ? complaintOfRelative(path, specifier)
      : complaintOfPackage(path, specifier, published);
    return message === undefined ? [] : [{ path, line, message }];
  });
}

function complaintOfRelative(path: string, specifier: string): string | undefined {
  if (/\.[jt]s$/.test(path) && !/\.(ts|json|mjs|cjs)$/.test(specifier)) {
    return `Expected "${specifier}" to end in .ts: imports name the file that is there.`;
  }
  const target = posix.join(posix.dirname(path), specifier);
  const [from, to] = [layerOf(path), layerOf(target)];
  if (from === undefined) return undefined;
  if (isTest(target)) return isTest(path) ? undefined : `${target} is a test; only tests may import it.`;
  if (from === to) return undefined;
  if (to === undefined) {
    return isTest(path) ? undefined : `src may not import ${target}, which is not published.`;
  }
  if (from === "" || layers[from] === undefined) return undefined;
  const allowed = [...(layers[from] ?? []), ...(isTest(path) ? ["testing", ...adapters] : [])];
  if (allowed.includes(to)) return undefined;
  const which = allowed.length === 0 ? "imports no other folder" : `may import ${allowed.join(", ")}`;
  const where = to === "" ? "the package's face" : `src/${to}`;
  const hint = to === "testing" ? " If it only serves tests, name it *.fixture.ts." : "";
  return `src/${from} may not import ${where}: ${isTest(path) ? "a test there" : "it"} ${which}.${hint}`;
}

function complaintOfPackage(
  path: string,
  specifier: string,
  published: ReadonlySet<string>,
): string | undefined {
  const isSource = path.startsWith("src/");
  const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
  if (name === "unabridged") {
    return isSource
      ? "Within src, import the file itself: the package's own name passes by the layers."
      : undefined;
  }
  if (!isSource || isTest(path) || specifier.startsWith("node:") || published.has(name)) return undefined;
  return `${name} is not among the dependencies in package.json, so users would not have it.`;
}

function complaintsOfForm({ path, text }: Source): readonly Complaint[] {
  if (layerOf(path) === undefined) return [];
  const complaints: Complaint[] = [];
  if (!text.startsWith("/**") && !text.startsWith("#!")) {
    complaints.push({
      path,
      line: 1,
      message: "Expected a /** comment first: what the file is and does not know.",
    });
  }
  const lines = text.split("\n").length - 1;
  if (lines > longestFile) {
    const message = `${lines} lines, at most ${longestFile}: which of its ideas is a file of its own?`;
    complaints.push({ path, line: longestFile, message });
  }
  return complaints;
}

/** One circle for each arrow that closes one. */
function complaintsOfCycles(sources: readonly Source[]): readonly Complaint[] {
  const targets = new Map(sources.map((source) => [source.path, targetsOf(source)]));
  const complaints: Complaint[] = [];
  const done = new Set<string>();
  const visit = (path: string, above: readonly string[]): void => {
    const start = above.indexOf(path);
    if (start !== -1) complaints.push(complaintOfCycle(above.slice(start)));
    if (start !== -1 || done.has(path)) return;
    for (const target of targets.get(path) ?? []) visit(target, [...above, path]);
    done.add(path);
  };
  for (const path of [...targets.keys()].toSorted()) visit(path, []);
  return complaints;
}

function targetsOf({ path, imports }: Source): readonly string[] {
  const relative = imports.filter(({ specifier }) => specifier.startsWith("."));
  return [...new Set(relative.map(({ specifier }) => posix.join(posix.dirname(path), specifier)))];
}

function complaintOfCycle(circle: readonly string[]): Complaint {
  const [path = ""] = circle;
  return { path, line: 1, message: `Files import each other in a circle: ${[...circle, path].join(" → ")}.` };
}
