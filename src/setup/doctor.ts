/** Examines what a run would find here: each thing that must work, whether it does, and what to do where it doesn't. */
import { constants } from "node:fs";
import { access, mkdir, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../core/errors.ts";
import { grouped } from "../core/grouped.ts";
import type { Model } from "../core/model.ts";
import type { Sandbox, SandboxOptions } from "../core/sandbox.ts";
import type { Store } from "../core/store.ts";
import { servedModels } from "../models/served-models.ts";
import { localServers, localTimeoutMs, type LocalServer } from "./endpoints.ts";
import type { FoundModels } from "./find-model.ts";

export interface Finding {
  readonly what: string;
  readonly status: "ok" | "warn" | "fail";
  readonly detail: string;
  readonly remedy?: string;
}

export interface Examined {
  readonly homeFolder: string;
  readonly openStore: () => Promise<Store>;
  readonly findModels: () => Promise<FoundModels>;
  /** The first is the one that runs use by themselves: where it fails, nothing works. */
  readonly sandboxes: readonly Sandbox[];
  readonly ripgrepPath: () => string | Promise<string>;
  readonly signal?: AbortSignal | undefined;
  /** @default the usual local servers */
  readonly locals?: readonly LocalServer[];
  /** @default this process's */
  readonly nodeVersion?: string;
}

/** All findings in a fixed order. It calls no model, so it costs nothing; what throws becomes a finding. */
export async function examine(examined: Examined): Promise<readonly Finding[]> {
  const {
    homeFolder,
    openStore,
    findModels,
    sandboxes,
    ripgrepPath,
    locals = localServers,
    signal,
  } = examined;
  const groups = await Promise.all([
    checked(
      "Home folder",
      () => homeFinding(homeFolder),
      "Set UNABRIDGED_HOME to a folder that you may write to.",
    ),
    checked("Store", () => storeFinding(openStore), "Set UNABRIDGED_HOME to another folder."),
    checked("Models", () => modelFindings(findModels), "See the message."),
    checked("Local servers", () => serverFinding(locals, signal), ""),
    ...sandboxes.map((sandbox, index) => sandboxFindings(sandbox, index === 0, signal)),
    checked(
      "ripgrep",
      () => ripgrepFinding(ripgrepPath),
      "Install again with npm; without it, search is slower.",
    ),
  ]);
  return [nodeFinding(examined.nodeVersion ?? process.versions.node), ...groups.flat()];
}

async function checked(
  what: string,
  check: () => Promise<Finding | readonly Finding[]>,
  remedy: string,
): Promise<readonly Finding[]> {
  try {
    const found = await check();
    return "what" in found ? [found] : found;
  } catch (error) {
    return [{ what, status: "fail", detail: messageOf(error), ...(remedy !== "" && { remedy }) }];
  }
}

function nodeFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const fits = major > 22 || (major === 22 && minor >= 19);
  const detail = `Node ${version}`;
  if (!fits)
    return {
      what: "Node",
      status: "fail",
      detail,
      remedy: "Node 22.19 or newer is needed: npx -p node@24 -p unabridged unabridged doctor",
    };
  return { what: "Node", status: "ok", detail };
}

async function homeFinding(folder: string): Promise<Finding> {
  await mkdir(folder, { recursive: true });
  const probe = join(folder, `.doctor-${process.pid}`);
  await writeFile(probe, "");
  await rm(probe);
  const { bavail, bsize } = await statfs(folder);
  const freeMb = Math.floor((bavail * bsize) / 1e6);
  const detail = `${folder}, ${grouped(freeMb)} MB free`;
  if (freeMb >= 100) return { what: "Home folder", status: "ok", detail };
  return {
    what: "Home folder",
    status: "warn",
    detail,
    remedy: "Free some space, or set UNABRIDGED_HOME to another disk.",
  };
}

async function storeFinding(openStore: () => Promise<Store>): Promise<Finding> {
  const store = await openStore();
  try {
    const [newest] = await store.runs.list({ limit: 1 });
    return {
      what: "Store",
      status: "ok",
      detail: newest === undefined ? "opens, no runs yet" : `opens, newest run ${newest.id}`,
    };
  } finally {
    await store.close();
  }
}

