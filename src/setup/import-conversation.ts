/** Takes in conversations of other programs: tells their formats apart, and adds each message once, however often it comes. */
import type { ConversationStore } from "../core/conversation-store.ts";
import { ConfigError } from "../core/errors.ts";
import { asConversationId, type ConversationId } from "../core/ids.ts";
import { isPlainObject } from "../core/json.ts";
import { claudeCodeMessages, codexMessages, importTranscript, openAiMessages } from "../stores/index.ts";

export const conversationFormats = ["unabridged", "claude-code", "codex", "openai"] as const;
export type ConversationFormat = (typeof conversationFormats)[number];

export interface ImportedConversation {
  readonly id: ConversationId;
  readonly format: ConversationFormat;
  /** Undefined for an export of ours, which comes whole or not at all. */
  readonly added: number | undefined;
  readonly known: number | undefined;
  readonly branches: number;
}

/**
 * @param options.id name of the conversation; an export of ours keeps the one it has
 * Throws ConfigError where the format can't be told, StoreError "version_conflict" where the name is another conversation's.
 */
export async function importConversation(
  store: ConversationStore,
  text: string,
  options: {
    readonly id: string;
    readonly format?: ConversationFormat | undefined;
    readonly signal: AbortSignal;
  },
): Promise<ImportedConversation> {
  const { signal } = options;
  const format = options.format ?? formatOf(text);
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (format === "unabridged") {
    const { id, branches } = await store.import(lines, { signal });
    return { id, format, added: undefined, known: undefined, branches: branches.length };
  }
  const id = asConversationId(options.id);
  const messages =
    format === "openai"
      ? openAiMessages(text)
      : (format === "codex" ? codexMessages : claudeCodeMessages)(lines);
  const { added, known } = await importTranscript(store, id, messages, { signal });
  if (added + known === 0)
    throw new ConfigError("invalid_input", `No message of the format "${format}" was found in the input.`);
  return { id, format, added, known, branches: (await store.open(id)).branches.length };
}

/** By the first lines that tell. Throws ConfigError where none does. */
export function formatOf(text: string): ConversationFormat {
  const start = text.trimStart();
  if (start.startsWith("[")) return "openai";
  for (const line of start.split("\n", 200)) {
    const value = attempt(line);
    if (!isPlainObject(value)) continue;
    if (value["type"] === "conversation" && "format" in value) return "unabridged";
    if (typeof value["uuid"] === "string" || "parentUuid" in value) return "claude-code";
    if ("payload" in value || isCodexItem(value)) return "codex";
    if (typeof value["role"] === "string" || Array.isArray(value["messages"])) return "openai";
  }
  // One object over several lines.
  const whole = attempt(start);
  if (isPlainObject(whole) && Array.isArray(whole["messages"])) return "openai";
  throw new ConfigError(
    "invalid_input",
    `The input is no conversation that is known: ${conversationFormats.join(", ")}. Name its format with --format.`,
  );
}

/** Older files of Codex have the items bare. */
function isCodexItem({ type }: Readonly<Record<string, unknown>>): boolean {
  return type === "message" || type === "function_call" || type === "session_meta";
}

function attempt(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Then another line tells.
    return undefined;
  }
}
