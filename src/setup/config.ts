/**
 * Reads the configuration file. Two places are looked at: `unabridged.config.json` in the working folder or the nearest
 * folder above it, for a project; `config.json` in the home folder of Unabridged, for a person. A project's settings
 * come before a person's, name by name.
 */
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { ConfigError } from "../core/errors.ts";
import type { Price } from "../core/usage.ts";

export const projectFile = "unabridged.config.json";

/** Facts of a model that the user knows better than the catalogue. */
export interface ModelSettings {
  readonly contextWindow?: number | undefined;
  readonly maxOutputTokens?: number | undefined;
  readonly reasoning?: boolean | undefined;
  readonly structuredOutputs?: boolean | undefined;
  readonly price?: Price | undefined;
}

export interface Config {
  /** As `--model` takes it. */
  readonly model?: string | undefined;
  readonly subModel?: string | undefined;
  /** The root models of depth 1, 2 and so on; the last one holds for what is deeper. */
  readonly modelsByDepth?: readonly string[] | undefined;
  readonly baseUrl?: string | undefined;
  readonly apiKey?: string | undefined;
  readonly contextWindow?: number | undefined;
  readonly subContextWindow?: number | undefined;
  /** By model id. */
  readonly models?: Readonly<Record<string, ModelSettings>> | undefined;
  /** By model id; a shorter way to write `models[id].price`. */
  readonly prices?: Readonly<Record<string, Price>> | undefined;
  readonly sandbox?: "wasm" | "native" | undefined;
  readonly concurrency?: number | undefined;
  readonly depth?: number | undefined;
  readonly maxIterations?: number | undefined;
  /** In US dollars. */
  readonly maxCost?: number | undefined;
  readonly maxCalls?: number | undefined;
  /** The files that were read, the nearest first. */
  readonly files: readonly string[];
}

export interface ConfigPlaces {
  readonly workingFolder: string;
  readonly homeFolder: string;
}

/** Throws ConfigError, naming the file and the key, where a file is no valid configuration. */
export async function readConfig({ workingFolder, homeFolder }: ConfigPlaces): Promise<Config> {
  const project = await nearestProject(resolve(workingFolder));
  const person = await readOne(join(homeFolder, "config.json"));
  if (project !== undefined) refuseEndpoint(project);
  const files = [project, person].flatMap((found) => (found === undefined ? [] : [found.path]));
  return { ...person?.settings, ...project?.settings, files };
}

const perMillion = z.number().nonnegative();
const rates = { input: perMillion, output: perMillion, cachedInput: perMillion.exactOptional() };
const price = z.strictObject({
  ...rates,
  long: z.strictObject({ ...rates, aboveInputTokens: z.int().positive() }).exactOptional(),
});
const tokens = z.int().positive();
const schema = z.strictObject({
  $schema: z.string().optional(),
  model: z.string().min(1).optional(),
  subModel: z.string().min(1).optional(),
  modelsByDepth: z.array(z.string().min(1)).optional(),
  baseUrl: z.url({ protocol: /^https?$/ }).optional(),
  apiKey: z.string().min(1).optional(),
  contextWindow: tokens.optional(),
  subContextWindow: tokens.optional(),
  models: z
    .record(
      z.string(),
      z.strictObject({
        contextWindow: tokens.optional(),
        maxOutputTokens: tokens.optional(),
        reasoning: z.boolean().optional(),
        structuredOutputs: z.boolean().optional(),
        price: price.optional(),
      }),
    )
    .optional(),
  prices: z.record(z.string(), price).optional(),
  sandbox: z.enum(["wasm", "native"]).optional(),
  concurrency: z.int().positive().optional(),
  depth: z.int().nonnegative().optional(),
  maxIterations: z.int().positive().optional(),
  maxCost: z.number().positive().optional(),
  maxCalls: z.int().positive().optional(),
});

interface Found {
  readonly path: string;
  readonly settings: Omit<Config, "files">;
}

async function nearestProject(folder: string): Promise<Found | undefined> {
  const found = await readOne(join(folder, projectFile));
  const above = dirname(folder);
  return found !== undefined || above === folder ? found : nearestProject(above);
}

async function readOne(path: string): Promise<Found | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new ConfigError(
      "unreadable",
      `The configuration "${path}" can't be read (${String(code)}). Check its permissions.`,
      { cause: error },
    );
  }
  const { $schema, ...settings } = parse(path, text);
  return { path, settings };
}

function parse(path: string, text: string): z.infer<typeof schema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ConfigError(
      "invalid_option",
      `The configuration "${path}" is no valid JSON. Mend it, or remove the file.`,
      { cause: error },
    );
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    (issue) => `  ${issue.path.join(".") || "(the whole file)"}: ${issue.message}`,
  );
  throw new ConfigError(
    "invalid_option",
    `The configuration "${path}" has settings that can't be used:\n${problems.join("\n")}`,
  );
}

/** A folder that someone else wrote must not decide where keys and texts are sent. */
function refuseEndpoint({ path, settings }: Found): void {
  const key = (["baseUrl", "apiKey"] as const).find((name) => settings[name] !== undefined);
  if (key === undefined) return;
  throw new ConfigError(
    "invalid_option",
    `The configuration "${path}" sets "${key}", which only your own configuration may: a project's folder may come from someone else. Move it to config.json in the home folder, or use --base-url or UNABRIDGED_BASE_URL.`,
  );
}
