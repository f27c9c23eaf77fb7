/** `bench report ID…`: the report of runs from what they have kept. Several runs are joined only where their hashes agree. */
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { reportOf } from "./report/markdown.ts";
import { ArtifactFolder } from "./runner/artifact.ts";
import { assertSame, readManifest } from "./runner/manifest.ts";

export async function reportCommand(ids: readonly string[], out: string): Promise<number> {
  const folders = ids.map((id) => join(resolve(out), id));
  const manifests = await Promise.all(folders.map(readManifest));
  const [first] = manifests;
  for (const other of manifests.slice(1)) if (first) assertSame(first, other);
  const artifacts = (await Promise.all(folders.map((folder) => new ArtifactFolder(folder).readAll()))).flat();
  const { markdown, plots } = reportOf(manifests, artifacts);
  const target = folders[0] ?? resolve(out);
  await writeFile(join(target, "report.md"), markdown);
  for (const [name, svg] of plots) await writeFile(join(target, name), svg);
  process.stdout.write(`${markdown}\n${join(target, "report.md")} and ${plots.size} plots\n`);
  return 0;
}
