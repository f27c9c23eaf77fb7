/** What a map was called with, files read and paths made whole: kept with its job, so that it can be resumed by its id. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { z } from "zod";
import { ConfigError, messageOf } from "../core/errors.ts";
import { isPlainObject, type JsonObject } from "../core/json.ts";
import type { MapRequest } from "../engine/index.ts";
import { keepInput } from "./kept-input.ts";
import type { RunFlags } from "./flags.ts";
import type { MapFlags, TaskFlags } from "./map-flags.ts";

/** Keys and the store's address are never among these. */
export interface MapArguments extends RunFlags, Omit<TaskFlags, "prompt" | "schema"> {
  readonly input: string;
  /** What the input's path is relative to. */
  readonly folder: string;
  /** Names the input: the same file read in another way has other items. */
  readonly source: string;
  readonly prompt: string;
  readonly schema?: JsonObject;
  readonly batch?: number;
  readonly attempts?: number;
  readonly itemTimeout?: number;
  readonly output?: string;
}

const text = z.string().exactOptional();
const number = z.number().exactOptional();
const kept: z.ZodType<MapArguments> = z.object({
  ...{ input: z.string(), folder: z.string(), source: z.string(), prompt: z.string() },
  schema: z.custom<JsonObject>(isPlainObject).exactOptional(),
  ...{ key: text, output: text, model: text, subModel: text, baseUrl: text },
  format: z.enum(["jsonl", "json", "csv", "tsv", "text"]).exactOptional(),
  split: z.enum(["file", "lines", "paragraphs", "tokens", "symbols"]).exactOptional(),
  preset: z.enum(["filter", "extract"]).exactOptional(),
  sandbox: z.enum(["wasm", "native"]).exactOptional(),
  ...{ agent: z.literal(true).exactOptional(), raw: z.literal(true).exactOptional() },
  ...{ pieceTokens: number, votes: number, batch: number, attempts: number, itemTimeout: number },
  ...{ contextWindow: number, subContextWindow: number, depth: number, concurrency: number },
  ...{ maxCost: number, maxCalls: number, maxTokens: number, maxTime: number },
  ...{ maxIterations: number, callTimeout: number },
});

/** Throws ConfigError where something that must be said was not, or a file can't be read. */
export async function mapArguments(
  input: string | undefined,
  flags: MapFlags,
  homeFolder: string,
  signal: AbortSignal,
): Promise<MapArguments> {
  const { prompt, schema: schemaFile, output } = flags;
  if (prompt === undefined)
    throw new ConfigError(
      "invalid_option",
      "Say what to ask of each item: --prompt TEXT, or --prompt @FILE.",
    );
  // Read before standard input is: what is wrong with them shows at once.
  const read = {
    prompt: prompt.startsWith("@") ? await textOf(prompt.slice(1), "prompt") : prompt,
    ...(schemaFile !== undefined && { schema: await schemaOf(schemaFile) }),
    ...(output !== undefined && { output: resolve(output) }),
  };
  const place = await placeOf(input, flags, homeFolder, signal);
  return { ...keptOf(flags), ...read, ...place, source: sourceOf(resolve(place.folder, place.input), flags) };
}

/** What a job was called with; undefined where a program made it. */
export function storedArguments(caller: JsonObject): MapArguments | undefined {
  const parsed = kept.safeParse(caller);
  return parsed.success ? parsed.data : undefined;
}

/** What is given now comes before what was given then; only how a job is carried out can be given anew. */
export function withFlags(stored: MapArguments, flags: MapFlags): MapArguments {
  const { output, ...given } = keptOf(flags);
  return { ...stored, ...given, ...(output !== undefined && { output: resolve(output) }) };
}

export function mapRequest(given: MapArguments, { sample, overwrite }: MapFlags): MapRequest {
  const { input, format, split, pieceTokens, raw, key, schema: output, output: path } = given;
  const { source, prompt, preset, agent, votes, batch, attempts, itemTimeout } = given;
  return {
    items: {
      input,
      ...(format && { format }),
      ...(split && { split }),
      ...(pieceTokens !== undefined && { pieceTokens }),
      ...(raw && { raw }),
    },
    ...{ prompt, source },
    ...(output && { output }),
    ...(key !== undefined && { key }),
    ...(preset && { preset }),
    ...(agent && { agent }),
    ...(votes !== undefined && { votes }),
    ...(batch !== undefined && { batch }),
    ...(attempts !== undefined && { attempts }),
    ...(itemTimeout !== undefined && { itemTimeoutMs: itemTimeout }),
    ...(sample !== undefined && { sample }),
    ...(path !== undefined && { file: { path, ...(overwrite && { overwrite }) } }),
  };
}

/** For the job's recipe. */
export function callerOf(given: MapArguments): JsonObject {
  return JSON.parse(JSON.stringify(given)) as JsonObject;
}

/** Of all flags those that are kept, but for the two that stand for the content of a file. */
function keptOf(flags: MapFlags): Omit<MapFlags, "prompt" | "schema"> {
  const { prompt, schema, store, sample, dryRun, sql, overwrite, json, quiet, ...others } = flags;
  return others;
}

async function placeOf(
  input: string | undefined,
  { format, split }: MapFlags,
  homeFolder: string,
  signal: AbortSignal,
): Promise<Pick<MapArguments, "input" | "folder" | "format">> {
  if (input !== undefined && input !== "-") return { input, folder: process.cwd() };
  if (process.stdin.isTTY)
    throw new ConfigError("invalid_option", "No items: name a file, a folder or a glob, or pipe records in.");
  const kept = await keepInput(process.stdin, homeFolder, signal);
  // Its name has no extension that would tell.
  return {
    input: kept.name,
    folder: kept.folder,
    format: format ?? (split === undefined ? "jsonl" : "text"),
  };
}

/** The same file read in another way has other items: another job. */
function sourceOf(path: string, { format, split, pieceTokens, raw }: MapFlags): string {
  const reading = [
    ...(format === undefined ? [] : [`as ${format}`]),
    ...(split === undefined ? [] : [`by ${split}`]),
    ...(pieceTokens === undefined ? [] : [`of ${pieceTokens}`]),
    ...(raw ? ["as it is"] : []),
  ];
  return [path, ...reading].join(" ");
}

async function schemaOf(path: string): Promise<JsonObject> {
  const text = await textOf(path, "schema");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ConfigError("invalid_input", `The schema "${path}" is no JSON: ${messageOf(error)}.`, {
      cause: error,
    });
  }
  // What JSON.parse makes is JSON.
  if (isPlainObject(value)) return value as JsonObject;
  throw new ConfigError("invalid_input", `The schema "${path}" is no JSON Schema: expected an object.`);
}

async function textOf(path: string, what: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).replace(/^\uFEFF/, "");
  } catch (error) {
    const message = `The ${what} "${path}" can't be read: ${messageOf(error)}.`;
    throw new ConfigError("unreadable", message, { cause: error });
  }
}
