/** Arms that act in turns: ReAct over search, an agent with the text in a file, and CodeAct with the text in its prompt. */
import { callModel } from "../../core/call-model.ts";
import type { Corpus } from "../../core/corpus.ts";
import { messageOf } from "../../core/errors.ts";
import { isPlainObject, type Json } from "../../core/json.ts";
import { assistant, system, user, type Message } from "../../core/message.ts";
import type { ToolDefinition } from "../../core/model.ts";
import type { ExecutionResult, GuestContext, SandboxSession } from "../../core/sandbox.ts";
import { estimateTokens } from "../../core/tokens.ts";
import { reserveTokens, wholeText, windowOf, type Arm, type Outcome, type Setting } from "./arm.ts";
import { cellsSystem, directPrompt, reactSystem, tagged, toolsSystem } from "./prompts.ts";
import { closing } from "./single-call.ts";

const mostTurns = 20;
const outputCharacters = 12_000;

export const codeAct: Arm = {
  name: "code-act",
  about: "the text in the prompt beside a Python REPL, without sub-calls",
  async run({ context, question }, setting) {
    await using corpus = closing(await setting.openCorpus(context));
    const room = windowOf(setting.model) - reserveTokens * 2;
    const text = await wholeText(corpus.value, room * 8);
    if (text === undefined || estimateTokens(text) > room) return { status: "overflow", answer: "" };
    await using session = closing(await openSession(setting, noContext));
    const messages: Message[] = [system(cellsSystem), user(directPrompt(text, question))];
    for (let turn = 1; turn <= mostTurns; turn++) {
      const reply = await say(messages, setting);
      const code = /```(?:python|repl|py)?\s*\n([\s\S]*?)```/.exec(reply)?.[1];
      if (code === undefined) return { status: "answered", answer: reply };
      const result = await session.value.execute(code, { timeoutMs: 60_000, signal: setting.signal });
      if (result.final) return { status: "answered", answer: result.final.text };
      messages.push(assistant(reply), user(`It printed:\n${printed(result)}`));
    }
    return { status: "partial", answer: "" };
  },
};

export const reAct: Arm = {
  name: "react",
  about: "thought, action, observation over ranked search and reading by line",
  async run({ context, question }, setting) {
    await using corpus = closing(await setting.openCorpus(context));
    const messages: Message[] = [system(reactSystem), user(tagged("question", question))];
    for (let turn = 1; turn <= mostTurns; turn++) {
      const reply = await say(messages, setting);
      const [, action = "", argument = ""] =
        /Action:\s*(search|read|finish)\[([\s\S]*)\]\s*$/.exec(reply.trim()) ?? [];
      if (action === "finish") return { status: "answered", answer: argument };
      const seen =
        action === "search"
          ? await searched(corpus.value, argument, setting.signal)
          : action === "read"
            ? await linesFrom(corpus.value, Number(argument), 40, setting.signal)
            : "There is no such action. Write one line: Action: search[words], Action: read[line] or Action: finish[answer].";
      messages.push(assistant(reply), user(`Observation:\n${seen}`));
    }
    return { status: "partial", answer: "" };
  },
};

const tools: readonly ToolDefinition[] = [
  tool("grep", "Lines that match a regular expression, with their numbers; at most 100 of them.", {
    pattern: "string",
  }),
  tool("read", "Lines from a number on.", { line: "integer", count: "integer" }),
  tool("python", "Runs Python; `context` is the file's text. Returns what was printed.", { code: "string" }),
];

export const fileAgent: Arm = {
  name: "file-agent",
  about: "a coding agent: the text lies in a file, tools grep, read and python; no sub-calls",
  async run({ context, question }, setting) {
    await using corpus = closing(await setting.openCorpus(context));
    const { bytes, documents } = corpus.value;
    const { total: lines } = await corpus.value.grep("\n", {
      signal: setting.signal,
      literal: true,
      countOnly: true,
    });
    const file = documents.length === 1 ? (documents[0]?.path ?? "text") : `${documents.length} files`;
    const messages: Message[] = [system(toolsSystem(file, lines, bytes)), user(tagged("question", question))];
    let session: SandboxSession | undefined;
    try {
      for (let turn = 1; turn <= mostTurns; turn++) {
        const { scope, model, signal } = setting;
        const reply = await callModel(scope, model, { messages, tools }, { role: "root", signal });
        const calls = reply.content.filter((part) => part.type === "tool-call");
        if (calls.length === 0) return { status: "answered", answer: reply.text };
        messages.push({ role: "assistant", content: reply.content });
        for (const call of calls) {
          if (call.toolName === "python") session ??= await openSession(setting, fileContext(corpus.value));
          const output = await useTool(call.toolName, call.input, corpus.value, session, setting.signal);
          const part = {
            type: "tool-result",
            toolCallId: call.toolCallId,
            toolName: call.toolName,
            output,
          } as const;
          messages.push({ role: "tool", content: [part] });
        }
        shorten(messages, windowOf(setting.model));
      }
      return { status: "partial", answer: "" };
    } finally {
      await session?.close();
    }
  },
};

