/** What a server of tools works with: an engine for each tenant, all with the same models and sandbox, none with another's data. */
import { Engine, type RunLimits } from "../engine/index.ts";
import { builtInReader } from "../models/reader.ts";
import { storeHome } from "../stores/index.ts";
import { readConfig } from "./config.ts";
import { findModels, type FoundModels } from "./find-model.ts";
import { tenantHome } from "./keys.ts";
import { limitsOf, type LaunchFlags, type Surroundings } from "./launch.ts";
import { BuiltInParts } from "./open-engine.ts";

export interface ToolService {
  /** The most that one call may take, whatever it asks for. */
  readonly ceilings: RunLimits;
  /** @param tenant undefined for the person whose machine it is */
  engine(tenant: string | undefined): Engine;
  close(): Promise<void>;
}

/** Throws ConfigError where a configuration file is none. Models are looked for when they are first needed. */
export async function openToolService(
  flags: LaunchFlags,
  { workingFolder, environment }: Surroundings,
): Promise<ToolService> {
  const homeFolder = storeHome({ environment });
  const config = await readConfig({ workingFolder, homeFolder });
  let found: Promise<FoundModels> | undefined;
  const models = async (): Promise<FoundModels> => {
    found ??= findModels({ flags, config, environment, reader: builtInReader });
    // A server runs on: what was not there at first may come up later.
    found.catch(() => (found = undefined));
    return found;
  };
  const sandbox = flags.sandbox ?? config.sandbox;
  const ceilings = limitsOf(config, flags.limits);
  const parts = (home: string): BuiltInParts =>
    new BuiltInParts({ home, ...(sandbox && { sandbox }) }, models);
  const own = parts(homeFolder);
  const engines = new Map<string | undefined, Engine>([[undefined, new Engine(own, { limits: ceilings })]]);
  return {
    ceilings,
    engine(tenant) {
      const known = engines.get(tenant);
      if (known) return known;
      const theirs = parts(tenant === undefined ? homeFolder : tenantHome(homeFolder, tenant));
      // One sandbox for all: each session in it is a cage of its own, and interpreters in reserve are large.
      theirs.sandbox = () => own.sandbox();
      const engine = new Engine(theirs, { limits: ceilings });
      engines.set(tenant, engine);
      return engine;
    },
    async close() {
      await Promise.allSettled([...engines.values()].map((engine) => engine.close()));
    },
  };
}
