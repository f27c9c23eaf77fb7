/** What host and guest say to each other. Messages of the guest are parsed here once and trusted nowhere before. */
import { isPlainObject, type Json, type JsonObject } from "../core/json.ts";
import type { GuestDocument, GuestError, GuestTool } from "../core/sandbox.ts";
import { maxJsonBytes, ProtocolViolation } from "./frames.ts";

export type HostMessage =
  | {
      readonly type: "open";
      readonly shape: "text" | "documents";
      readonly documents: readonly GuestDocument[];
      /** True where one raw frame per document follows. */
      readonly eager: boolean;
      readonly tools: readonly GuestTool[];
      readonly memoryMb: number;
    }
  | { readonly type: "execute"; readonly id: number; readonly code: string }
  | ({ readonly type: "reply"; readonly id: number } & Reply)
  /** Says nothing; a guest that waits for a message stops waiting and sees that it was interrupted. */
  | { readonly type: "wake" }
  | { readonly type: "close" };

export type Reply =
  | { readonly ok: true; readonly value: Json }
  | {
      readonly ok: false;
      readonly error: { readonly type: string; readonly message: string; readonly code: string };
    };

export type GuestMessage =
  /** Booted. `openDoors` names what the guest could do and must not. */
  | { readonly type: "ready"; readonly openDoors: readonly string[] }
  | { readonly type: "opened" }
  | { readonly type: "stdout"; readonly text: string }
  | {
      readonly type: "call";
      readonly id: number;
      readonly name: string;
      readonly args: Json;
      /** Bytes of the items' prompts, which follow as a raw frame in UTF-8; undefined where they are in the items. */
      readonly prompts: readonly number[] | undefined;
      readonly waits: number | undefined;
    }
  | { readonly type: "cancel"; readonly ids: readonly number[] }
  /** The guest does nothing until a reply comes; `waits` counts the replies it has had in this cell. */
  | { readonly type: "waiting"; readonly waits: number }
  | CellDone;

export type GuestCall = Extract<GuestMessage, { type: "call" }>;

export interface CellDone {
  readonly type: "done";
  readonly id: number;
  readonly status: "ok" | "threw" | "memory" | "interrupted";
  readonly value: string | undefined;
  readonly error: GuestError | undefined;
  readonly final: GuestFinal | undefined;
  readonly emptyFinal: boolean;
  readonly characters: number;
  readonly tail: string;
  readonly variables: readonly string[];
}

export interface GuestFinal {
  readonly via: "FINAL" | "FINAL_VAR" | "answer";
  /** Undefined where the text follows as a raw frame in UTF-16. */
  readonly text: string | undefined;
  /** True where the text is JSON of a value that is no str. */
  readonly isJson: boolean;
}

const maxNameCharacters = 200;
const maxVariables = 1_000;
const maxItems = 1_000_000;
const maxTextCharacters = 4 * 1024 * 1024;

/** Contract: throws only ProtocolViolation. */
export function parseGuestMessage(value: unknown): GuestMessage {
  const message = object(value, "a message");
  switch (message["type"]) {
    case "ready":
      return {
        type: "ready",
        openDoors: list(message["openDoors"], 100).map((door) => text(door, maxNameCharacters)),
      };
    case "opened":
      return { type: "opened" };
    case "stdout":
      return { type: "stdout", text: text(message["text"], maxTextCharacters) };
    case "call":
      return parseCall(message);
    case "cancel":
      return { type: "cancel", ids: list(message["ids"], 100_000).map(whole) };
    case "waiting":
      return { type: "waiting", waits: whole(message["waits"]) };
    case "done":
      return parseDone(message);
    default:
      throw new ProtocolViolation("a message of unknown type");
  }
}

function parseCall(message: JsonObject): GuestMessage {
  return {
    type: "call",
    id: whole(message["id"]),
    name: text(message["name"], maxNameCharacters),
    args: message["args"] ?? null,
    prompts: optional(message["prompts"], (sizes) => list(sizes, maxItems).map(whole)),
    waits: message["waits"] === undefined ? undefined : whole(message["waits"]),
  };
}

/** A call with the prompts in its items, as if they had come with them. Contract: throws only ProtocolViolation. */
export function withPrompts(call: GuestCall, bytes: Buffer): GuestCall {
  const { prompts = [] } = call;
  const args = object(call.args, "arguments");
  const items = list(args["items"], maxItems);
  const total = prompts.reduce((sum, size) => sum + size, 0);
  if (items.length !== prompts.length || total !== bytes.length || total > maxJsonBytes)
    throw new ProtocolViolation("prompts that don't fit their items");
  let end = 0;
  const whole = items.map((item, index): Json => {
    const start = end;
    end += prompts[index] ?? 0;
    return { prompt: bytes.toString("utf8", start, end), ...object(item, "an item") };
  });
  return { ...call, args: { ...args, items: whole }, prompts: undefined };
}

function parseDone(message: JsonObject): CellDone {
  const { status, value, error, final } = message;
  if (status !== "ok" && status !== "threw" && status !== "memory" && status !== "interrupted") {
    throw new ProtocolViolation("a cell that ended in an unknown way");
  }
  return {
    type: "done",
    id: whole(message["id"]),
    status,
    value: optional(value, (shown) => text(shown, maxTextCharacters)),
    error: optional(error, parseError),
    final: optional(final, parseFinal),
    emptyFinal: message["emptyFinal"] === true,
    characters: whole(message["characters"]),
    tail: text(message["tail"], maxTextCharacters),
    variables: list(message["variables"], maxVariables).map((name) => text(name, maxNameCharacters)),
  };
}

function parseError(value: Json): GuestError {
  const error = object(value, "an error");
  return {
    type: text(error["type"], maxNameCharacters),
    message: text(error["message"], maxTextCharacters),
    traceback: text(error["traceback"], maxTextCharacters),
  };
}

function parseFinal(value: Json): GuestFinal {
  const final = object(value, "a final answer");
  const via = final["via"];
  if (via !== "FINAL" && via !== "FINAL_VAR" && via !== "answer")
    throw new ProtocolViolation("an unknown kind of final answer");
  return {
    via,
    text: optional(final["text"], (answer) => text(answer, Infinity)),
    isJson: final["json"] === true,
  };
}

function optional<T>(value: Json | undefined, parse: (value: Json) => T): T | undefined {
  return value === undefined || value === null ? undefined : parse(value);
}

function object(value: unknown, what: string): JsonObject {
  if (!isPlainObject(value)) throw new ProtocolViolation(`${what} that is no object`);
  // It came from JSON.parse, so its members are JSON.
  return value as JsonObject;
}

function list(value: Json | undefined, limit: number): readonly Json[] {
  if (!Array.isArray(value) || value.length > limit)
    throw new ProtocolViolation(`a list that is none, or over ${limit} long`);
  return value as readonly Json[];
}

function text(value: Json | undefined, limit: number): string {
  if (typeof value !== "string" || value.length > limit)
    throw new ProtocolViolation(`a text that is none, or over ${limit} long`);
  return value;
}

function whole(value: Json | undefined): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw new ProtocolViolation("a number that is no count");
  return value;
}
