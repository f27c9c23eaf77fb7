/** `unabridged conversations …`: what is kept, and the ways into and out of it. */
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { basename, extname } from "node:path";
import { createInterface } from "node:readline/promises";
import { addAbortSignal, type Readable } from "node:stream";
import type { Branch } from "../core/conversation.ts";
import type {
  ConversationOverview,
  ConversationStore,
  ErasureTarget,
  SearchQuery,
} from "../core/conversation-store.ts";
import { ConfigError, messageOf } from "../core/errors.ts";
import { grouped } from "../core/grouped.ts";
import { asConversationId } from "../core/ids.ts";
import { importConversation, type ConversationFormat } from "../setup/import-conversation.ts";
import { inputLines } from "../setup/input-lines.ts";
import { launch } from "../setup/launch.ts";
import { exitCodes } from "./failure.ts";
import { onInterrupt } from "./interrupt.ts";
import { counted, hitJson, messageJson, showHits, showMessage, when } from "./show-message.ts";
import { writeText } from "./write-text.ts";

interface JsonFlag {
  readonly json?: true;
}
export interface ListFlags extends JsonFlag {
  readonly limit: number;
}
export interface ShowFlags extends JsonFlag {
  readonly branch: string;
  readonly last: number;
  readonly all?: true;
}
export interface SearchFlags extends JsonFlag {
  readonly in?: string;
  readonly regex?: true;
  readonly words?: true;
  readonly limit: number;
}
export interface ImportFlags extends JsonFlag {
  readonly conversation?: string;
  readonly format?: ConversationFormat;
}
export interface EraseFlags extends JsonFlag {
  readonly messages?: string;
  readonly branch: string;
  readonly reason: string;
  readonly yes?: true;
}

export async function listConversations({ limit, json }: ListFlags): Promise<number> {
  return withStore(async (store) => {
    const found = await store.list({ limit });
    if (json) await print(JSON.stringify(found.map(overviewJson), null, 2));
    else if (found.length === 0) await print("No conversations yet. Begin with: unabridged chat");
    else for (const one of found) await print(lineOf(one));
    return exitCodes.done;
  });
}

export async function showConversation(name: string, flags: ShowFlags): Promise<number> {
  return withStore(async (store, signal) => {
    const { branch, branches } = await existing(store, name, flags.branch);
    const first = flags.all ? 1 : Math.max(1, branch.head.position - flags.last + 1);
    const ref = { conversationId: asConversationId(name), name: flags.branch };
    for await (const stored of store.messages.read(ref, { first, signal }))
      await writeText(
        process.stdout,
        flags.json ? `${JSON.stringify(messageJson(stored))}\n` : showMessage(stored),
      );
    if (first > 1) process.stderr.write(`(${counted(first - 1, "earlier message")}: --all shows them)\n`);
    if (branches.length > 1) process.stderr.write(`(branches: ${branches.join(", ")})\n`);
    return exitCodes.done;
  });
}

export async function searchConversations(wanted: string, flags: SearchFlags): Promise<number> {
  return withStore(async (store, signal) => {
    if (flags.in !== undefined) await existing(store, flags.in);
    const page = await store.search(queryOf(wanted, flags), {
      in: flags.in === undefined ? "all" : { conversationId: asConversationId(flags.in) },
      ...{ limit: flags.limit, signal },
    });
    const hasMore = page.next !== undefined;
    if (flags.json) {
      const { searched } = page;
      await print(JSON.stringify({ hits: page.hits.map(hitJson), searched, hasMore }, null, 2));
    } else await writeText(process.stdout, showHits(page, wanted, flags.in === undefined));
    if (hasMore && !flags.json) process.stderr.write("There are more: raise --limit.\n");
    return exitCodes.done;
  });
}

export async function exportConversation(name: string): Promise<number> {
  return withStore(async (store, signal) => {
    await existing(store, name);
    for await (const line of store.export(asConversationId(name), { signal })) await print(line);
    return exitCodes.done;
  });
}

export async function importFile(file: string | undefined, flags: ImportFlags): Promise<number> {
  const isPiped = file === undefined || file === "-";
  if (isPiped && process.stdin.isTTY)
    throw new ConfigError("invalid_option", "Name a file to import, or pipe one in.");
  return withStore(async (store, signal) => {
    const { format, conversation } = flags;
    const input = addAbortSignal(signal, isPiped ? process.stdin : createReadStream(file));
    const imported = await importConversation(store, readable(input, file ?? "-"), {
      ...{ id: conversation, format, signal },
      otherwise: isPiped ? "imported" : basename(file, extname(file)),
    });
    if (flags.json) await print(JSON.stringify(imported, null, 2));
    else {
      const { id, added, known, branches } = imported;
      const what =
        added === undefined
          ? "whole"
          : `${counted(added, "message")} added${known ? `, ${grouped(known)} known` : ""}`;
      await print(
        `${id}: ${what}, ${branches === 1 ? "one branch" : `${branches} branches`} (${imported.format})`,
      );
    }
    return exitCodes.done;
  });
}

