/** Our conversation without end: the text is said to it, what no longer fits becomes labels, and the question is asked in the end. */
import { readFileSync } from "node:fs";
import { Budget } from "../../core/budget.ts";
import { isPlainObject, sha256 } from "../../core/json.ts";
import type { TraceEvent } from "../../core/trace.ts";
import { noUsage, type RunUsage } from "../../core/usage.ts";
import type { Engine } from "../../engine/index.ts";
import { windowOf, type Arm, type Setting } from "./arm.ts";
import { tagged } from "./prompts.ts";
import { closing } from "./single-call.ts";

type OpenConversation = ReturnType<Engine["conversation"]>;
interface Said {
  readonly role: "user" | "assistant";
  readonly content: string;
}

const partCharacters = 6_000;

export const chat: Arm = {
  name: "chat",
  about:
    "a lossless conversation: the text said in messages, labels for what no longer fits, recall by a clone",
  async run({ context, question }, setting) {
    const { engine, limits, signal } = setting;
    const budget = new Budget(limits);
    const seen = new SeenCalls();
    // The same text told twice is the same conversation; each question is asked on a branch of its own.
    const name = `bench-${sha256(context.join("\n")).slice(0, 16)}`;
    await using conversation = closing(engine.conversation(name, { budget }));
    try {
      const compactions = await tell(conversation.value, context, setting);
      const end = await lastPosition(conversation.value);
      await using branch = closing(await conversation.value.branch(end));
      const run = branch.value.send(tagged("question", question), { signal });
      const result = run.result();
      // The iteration throws the same failure; whichever is awaited first must not leave the other unhandled.
      result.catch(() => {});
      for await (const event of run) {
        seen.watch(event);
        setting.watch(event);
      }
      const { status, text, limit } = await result;
      signal.throwIfAborted();
      return {
        status: status === "answered" ? "answered" : "partial",
        answer: text,
        ...(limit && { limit: limit.code }),
        facts: { compactions, messages: end },
      };
    } finally {
      await conversation.value.idle();
      setting.addUnseen(...seen.missingFrom(budget));
    }
  },
};

/** Says all of it, with the looks at the context that turns would take. @returns how often it was compacted */
async function tell(
  conversation: OpenConversation,
  context: readonly string[],
  setting: Setting,
): Promise<number> {
  const before = await toldBefore(conversation);
  if (before !== undefined) return before;
  const every = windowOf(setting.model) * 0.15 * 3.5;
  let compactions = 0;
  let labels = "";
  let characters = 0;
  const look = async (): Promise<void> => {
    const { items } = await conversation.context({ signal: setting.signal });
    const now = items
      .map((item) => (item.type === "label" ? item.id : ""))
      .join(" ")
      .trim();
    if (now !== labels) compactions++;
    labels = now;
    characters = 0;
  };
  let number = 0;
  for await (const message of messagesOf(context, setting)) {
    setting.signal.throwIfAborted();
    await conversation.append({ ...message, key: `part ${++number}` });
    characters += message.content.length;
    if (characters > every) await look();
  }
  await look();
  await conversation.append({ role: "assistant", content: "I have it all.", metadata: { compactions } });
  return compactions;
}

/** A transcript's messages as they were; any other text in parts, each answered with a word. */
async function* messagesOf(context: readonly string[], setting: Setting): AsyncGenerator<Said> {
  const [only, ...others] = context;
  if (only?.endsWith(".jsonl") && others.length === 0) {
    for (const line of readFileSync(only, "utf8").split("\n")) {
      const row: unknown = line.trim() === "" ? undefined : JSON.parse(line);
      if (isPlainObject(row))
        yield { role: row["role"] === "assistant" ? "assistant" : "user", content: String(row["content"]) };
    }
    return;
  }
  await using corpus = closing(await setting.openCorpus(context));
  for (const { id, path } of corpus.value.documents) {
    const characters = await corpus.value.characters(id);
    let rest = corpus.value.documents.length > 1 ? `# ${path ?? id}\n` : "";
    for (let start = 0; start < characters; start += partCharacters) {
      const text = rest + (await corpus.value.read(id, start, Math.min(characters, start + partCharacters)));
      // No line is cut in two, unless it is longer than a part.
      const end =
        start + partCharacters < characters ? text.lastIndexOf("\n") + 1 || text.length : text.length;
      rest = text.slice(end);
      yield { role: "user", content: text.slice(0, end) };
      yield { role: "assistant", content: "Noted." };
    }
  }
}

async function lastPosition(conversation: OpenConversation): Promise<number> {
  const main = (await conversation.branches()).find(({ name }) => name === "main");
  return main?.head.position ?? 0;
}

/** How often it was compacted, where all of it has been said to it; else undefined. */
async function toldBefore(conversation: OpenConversation): Promise<number | undefined> {
  const last = await lastPosition(conversation);
  if (last === 0) return undefined;
  for await (const { metadata } of conversation.history({ first: last, last }))
    if (typeof metadata?.["compactions"] === "number") return metadata["compactions"];
  return undefined;
}

/** Labels are written without events; what the ledger has more than the events is theirs. */
class SeenCalls {
  #usage: RunUsage = { ...noUsage, calls: 0, replayedCalls: 0, failedCalls: 0 };
  #costUsd = 0;

  watch(event: TraceEvent): void {
    if (event.type === "model-error")
      this.#usage = { ...this.#usage, failedCalls: this.#usage.failedCalls + 1 };
    if (event.type !== "model-end") return;
    this.#usage = sum(this.#usage, { ...event.usage, calls: 1, replayedCalls: 0, failedCalls: 0 }, 1);
    this.#costUsd += event.costUsd ?? 0;
  }

  missingFrom({ usage, costUsd }: Budget): [usage: RunUsage, costUsd: number | null] {
    return [sum(usage, this.#usage, -1), costUsd === null ? null : Math.max(0, costUsd - this.#costUsd)];
  }
}

function sum(a: RunUsage, b: RunUsage, sign: 1 | -1): RunUsage {
  const of = (name: keyof RunUsage): number => Math.max(0, a[name] + sign * b[name]);
  return {
    inputTokens: of("inputTokens"),
    cachedInputTokens: of("cachedInputTokens"),
    outputTokens: of("outputTokens"),
    reasoningTokens: of("reasoningTokens"),
    calls: of("calls"),
    replayedCalls: of("replayedCalls"),
    failedCalls: of("failedCalls"),
  };
}
