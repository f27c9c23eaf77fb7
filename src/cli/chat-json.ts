/** What a program writes to a chat: a line of JSON is a message or a command. */
import { z } from "zod";
import { ConfigError } from "../core/errors.ts";
import type { MessageInput } from "../engine/index.ts";
import { commandOf, type ChatEntry } from "./chat-input.ts";

export type JsonEntry = ChatEntry | { readonly type: "message"; readonly message: MessageInput };

/** Throws ConfigError for a line that is neither. */
export function jsonEntry(line: string, number: number): JsonEntry {
  const parsed = lineSchema.safeParse(attempt(line));
  if (!parsed.success) throw notMessage(number, line);
  const { data } = parsed;
  if (typeof data === "string") return { type: "text", text: data };
  if ("command" in data) {
    const command = commandOf(`/${data.command.replace(/^\//, "")}`);
    if (!command) throw notMessage(number, line);
    return command;
  }
  // What parts hold is checked where they are added.
  return { type: "message", message: data as MessageInput };
}

const said = z.string().regex(/\S/);
const key = { key: z.string().optional() };
const parts = z.array(z.looseObject({ type: z.string() })).min(1);
const lineSchema = z.union([
  said,
  z.strictObject({ command: z.string() }),
  z.strictObject({ role: z.literal("system"), content: said, ...key }),
  z.strictObject({ role: z.enum(["user", "assistant"]), content: z.union([said, parts]), ...key }),
  z.strictObject({ role: z.literal("tool"), content: parts, ...key }),
]);

function attempt(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Refused with its line number.
    return undefined;
  }
}

function notMessage(number: number, text: string): ConfigError {
  return new ConfigError(
    "invalid_input",
    `With --json, line ${number} of the input must be a message as JSON, for instance {"role":"user","content":"Hello"} with an optional "key", or {"command":"/context"}; it is: ${text.slice(0, 80)}`,
  );
}