/** Old results of tools are dropped once the window is three quarters full, as coding agents do. */
function shorten(messages: Message[], window: number): void {
  const size = (): number => estimateTokens(JSON.stringify(messages));
  for (const [index, message] of messages.entries()) {
    if (size() < window * 0.75 || index > messages.length - 4) return;
    if (message.role !== "tool") continue;
    messages[index] = {
      ...message,
      content: message.content.map((part) => ({ ...part, output: "(dropped: too long ago)" })),
    };
  }
}

async function useTool(
  name: string,
  input: Json,
  corpus: Corpus,
  session: SandboxSession | undefined,
  signal: AbortSignal,
): Promise<string> {
  const given = isPlainObject(input) ? input : {};
  try {
    if (name === "grep") return await grepped(corpus, String(given["pattern"]), signal);
    if (name === "read")
      return await linesFrom(corpus, Number(given["line"]), Number(given["count"] ?? 40), signal);
    if (name !== "python" || !session) return `There is no tool "${name}".`;
    return printed(await session.execute(String(given["code"]), { timeoutMs: 60_000, signal }));
  } catch (error) {
    // The model reads what was wrong with its call and tries another.
    return `Error: ${messageOf(error)}`;
  }
}

async function grepped(corpus: Corpus, pattern: string, signal: AbortSignal): Promise<string> {
  const { matches, total } = await corpus.grep(pattern, { signal, limit: 100 });
  return clip(`${total} matches\n${matches.map(({ line, lineText }) => `${line}: ${lineText}`).join("\n")}`);
}

async function searched(corpus: Corpus, words: string, signal: AbortSignal): Promise<string> {
  const found = await corpus.search(words, { signal, limit: 5 });
  return found.length === 0
    ? "Nothing was found."
    : clip(found.map(({ line, text }) => `[line ${line}] ${text}`).join("\n"));
}

async function linesFrom(corpus: Corpus, line: number, count: number, signal: AbortSignal): Promise<string> {
  const id = corpus.documents[0]?.id ?? "d1";
  if (!Number.isInteger(line) || line < 1) return "Give the number of a line, from 1.";
  const page = await corpus.grep("^.*$", {
    signal,
    documentIds: [id],
    offset: line - 1,
    limit: Math.min(count, 400),
  });
  return clip(page.matches.map(({ line: number, text }) => `${number}: ${text}`).join("\n"));
}

async function say(messages: readonly Message[], { scope, model, signal }: Setting): Promise<string> {
  return (await callModel(scope, model, { messages: [...messages] }, { role: "root", signal })).text;
}

function printed(result: ExecutionResult): string {
  const { head, tail, characters } = result.stdout;
  const text = tail === "" ? head : `${head}\n… (${characters} characters in all) …\n${tail}`;
  if (result.status === "threw") return clip(`${text}\n${result.error.traceback}`);
  return clip(
    result.status === "ok"
      ? `${text}${result.value === undefined ? "" : `\n${result.value}`}`
      : `${text}\n(${result.status})`,
  );
}

function clip(text: string): string {
  if (text.length <= outputCharacters) return text;
  const half = outputCharacters / 2;
  return `${text.slice(0, half)}\n… (${text.length} characters in all) …\n${text.slice(-half)}`;
}

function openSession({ sandbox, signal }: Setting, context: GuestContext): Promise<SandboxSession> {
  const call = (): Promise<Json> => Promise.reject(new Error("There are no sub-calls here."));
  return sandbox.open({ context, call, limits: { memoryMb: 1_024 }, signal });
}

const noContext: GuestContext = { shape: "documents", documents: [], load: undefined };

function fileContext(corpus: Corpus): GuestContext {
  const load = async (index: number): Promise<Uint8Array> => corpus.load(corpus.documents[index]?.id ?? "d1");
  return { shape: corpus.documents.length === 1 ? "text" : "documents", documents: corpus.documents, load };
}

function tool(
  name: string,
  description: string,
  properties: Readonly<Record<string, string>>,
): ToolDefinition {
  const entries = Object.entries(properties).map(([key, type]) => [key, { type }] as const);
  const [first = ""] = Object.keys(properties);
  return {
    name,
    description,
    inputSchema: { type: "object", properties: Object.fromEntries(entries), required: [first] },
  };
}

export type { Outcome };
