/** `bench TASK`: makes or loads the data, starts or finds the models, runs, and ends in the line that others read. */
import { mkdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ConfigError } from "../core/errors.ts";
import { canonicalJson, sha256, type JsonObject } from "../core/json.ts";
import { armsNamed } from "./arms/index.ts";
import type { Arm } from "./arms/arm.ts";
import { families } from "./families.ts";
import type { BenchFlags } from "./flags.ts";
import { permuteLabels } from "./oolong/permute.ts";
import { ArtifactFolder, type Artifact } from "./runner/artifact.ts";
import { findLiveModels } from "./runner/live-models.ts";
import { assertSame, hashesOf, readManifest, writeManifest, type Manifest } from "./runner/manifest.ts";
import { runBench, type RunEnd } from "./runner/run.ts";
import { simulatedModels, type BenchModels } from "./runner/world.ts";
import { profiles, simulatedPrices, type SimulatedSettings } from "./simulated/settings.ts";
import { startSimulated } from "./simulated/start.ts";
import type { Dataset, Family } from "./task.ts";

export async function runCommand(family: Family, given: BenchFlags): Promise<number> {
  const kept =
    given.resume === undefined ? undefined : await readManifest(join(resolve(given.out), given.resume));
  const flags = kept === undefined ? given : recalled(given, kept);
  const folder = resolve(flags.out);
  if (family.judge && (flags.level !== "l2" || flags.judge === undefined))
    throw new ConfigError(
      "invalid_option",
      `Answers of ${family.name} can't be scored by comparing texts: use --level l2 and --judge MODEL.`,
    );
  const dataset = await datasetOf(family, flags, join(folder, "data"));
  const arms = armsNamed(flags.arms ?? ["rlm-1"]);
  const simulated = simulatedSettings(flags);
  const live = flags.level === "l2" ? await findLiveModels(flags) : undefined;
  const models =
    live?.facts ?? ({ simulated: "sim-root and sim-leaf: not language models", ...simulated } as JsonObject);
  const prices = live?.prices ?? { ...simulatedPrices };
  const hashes = await hashesOf(dataset, prices, { models, seed: flags.seed, sandbox: flags.sandbox });
  const manifest = kept ?? newManifest(family, flags, arms, dataset, models, hashes);
  if (kept) assertSame(kept, { hashes, family: family.name, level: flags.level });
  const runFolder = join(folder, manifest.id);
  await mkdir(runFolder, { recursive: true });
  if (!kept) await writeManifest(runFolder, manifest);
  tell(
    `${family.name} ${flags.level}: ${dataset.tasks.length} tasks, ${arms.map(({ name }) => name).join(", ")}; ${claims[flags.level]}`,
  );
  tell(`run ${manifest.id}; data: ${dataset.source}`);

  const interrupt = new AbortController();
  const stop = (): void => interrupt.abort(new DOMException("Interrupted.", "AbortError"));
  process.once("SIGINT", stop).once("SIGTERM", stop);
  await using server = live ? undefined : await startSimulated(simulated, family.name, dataset.knowledge);
  const modelsOf = (world: string): BenchModels =>
    live ?? simulatedModels(server?.baseUrl ?? "", world, simulated.windowTokens);
  const end = await runBench({
    folder: runFolder,
    ...{ level: flags.level, family, dataset, arms, modelsOf, tell },
    ...{
      reps: flags.reps,
      sandbox: flags.sandbox,
      concurrency: flags.concurrency,
      maxCostUsd: flags.maxCost,
    },
    limits: {
      ...(flags.taskCost !== undefined && { costUsd: flags.taskCost }),
      ...(flags.taskCalls !== undefined && { calls: flags.taskCalls }),
      ...(flags.taskTime !== undefined && { timeMs: flags.taskTime * 1_000 }),
    },
    callTimeoutMs: undefined,
    traces: flags.traces === true || flags.level === "l2",
    manifestSha256: sha256(canonicalJson(manifest)),
    signal: interrupt.signal,
  });
  if (flags.level !== "l2") await rm(join(runFolder, "home"), { recursive: true, force: true });
  return conclude(family, flags, arms, manifest, await new ArtifactFolder(runFolder).readAll(), end);
}

const claims = {
  l0: "simulated models: right, bounded, fast; no word on accuracy",
  l1: "official or recorded data and code through the real engine, the leaf reads from gold; no word on a model's accuracy",
  l2: "a live model: accuracy",
} as const;

/** The last line counts the arm that was named first: full marks of all its tasks. */
function conclude(
  family: Family,
  flags: BenchFlags,
  arms: readonly Arm[],
  manifest: Manifest,
  artifacts: readonly Artifact[],
  end: RunEnd,
): number {
  for (const { name } of arms) {
    const own = artifacts.filter(({ arm }) => arm === name);
    const mean = own.reduce((sum, { score }) => sum + score, 0) / Math.max(1, own.length);
    const costs = own.map(({ measured }) => measured.costMicroUsd);
    const usd = costs.reduce((sum: number, cost) => sum + (cost ?? 0), 0) / 1e6;
    const cost = costs.includes(null) ? "cost unknown: no price" : `$${usd.toFixed(4)}`;
    tell(
      `${name}: mean score ${mean.toFixed(4)} of ${own.length}, ${own.filter(({ score }) => score === 1).length} with full marks, ${cost}`,
    );
  }
  if (end === "capped")
    tell(
      `Stopped at the ceiling. Go on with the same command, a higher --max-cost and --resume ${manifest.id}`,
    );
  if (end === "interrupted") tell(`Interrupted. Go on with the same command and --resume ${manifest.id}`);
  tell(`Report: npm run bench -- report ${manifest.id}`);
  const first = artifacts.filter(({ arm }) => arm === arms[0]?.name);
  tell(`${family.name} ${flags.level}: ${first.filter(({ score }) => score === 1).length}/${first.length}`);
  return end === "capped" ? 3 : end === "interrupted" ? 130 : 0;
}

