/** `unabridged chat`: a conversation that goes on where it was, on a terminal or from a pipe. */
import { realpathSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { Budget } from "../core/budget.ts";
import { ConfigError, messageOf } from "../core/errors.ts";
import { sha256 } from "../core/json.ts";
import type { OpenConversation } from "../engine/index.ts";
import { launch, type Launched } from "../setup/launch.ts";
import type { OuterTools } from "../setup/outer-tools.ts";
import { EntryReader, type ChatEntry } from "./chat-input.ts";
import { jsonEntry, type JsonEntry } from "./chat-json.ts";
import { pipedLines, terminalLines, type Lines } from "./chat-lines.ts";
import { ChatSession } from "./chat-session.ts";
import { runSlash } from "./chat-slash.ts";
import { exitCodes, reportFailure } from "./failure.ts";
import { launchFlags, limitsOf, type RunFlags, type ToolFlags } from "./flags.ts";
import { counted } from "./show-message.ts";
import { openTools } from "./tool-flags.ts";

export interface ChatFlags extends RunFlags, ToolFlags {
  readonly conversation?: string;
  readonly branch?: string;
  readonly system?: string;
  readonly map?: true;
  readonly json?: true;
  readonly quiet?: true;
}

export async function chat(paths: readonly string[], flags: ChatFlags): Promise<number> {
  const surroundings = { workingFolder: process.cwd(), environment: process.env };
  const launched = await launch(launchFlags(flags), surroundings);
  const isTerminal = process.stdin.isTTY;
  const lines = isTerminal ? terminalLines(process.stdin, process.stderr) : pipedLines(process.stdin);
  let tools: OuterTools | undefined;
  let session: ChatSession | undefined;
  const stop = (): void => {
    if (session?.interrupt() !== true) process.exit(exitCodes.cancelled);
    process.stderr.write("\nStopping; what was said is kept. Press again to leave.\n");
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  try {
    tools = await openTools(flags, surroundings);
    session = await open(launched, flags, tools);
    if (paths.length > 0) await session.attach(paths);
    return await converse(session, lines, isTerminal);
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
    lines.close();
    await session?.conversation.close();
    await launched.engine.close();
    await tools?.close();
  }
}

async function open(
  { engine, models }: Launched,
  flags: ChatFlags,
  tools: OuterTools | undefined,
): Promise<ChatSession> {
  const { costUsd, tokens, calls } = limitsOf(flags);
  const budget = new Budget({
    ...(costUsd !== undefined && { costUsd }),
    ...(tokens !== undefined && { tokens }),
    ...(calls !== undefined && { calls }),
  });
  const id = flags.conversation ?? nameOfFolder(process.cwd());
  const instructions = flags.system === undefined ? undefined : await readInstructions(flags.system);
  const opened = engine.conversation(id, {
    budget,
    ...(tools && { tools: tools.chatTools() }),
    ...(instructions !== undefined && { instructions }),
    ...(flags.branch !== undefined && { branch: flags.branch }),
    ...(flags.map && { map: true }),
  });
  const { found, notices, isReader } = await models();
  // It quotes from one text and can't talk: better no answer than such a one.
  const conversation = isReader ? opened.with({ model: () => Promise.resolve(undefined) }) : opened;
  const { json = false, quiet = false } = flags;
  const session = new ChatSession({ conversation, budget, isAnswered: !isReader, json, quiet });
  const messages = await countMessages(conversation, engine.conversation(id));
  const branch = conversation.branchName === "main" ? "" : `, branch ${conversation.branchName}`;
  session.note(
    `conversation ${id}${branch}, ${counted(messages, "message")} · model: ${isReader ? "none" : found} · /help`,
  );
  if (isReader)
    session.note(
      "Without a language model messages are kept and found, but not answered. unabridged doctor says how to connect one.",
    );
  else for (const notice of notices) session.note(notice);
  return session;
}

/** @param main the same conversation where it surely can be opened */
async function countMessages({ id, branchName }: OpenConversation, main: OpenConversation): Promise<number> {
  const branches = await main.branches();
  const branch = branches.find(({ name }) => name === branchName);
  if (branch) return branch.head.position;
  throw new ConfigError(
    "not_found",
    `The conversation "${id}" has no branch "${branchName}". It has ${branches.map(({ name }) => name).join(", ")}.`,
  );
}

async function readInstructions(path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    throw new ConfigError("unreadable", `The instructions "${path}" can't be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** One for each folder, so that a talk about a project is found again where the project is. */
function nameOfFolder(folder: string): string {
  const path = realpathSync(folder);
  return `${basename(path) || "root"}-${sha256(path).slice(0, 6)}`;
}

/** On a terminal a failure is told and the talk goes on; from a pipe it ends there, with its exit code. */
async function converse(session: ChatSession, lines: Lines, isTerminal: boolean): Promise<number> {
  const entries = session.view.json && !isTerminal ? jsonEntries(lines) : textEntries(lines, session);
  for await (const entry of entries) {
    if (entry === "leave") return exitCodes.cancelled;
    let code: number = exitCodes.done;
    try {
      const done = await carryOut(session, entry);
      if (done === "quit") return exitCodes.done;
      code = done;
    } catch (error) {
      code =
        error instanceof DOMException && error.name === "AbortError"
          ? exitCodes.cancelled
          : reportFailure(error);
    }
    if (code !== exitCodes.done && !isTerminal) return code;
  }
  return exitCodes.done;
}

async function carryOut(session: ChatSession, entry: JsonEntry): Promise<number | "quit"> {
  switch (entry.type) {
    case "text":
      return session.say(entry.text);
    case "command":
      return (await runSlash(session, entry.name, entry.argument)) ?? exitCodes.done;
    case "message": {
      const { message } = entry;
      if (message.role === "user" || message.role === "tool")
        return session.say(message.content, message.key);
      const added = await session.conversation.append(message);
      const { id, branchName } = session.conversation;
      const messageIds = added.map((one) => one.id);
      await session.show("", { conversation: id, branch: branchName, status: "kept", messageIds });
      return exitCodes.done;
    }
  }
}

async function* textEntries(lines: Lines, session: ChatSession): AsyncGenerator<ChatEntry | "leave"> {
  const reader = new EntryReader();
  let wasInterrupted = false;
  for (;;) {
    const line = await lines.next(reader.isOpen ? "… " : "> ");
    if (line.type === "end") {
      const rest = reader.end();
      if (rest) yield rest;
      return;
    }
    if (line.type === "interrupted") {
      if (wasInterrupted) return yield "leave";
      wasInterrupted = true;
      reader.clear();
      session.note("Ctrl-C again, or Ctrl-D, to leave");
      continue;
    }
    wasInterrupted = false;
    const entry = reader.add(line.text);
    if (entry) yield entry;
  }
}

async function* jsonEntries(lines: Lines): AsyncGenerator<JsonEntry> {
  for (let number = 1; ; number++) {
    const line = await lines.next("");
    if (line.type !== "line") return;
    if (line.text.trim() !== "") yield jsonEntry(line.text, number);
  }
}
