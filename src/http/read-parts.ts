/** What all dialects share in reading messages: files in data URLs, arguments of tools, and the names of tools by call. */
import { ConfigError } from "../core/errors.ts";
import { isPlainObject, type Json, type JsonObject } from "../core/json.ts";
import type { FilePart } from "../core/message.ts";

/** Throws ConfigError "invalid_input" that names the field. */
export function refuse(field: string, expected: string, got: unknown): never {
  const shown = JSON.stringify(got) ?? "nothing";
  throw new ConfigError(
    "invalid_input",
    `Expected "${field}" to be ${expected}, got ${shown.length > 100 ? `${shown.slice(0, 100)}…` : shown}.`,
  );
}

export function objectAt(value: unknown, field: string): JsonObject {
  return isPlainObject(value) ? (value as JsonObject) : refuse(field, "an object", value);
}

export function listAt(value: unknown, field: string): readonly unknown[] {
  return Array.isArray(value) ? value : refuse(field, "a list", value);
}

export function textAt(value: unknown, field: string): string {
  return typeof value === "string" ? value : refuse(field, "a text", value);
}

export function numberAt(value: unknown, field: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === "number" && Number.isFinite(value) ? value : refuse(field, "a number", value);
}

/** A "data:" URL as its bytes; any other URL stays one. */
export function fileOfUrl(url: string, mediaType: string, filename?: string): FilePart {
  const [, type, data] = /^data:([^;,]+)[^,]*;base64,([\s\S]*)$/.exec(url) ?? [];
  return {
    type: "file",
    mediaType: type ?? mediaType,
    data: data ?? url,
    ...(filename !== undefined && { filename }),
  };
}

/** Arguments as JSON, or as the text that the model wrote where it is none. */
export function readArguments(text: unknown): Json {
  if (typeof text !== "string") return (text ?? {}) as Json;
  if (text === "") return {};
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text; // Kept as it was written: the model sees its own fault.
  }
}

export function writeArguments(input: Json): string {
  return typeof input === "string" ? input : JSON.stringify(input);
}

/** Results name their call by its id alone; we keep the tool's name with them. */
export class ToolNames {
  readonly #names = new Map<string, string>();

  called(id: string, name: string): void {
    this.#names.set(id, name);
  }

  of(id: string): string {
    return this.#names.get(id) ?? "unknown";
  }
}

/** The members of an object that are there, without those that were read already. */
export function othersOf(body: JsonObject, read: ReadonlySet<string>): JsonObject | undefined {
  const others = Object.entries(body).filter(([name, value]) => !read.has(name) && value !== undefined);
  return others.length === 0 ? undefined : Object.fromEntries(others);
}

export function effortAt(value: unknown): "minimal" | "low" | "medium" | "high" | undefined {
  return value === "minimal" || value === "low" || value === "medium" || value === "high" ? value : undefined;
}
