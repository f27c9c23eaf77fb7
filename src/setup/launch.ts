/** Makes the engine of a command: flags come before the configuration file, and that before the defaults. */
import { Engine, type RunLimits } from "../engine/index.ts";
import { builtInReader } from "../models/reader.ts";
import { storeHome } from "../stores/index.ts";
import { readConfig, type Config } from "./config.ts";
import type { Environment } from "./endpoints.ts";
import { findModels, type FoundModels, type ModelFlags } from "./find-model.ts";
import { BuiltInParts, type SandboxName } from "./open-engine.ts";

export interface LaunchFlags extends ModelFlags {
  readonly sandbox?: SandboxName | undefined;
  readonly limits: RunLimits;
  /** URL of the PostgreSQL server where jobs are kept. @default UNABRIDGED_STORE, else a database in the home folder */
  readonly store?: string | undefined;
}

export interface Surroundings {
  readonly workingFolder: string;
  readonly environment: Environment;
}

export interface Launched {
  readonly engine: Engine;
  readonly homeFolder: string;
  /** The models of the engine, with a line on where they were found. */
  models(): Promise<FoundModels>;
}

/** Throws ConfigError where a configuration file is none. Models are looked for when they are first needed. */
export async function launch(
  flags: LaunchFlags,
  { workingFolder, environment }: Surroundings,
): Promise<Launched> {
  const homeFolder = storeHome({ environment });
  const config = await readConfig({ workingFolder, homeFolder });
  let found: Promise<FoundModels> | undefined;
  const models = (): Promise<FoundModels> =>
    (found ??= findModels({ flags, config, environment, reader: builtInReader }));
  const sandbox = flags.sandbox ?? config.sandbox;
  const jobs = flags.store ?? environment["UNABRIDGED_STORE"];
  const parts = new BuiltInParts(
    { home: homeFolder, ...(sandbox && { sandbox }), ...(jobs && { jobs }) },
    models,
  );
  return { engine: new Engine(parts, { limits: limitsOf(config, flags.limits) }), homeFolder, models };
}

/** The limits of every run: flags before the configuration file. */
export function limitsOf(config: Config, flags: RunLimits): RunLimits {
  const { maxCost, maxCalls, maxIterations, depth, concurrency } = config;
  const set = { costUsd: maxCost, calls: maxCalls, iterations: maxIterations, depth, concurrency };
  const given = Object.entries({ ...set, ...withoutUndefined(flags) });
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

function withoutUndefined(limits: RunLimits): RunLimits {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
}
