/** `bench report ID…`: the report of runs from what they have kept. Several runs are joined where all but their data agree: each may be another length. */
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { reportOf } from "./report/markdown.ts";
import { ConfigError } from "../core/errors.ts";
import { ArtifactFolder, type Artifact } from "./runner/artifact.ts";
import { assertSame, readManifest } from "./runner/manifest.ts";

export async function reportCommand(ids: readonly string[], out: string): Promise<number> {
  const folders = ids.map((id) => join(resolve(out), id));
  const manifests = await Promise.all(folders.map(readManifest));
  const [first] = manifests;
  for (const { family, level, hashes } of manifests.slice(1))
    if (first) assertSame(first, { family, level, hashes: { ...hashes, data: first.hashes.data } });
  const artifacts = (await Promise.all(folders.map((folder) => new ArtifactFolder(folder).readAll()))).flat();
  assertOnce(artifacts);
  const { markdown, plots } = reportOf(manifests, artifacts);
  const target = folders[0] ?? resolve(out);
  await writeFile(join(target, "report.md"), markdown);
  for (const [name, svg] of plots) await writeFile(join(target, name), svg);
  process.stdout.write(`${markdown}\n${join(target, "report.md")} and ${plots.size} plots\n`);
  return 0;
}

/** The same task twice would count twice, or be two tasks of one name. */
function assertOnce(artifacts: readonly Artifact[]): void {
  const seen = new Set<string>();
  for (const { arm, taskId, rep } of artifacts) {
    const key = `${arm} ${taskId} ${rep}`;
    if (seen.has(key))
      throw new ConfigError(
        "invalid_option",
        `Two of these runs have ${taskId} by ${arm}. Report on each of them by itself.`,
      );
    seen.add(key);
  }
}