async function modelFindings(findModels: () => Promise<FoundModels>): Promise<readonly Finding[]> {
  const { model, subModel, found, notices, isReader } = await findModels();
  if (isReader) {
    const remedy = notices[0] ?? "Name a language model with --model.";
    return [{ what: "Models", status: "warn", detail: found, remedy }];
  }
  const heard = notices.map((notice): Finding => ({ what: "Models", status: "warn", detail: notice }));
  const facts =
    subModel === model
      ? [modelFinding("Model", model)]
      : [modelFinding("Root model", model), modelFinding("Sub-model", subModel)];
  return [{ what: "Models", status: "ok", detail: found }, ...facts, ...heard];
}

function modelFinding(what: string, model: Model): Finding {
  const { id, contextWindow, price } = model;
  const window = contextWindow === undefined ? "window unknown" : `window ${grouped(contextWindow)} tokens`;
  const cost =
    price === undefined ? "price unknown" : `$${price.input} in, $${price.output} out per million tokens`;
  const detail = `${id}: ${window}, ${cost}`;
  const flag = what === "Sub-model" ? "--sub-context-window" : "--context-window";
  const missing = [
    ...(contextWindow === undefined
      ? [`State the window with ${flag} or under "models" in the configuration.`]
      : []),
    ...(price === undefined
      ? ['State the price under "prices" in the configuration, so that costs are known and --max-cost holds.']
      : []),
  ];
  return missing.length === 0
    ? { what, status: "ok", detail }
    : { what, status: "warn", detail, remedy: missing.join(" ") };
}

async function serverFinding(
  locals: readonly LocalServer[],
  signal: AbortSignal | undefined,
): Promise<Finding> {
  const answers = await Promise.all(
    locals.map(async (server) => ({
      server,
      served: await servedModels(server, { timeoutMs: server.timeoutMs ?? localTimeoutMs, signal }),
    })),
  );
  const found = answers.flatMap(({ server, served }) =>
    served === undefined ? [] : [`${server.name} (${served.length} models)`],
  );
  const detail =
    found.length === 0
      ? `none answers (${locals.map((server) => server.name).join(", ")})`
      : found.join(", ");
  return { what: "Local servers", status: "ok", detail };
}

async function sandboxFindings(
  sandbox: Sandbox,
  isDefault: boolean,
  signal: AbortSignal | undefined,
): Promise<readonly Finding[]> {
  const what = `Sandbox ${sandbox.name}`;
  try {
    const result = await onePlusOne(sandbox, signal ?? AbortSignal.timeout(60_000));
    if (result === "2") return [{ what, status: "ok", detail: "runs Python" }];
    return [
      {
        what,
        status: "fail",
        detail: `expected 1+1 to give 2, got ${result}`,
        remedy: "Please report this.",
      },
    ];
  } catch (error) {
    const remedy = isDefault
      ? "Use another one with --sandbox."
      : "Only needed with --sandbox; the default does without it.";
    return [{ what, status: isDefault ? "fail" : "warn", detail: messageOf(error), remedy }];
  }
}

async function onePlusOne(sandbox: Sandbox, signal: AbortSignal): Promise<string> {
  const options: SandboxOptions = {
    context: {
      shape: "text",
      documents: [{ id: "d1", start: 0, characters: 0 }],
      load: () => Promise.resolve(new Uint8Array()),
    },
    call: () => Promise.resolve(null),
    limits: { memoryMb: 512 },
    signal,
  };
  const session = await sandbox.open(options);
  try {
    const result = await session.execute("1+1", { timeoutMs: 10_000, signal });
    return result.status === "ok" ? (result.value ?? "nothing") : result.status;
  } finally {
    await session.close();
  }
}

async function ripgrepFinding(path: () => string | Promise<string>): Promise<Finding> {
  const found = await path();
  await access(found, constants.X_OK);
  return { what: "ripgrep", status: "ok", detail: found };
}
