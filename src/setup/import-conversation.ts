/** Takes in conversations of other programs: tells their formats apart, and adds each message once, however often it comes. */
import type { ConversationStore } from "../core/conversation-store.ts";
import { ConfigError } from "../core/errors.ts";
import { asConversationId, type ConversationId } from "../core/ids.ts";
import { isPlainObject } from "../core/json.ts";
import {
  claudeCodeMessages,
  codexMessages,
  importTranscript,
  openAiMessages,
  type TranscriptMessage,
} from "../stores/index.ts";

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

export interface ImportOptions {
  /** The name that it must have; an export of ours has its own. */
  readonly id: string | undefined;
  /** Its name where none is given and it has none. */
  readonly otherwise: string;
  /** @default told by the first lines */
  readonly format?: ConversationFormat | undefined;
  readonly signal: AbortSignal;
}

/**
 * Reads the lines as they come: an export may be larger than a string can be.
 * Throws ConfigError where the format can't be told, StoreError "version_conflict" where the name is another conversation's.
 */
export async function importConversation(
  store: ConversationStore,
  lines: AsyncIterable<string>,
  options: ImportOptions,
): Promise<ImportedConversation> {
  const { signal } = options;
  const { first, all } = await begin(withoutBlank(lines));
  const format = options.format ?? formatOf(first);
  if (format === "unabridged") {
    refuseOtherName(first, options.id);
    const { id, branches } = await store.import(all, { signal });
    return { id, format, added: undefined, known: undefined, branches: branches.length };
  }
  const id = asConversationId(options.id ?? options.otherwise);
  const messages = await begun(await messagesOf(format, all), format);
  const { added, known } = await importTranscript(store, id, messages, { signal });
  return { id, format, added, known, branches: (await store.open(id)).branches.length };
}

/** By the first lines that tell. Throws ConfigError where none does. */
export function formatOf(lines: readonly string[]): ConversationFormat {
  const start = (lines[0] ?? "").trimStart();
  if (start.startsWith("[")) return "openai";
  for (const line of lines) {
    const value = attempt(line);
    if (!isPlainObject(value)) continue;
    if (value["type"] === "conversation" && "format" in value) return "unabridged";
    if (typeof value["uuid"] === "string" || "parentUuid" in value) return "claude-code";
    if ("payload" in value || isCodexItem(value)) return "codex";
    if (typeof value["role"] === "string" || Array.isArray(value["messages"])) return "openai";
  }
  // One object over several lines.
  if (start.startsWith("{") && attempt(start) === undefined) return "openai";
  throw new ConfigError(
    "invalid_input",
    `The input is no conversation that is known: ${conversationFormats.join(", ")}. Name its format with --format.`,
  );
}

const mostTelling = 200;

/** The first lines, and all of them. */
async function begin(
  lines: AsyncGenerator<string>,
): Promise<{ readonly first: readonly string[]; readonly all: AsyncIterable<string> }> {
  const first: string[] = [];
  while (first.length < mostTelling) {
    const next = await lines.next();
    if (next.done) break;
    first.push(next.value);
  }
  return { first, all: joined(first, lines) };
}

async function* joined<Value>(
  first: readonly Value[],
  rest: AsyncIterable<Value>,
): AsyncGenerator<Value, void, undefined> {
  yield* first;
  yield* rest;
}

async function* withoutBlank(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) if (line.trim() !== "") yield line;
}

async function messagesOf(
  format: Exclude<ConversationFormat, "unabridged">,
  lines: AsyncIterable<string>,
): Promise<AsyncIterable<TranscriptMessage>> {
  switch (format) {
    case "claude-code":
      return claudeCodeMessages(lines);
    case "codex":
      return codexMessages(lines);
    case "openai":
      return openAiMessages((await Array.fromAsync(lines)).join("\n"));
  }
}

/** Refuses what has no message before a conversation is made for it. */
async function begun(
  messages: AsyncIterable<TranscriptMessage>,
  format: ConversationFormat,
): Promise<AsyncIterable<TranscriptMessage>> {
  const rest = joined([], messages);
  const first = await rest.next();
  if (first.done)
    throw new ConfigError("invalid_input", `No message of the format "${format}" was found in the input.`);
  return joined([first.value], rest);
}

function refuseOtherName(lines: readonly string[], wanted: string | undefined): void {
  const head = attempt(lines[0] ?? "");
  const own = isPlainObject(head) ? head["id"] : undefined;
  if (wanted !== undefined && typeof own === "string" && own !== wanted)
    throw new ConfigError(
      "invalid_option",
      `An export keeps the name that it has, "${own}". Leave out --conversation ${wanted}.`,
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
