/** Says where the sources break the rules of imports and files; `npm run check` runs it. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { readSources } from "./layers/read-sources.ts";
import { findComplaints } from "./layers/rules.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
// Compiled by others, kept as it came.
const isForeign = (path: string): boolean => path.startsWith("src/sandboxes/cpython/");
const folders = ["src", "test", "scripts", "bench", "examples"];

const sources = await readSources(root, folders, isForeign);
const complaints = findComplaints(sources, await publishedPackages());
for (const { path, line, message } of complaints) console.error(`${path}:${line}: ${message}`);
if (complaints.length > 0) process.exitCode = 1;

async function publishedPackages(): Promise<readonly string[]> {
  const manifest: Record<string, Record<string, string>> = JSON.parse(
    await readFile(`${root}package.json`, "utf8"),
  );
  return ["dependencies", "optionalDependencies", "peerDependencies"].flatMap((kind) =>
    Object.keys(manifest[kind] ?? {}),
  );
}
