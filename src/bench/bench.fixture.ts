/** A small run of the bench with simulated models in a process of their own, as `bench TASK` makes it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { armsNamed } from "./arms/index.ts";
import { ArtifactFolder, type Artifact } from "./runner/artifact.ts";
import { runBench, type BenchRun, type RunEnd } from "./runner/run.ts";
import { simulatedModels } from "./runner/world.ts";
import { perfect, type SimulatedSettings } from "./simulated/settings.ts";
import { startSimulated } from "./simulated/start.ts";
import type { Dataset, Family } from "./task.ts";

export interface SmallRun extends AsyncDisposable {
  readonly folder: string;
  readonly dataset: Dataset;
  /** Runs what is not done yet. */
  run(arms: readonly string[], more?: Partial<BenchRun>): Promise<{ end: RunEnd; artifacts: Artifact[] }>;
}

export async function smallRun(
  family: Family,
  request: { readonly lengths: readonly number[]; readonly perLength: number; readonly data?: string },
  given: Partial<SimulatedSettings> = {},
): Promise<SmallRun> {
  const folder = await mkdtemp(join(tmpdir(), "bench-small-"));
  const dataset = await family.generate?.({
    data: undefined,
    ...request,
    seed: 1,
    folder: join(folder, "data"),
  });
  if (!dataset) throw new Error(`${family.name} can't be made.`);
  const settings = { ...perfect, ...given };
  const server = await startSimulated(settings, family.name, dataset.knowledge);
  return {
    folder,
    dataset,
    async run(arms, more = {}) {
      const end = await runBench({
        ...{ folder, level: "l0", family, dataset, arms: armsNamed(arms), reps: 1, limits: {} },
        modelsOf: (world) => simulatedModels(server.baseUrl, world, settings.windowTokens),
        ...{ sandbox: "wasm", concurrency: 8, maxCostUsd: undefined, callTimeoutMs: undefined },
        ...{ traces: false, manifestSha256: "", signal: new AbortController().signal, tell: () => {} },
        ...more,
      });
      return { end, artifacts: await new ArtifactFolder(folder).readAll() };
    },
    async [Symbol.asyncDispose]() {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
