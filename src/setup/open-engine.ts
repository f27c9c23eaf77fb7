/** Makes an engine of the built-in adapters, or of the caller's own: the only place that knows all of them. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { ConversationStore } from "../core/conversation-store.ts";
import { ConfigError } from "../core/errors.ts";
import type { JobStore } from "../core/job-store.ts";
import type { Model } from "../core/model.ts";
import type { Sandbox } from "../core/sandbox.ts";
import type { Store } from "../core/store.ts";
import { openCorpus, sliceCorpus, sweepSpools } from "../corpora/index.ts";
import { openItems } from "../corpora/items.ts";
import { Engine, type EngineModels, type EngineParts, type RunLimits } from "../engine/index.ts";
import { native, wasm } from "../sandboxes/index.ts";
import { memoryJobs, sqlite, sqliteConversations, sqliteJobs, storeHome } from "../stores/index.ts";

export interface EngineOptions {
  /** The root LM. @default found as the CLI finds it: configuration, environment, a local server, the built-in reader */
  readonly model?: Model;
  /** Reads what the root LM hands on. @default the root LM */
  readonly subModel?: Model;
  /** The root LMs of child runs at depth 1, 2 and so on; the last one holds for what is deeper. @default the sub-model */
  readonly modelsByDepth?: readonly Model[];
  /** @default "wasm" */
  readonly sandbox?: SandboxName | Sandbox;
  /** Where runs and answers are kept. @default a database in `home` */
  readonly store?: Store;
  /** Where conversations are kept. @default a database in `home` */
  readonly conversations?: ConversationStore;
  /** Where jobs of map are kept: a store, or the URL of a PostgreSQL server for many machines. @default a database in `home` */
  readonly jobs?: JobStore | string;
  /** The folder of everything stored. @default UNABRIDGED_HOME, else the platform's data folder */
  readonly home?: string;
  /** Of every run, unless the run sets its own. */
  readonly limits?: RunLimits;
}

export type SandboxName = "wasm" | "native";

/**
 * Opens nothing until it is needed. Throws ConfigError "invalid_option" where an option is none. Close it when done: it
 * keeps a booted interpreter in reserve.
 */
export function createEngine(options: EngineOptions = {}): Engine {
  return new Engine(new BuiltInParts(options), { limits: options.limits ?? {} });
}

/** How models are found where none was passed. */
export type FindModels = (homeFolder: string) => Promise<EngineModels>;

export class BuiltInParts implements EngineParts {
  readonly #options: EngineOptions;
  readonly #home: string;
  readonly #find: FindModels;
  #models: Promise<EngineModels> | undefined;
  #sandbox: Sandbox | undefined;
  #store: Promise<Store> | undefined;
  #conversations: Promise<ConversationStore> | undefined;
  #jobs: Promise<JobStore> | undefined;
  #swept: Promise<void> | undefined;

  constructor(options: EngineOptions, find: FindModels = findAsConfigured) {
    const { sandbox, model, subModel, jobs } = options;
    if (typeof sandbox === "string" && sandbox !== "wasm" && sandbox !== "native")
      throw new ConfigError(
        "invalid_option",
        `There is no sandbox "${String(sandbox)}": use "wasm" or "native".`,
      );
    if (typeof jobs === "string" && !/^postgres(ql)?:\/\//.test(jobs))
      throw new ConfigError(
        "invalid_option",
        "The store of jobs is no URL of a PostgreSQL server. Write it as postgres://user@host:5432/database.",
      );
    if (model === undefined && subModel !== undefined)
      throw new ConfigError(
        "invalid_option",
        "A subModel was given without a model. Give the root LM as model, too.",
      );
    this.#options = options;
    this.#home = options.home ?? storeHome();
    this.#find = find;
  }

  models(): Promise<EngineModels> {
    const { model, subModel, modelsByDepth } = this.#options;
    this.#models ??= (
      model
        ? Promise.resolve({ model, subModel: subModel ?? model, modelsByDepth, notices: [] })
        : this.#find(this.#home)
    ).then(warmed);
    return this.#models;
  }

  sandbox(): Sandbox {
    const { sandbox } = this.#options;
    this.#sandbox ??= typeof sandbox === "object" ? sandbox : sandbox === "native" ? native() : wasm();
    return this.#sandbox;
  }

  store(): Promise<Store> {
    this.#store ??= this.#options.store
      ? Promise.resolve(this.#options.store)
      : sqlite({ directory: this.#home });
    return this.#store;
  }

  conversations(): Promise<ConversationStore> {
    const { conversations } = this.#options;
    this.#conversations ??= conversations
      ? Promise.resolve(conversations)
      : sqliteConversations({ directory: this.#home });
    return this.#conversations;
  }

  jobs(): Promise<JobStore> {
    const { jobs } = this.#options;
    this.#jobs ??=
      typeof jobs === "string"
        ? jobsOfServer(jobs)
        : jobs
          ? Promise.resolve(jobs)
          : sqliteJobs({ directory: this.#home });
    return this.#jobs;
  }

  scratchJobs = (): JobStore => memoryJobs();

  openItems: EngineParts["openItems"] = ({ input, ...how }, options) =>
    openItems(input, { ...how, ...options, spoolDir: this.#spoolFolder() });

  openCorpus: EngineParts["openCorpus"] = (input, options) =>
    openCorpus(input, { ...options, spoolDir: this.#spoolFolder() });

  sliceCorpus: EngineParts["sliceCorpus"] = (from, pieces, options) =>
    sliceCorpus(from, pieces, { ...options, spoolDir: this.#spoolFolder() });

  /** Texts of gigabytes are kept here while a run lasts: the temporary directory is in memory on many machines. */
  #spoolFolder(): string {
    const folder = join(this.#home, "spool");
    mkdirSync(folder, { recursive: true });
    this.#swept ??= sweepSpools(folder);
    return folder;
  }

  async close(): Promise<void> {
    await this.#sandbox?.close();
    await this.#swept;
    // Stores that the caller brought are the caller's to close.
    if (!this.#options.store) await (await this.#store?.catch(neverOpened))?.close();
    if (typeof this.#options.jobs !== "object") await (await this.#jobs?.catch(neverOpened))?.close();
    if (!this.#options.conversations) await (await this.#conversations?.catch(neverOpened))?.close();
  }
}

/** Whoever asks for models will call one: its package is loaded while the context is opened. */
function warmed(models: EngineModels): EngineModels {
  models.model.warm?.();
  return models;
}

/** Loaded only where it is used: most never are on a server. */
async function jobsOfServer(url: string): Promise<JobStore> {
  const { postgresJobs } = await import("../stores/postgres/jobs.ts");
  return postgresJobs({ url });
}

function neverOpened(): undefined {
  // Its caller was told why.
}

async function findAsConfigured(homeFolder: string): Promise<EngineModels> {
  const [{ findModels }, { readConfig }, { builtInReader }] = await Promise.all([
    import("./find-model.ts"),
    import("./config.ts"),
    import("../models/reader.ts"),
  ]);
  const config = await readConfig({ workingFolder: process.cwd(), homeFolder });
  return findModels({ flags: {}, config, environment: process.env, reader: builtInReader });
}