export async function serveCommand(
  task: string,
  flags: BenchFlags & { readonly port: number },
): Promise<number> {
  const family = families.find(({ name }) => name === task);
  if (!family) throw new ConfigError("invalid_option", `There is no task "${task}".`);
  const level = flags.data === undefined ? "l0" : "l1";
  const dataset = await datasetOf(
    family,
    { ...flags, level, perLength: flags.perLength ?? 10 },
    join(resolve(flags.out), "data"),
  );
  await using server = await startSimulated(
    simulatedSettings(flags),
    family.name,
    dataset.knowledge,
    flags.port,
  );
  tell(
    `Simulated models, not language models: ${server.baseUrl} with sim-root and sim-leaf. End with Ctrl-C.`,
  );
  await new Promise((stop) => process.once("SIGINT", stop).once("SIGTERM", stop));
  return 0;
}

async function datasetOf(family: Family, flags: BenchFlags, folder: string): Promise<Dataset> {
  const isOfficial =
    flags.level === "l1" ||
    (flags.level === "l2" &&
      flags.data !== undefined &&
      family.load !== undefined &&
      flags.lengths === undefined);
  if (isOfficial) {
    if (!family.load)
      throw new ConfigError(
        "invalid_option",
        `There is no official or recorded data for ${family.name}: use --level l0 or l2.`,
      );
    if (flags.data === undefined)
      throw new ConfigError(
        "invalid_option",
        `--level ${flags.level} needs --data FOLDER with the files of ${family.name}.`,
      );
    return permuted(await family.load(resolve(flags.data)), flags);
  }
  if (!family.generate)
    throw new ConfigError(
      "invalid_option",
      `${family.name} can't be made: give --data with official files and --level l1 or l2.`,
    );
  const request = {
    seed: flags.seed,
    lengths: flags.lengths ?? family.defaultLengths,
    perLength: flags.perLength,
  };
  return permuted(await family.generate({ ...request, folder, data: flags.data }), flags);
}

/** Throws ConfigError where nothing would move: a control that changes nothing would pass for a failed one. */
function permuted(dataset: Dataset, { permuted: isControl, level }: BenchFlags): Dataset {
  if (!isControl) return dataset;
  const hasLabels = Object.values(dataset.knowledge).every(({ byText }) => byText !== undefined);
  if (level === "l2" || !hasLabels)
    throw new ConfigError(
      "invalid_option",
      "--permuted changes what simulated models know of labels: it is for oolong and pairs at l0 and l1.",
    );
  return permuteLabels(dataset);
}

function simulatedSettings(flags: BenchFlags): SimulatedSettings {
  const profile = profiles[flags.leaf];
  if (!profile)
    throw new ConfigError(
      "invalid_option",
      `There is no profile "${flags.leaf}": use ${Object.keys(profiles).join(", ")}.`,
    );
  return {
    ...{ ...profile, seed: flags.seed },
    ...(flags.latency !== undefined && { latencyMs: flags.latency }),
    ...(flags.window !== undefined && { windowTokens: flags.window }),
  };
}

function newManifest(
  family: Family,
  flags: BenchFlags,
  arms: readonly Arm[],
  dataset: Dataset,
  models: JsonObject,
  hashes: Manifest["hashes"],
): Manifest {
  const at = new Date().toISOString();
  const { level, seed, perLength, reps, leaf, concurrency, sandbox } = flags;
  const optional = Object.entries({
    lengths: flags.lengths,
    data: flags.data,
    latency: flags.latency,
    window: flags.window,
    permuted: flags.permuted,
  });
  const recipe = {
    seed,
    perLength,
    leaf,
    concurrency,
    sandbox,
    ...Object.fromEntries(optional.filter(([, value]) => value !== undefined)),
  };
  return {
    v: 1,
    id: `${family.name}-${level}-${at.slice(0, 19).replace(/\D/g, "")}`,
    ...{
      at,
      family: family.name,
      level,
      arms: arms.map(({ name }) => name),
      reps,
      recipe: recipe as JsonObject,
    },
    ...{ source: dataset.source, models, hashes },
    limits: {
      costUsd: flags.taskCost ?? null,
      calls: flags.taskCalls ?? null,
      seconds: flags.taskTime ?? null,
    },
    machine: `${process.platform} ${process.arch}, Node ${process.version}`,
  };
}

/** What made the data stands in the manifest; ceilings and endpoints may be given anew. */
function recalled(given: BenchFlags, { arms, level, reps, recipe }: Manifest): BenchFlags {
  return { ...given, ...(recipe as Partial<BenchFlags>), arms, level, reps };
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}