export async function checkConversations(name: string | undefined, { json }: JsonFlag): Promise<number> {
  return withStore(async (store, signal) => {
    if (name !== undefined) await existing(store, name);
    const report = await store.check(name === undefined ? "all" : asConversationId(name), { signal });
    const { conversations, messages, problems } = report;
    if (json) await print(JSON.stringify(report, null, 2));
    else {
      for (const { conversationId, kind, text } of problems)
        await print(`${conversationId}: ${kind}: ${text}`);
      const verdict = problems.length === 0 ? "nothing is wrong" : counted(problems.length, "problem");
      await print(
        `${counted(messages, "message")} in ${counted(conversations, "conversation")}: ${verdict}.`,
      );
    }
    return problems.length === 0 ? exitCodes.done : exitCodes.failed;
  });
}

export async function eraseConversation(name: string, flags: EraseFlags): Promise<number> {
  return withStore(async (store, signal) => {
    const { branch, messages } = await existing(store, name, flags.branch);
    const target = targetOf(flags, branch.head.position);
    const what =
      target.type === "range"
        ? `messages ${target.first}-${target.last} of "${name}"`
        : `all content of "${name}" (${counted(messages, "message")})`;
    if (!flags.yes && !(await isConfirmed(what, signal))) {
      process.stderr.write("Nothing was erased.\n");
      return exitCodes.cancelled;
    }
    const report = await store.erase(asConversationId(name), target, flags.reason);
    if (flags.json) await print(JSON.stringify(report, null, 2));
    else
      await print(
        `Erased: ${counted(report.messages, "message")}, ${counted(report.summaries, "label")}, ${counted(report.blobs, "file")}.`,
      );
    return exitCodes.done;
  });
}

async function withStore(
  work: (store: ConversationStore, signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const { engine } = await launch({ limits: {} }, { workingFolder: process.cwd(), environment: process.env });
  const cancel = new AbortController();
  const stopListening = onInterrupt(() => cancel.abort(new DOMException("Interrupted.", "AbortError")));
  try {
    return await work(await engine.conversations, cancel.signal);
  } catch (error) {
    if (!cancel.signal.aborted) throw error;
    return exitCodes.cancelled;
  } finally {
    stopListening();
    await engine.close();
  }
}

interface Existing {
  readonly branch: Branch;
  /** Names of all. */
  readonly branches: readonly string[];
  /** On all branches together. */
  readonly messages: number;
}

/** To open a conversation is to make it, so a name that was mistyped must be seen before. */
async function existing(store: ConversationStore, name: string, branchName = "main"): Promise<Existing> {
  const overview = (await store.list({ limit: Number.MAX_SAFE_INTEGER })).find(({ id }) => id === name);
  if (!overview)
    throw new ConfigError(
      "not_found",
      `There is no conversation "${name}". "unabridged conversations list" shows those that there are.`,
    );
  const { branches } = await store.open(overview.id);
  const names = branches.map((branch) => branch.name);
  const branch = branches.find((one) => one.name === branchName);
  if (branch) return { branch, branches: names, messages: overview.messages };
  throw new ConfigError(
    "not_found",
    `The conversation "${name}" has no branch "${branchName}". It has ${names.join(", ")}.`,
  );
}

function queryOf(text: string, { regex, words }: SearchFlags): SearchQuery {
  if (regex && words)
    throw new ConfigError("invalid_option", "--regex and --words exclude each other. Choose one.");
  if (regex) return { type: "regex", pattern: text, ignoreCase: true };
  return words ? { type: "words", text } : { type: "literal", text, ignoreCase: true };
}

function targetOf({ messages, branch }: EraseFlags, last: number): ErasureTarget {
  if (messages === undefined) return { type: "conversation" };
  const range = /^(\d+)(?:-(\d+))?$/.exec(messages);
  const from = Number(range?.[1]);
  const to = Number(range?.[2] ?? range?.[1]);
  if (!(from >= 1 && from <= to && to <= last))
    throw new ConfigError(
      "invalid_option",
      `--messages takes numbers from 1 to ${last}, for instance "12" or "3-9", not "${messages}".`,
    );
  return { type: "range", branch, first: from, last: to };
}

async function isConfirmed(what: string, signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new ConfigError("invalid_option", `This erases ${what} for good. Say so with --yes.`);
  const asker = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const left = once(asker, "close", { signal }).then(() => "");
    const reply = await Promise.race([asker.question(`Erase ${what} for good? Type "erase": `), left]);
    return reply.trim() === "erase";
  } catch (error) {
    // Ctrl-C is a no, too.
    if (error instanceof Error && error.name === "AbortError") return false;
    throw error;
  } finally {
    asker.close();
  }
}

async function* readable(input: Readable, name: string): AsyncGenerator<string> {
  try {
    yield* inputLines(input);
  } catch (error) {
    throw new ConfigError("unreadable", `"${name}" can't be read: ${messageOf(error)}`, { cause: error });
  }
}

function overviewJson({ createdAt, lastMessageAt, ...rest }: ConversationOverview): object {
  const last = lastMessageAt === undefined ? null : new Date(lastMessageAt).toISOString();
  return { ...rest, createdAt: new Date(createdAt).toISOString(), lastMessageAt: last };
}

function lineOf({ id, messages, branches, tokens, lastMessageAt, createdAt }: ConversationOverview): string {
  const more = branches === 1 ? "" : `, ${branches} branches`;
  return `${when(lastMessageAt ?? createdAt)}  ${id}  ${counted(messages, "message")}${more}, ${counted(tokens, "token")}`;
}

function print(line: string): Promise<void> {
  return writeText(process.stdout, `${line}\n`);
}
