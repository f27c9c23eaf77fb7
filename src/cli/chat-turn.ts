/** One turn of a chat: the user's words go to the model, its answer comes on standard output as it is said. */
import type { AppendedMessage } from "../core/conversation-store.ts";
import { grouped } from "../core/grouped.ts";
import type { TraceEvent } from "../core/trace.ts";
import type { ChatResult, OpenConversation, SendInput, SendOptions } from "../engine/index.ts";
import { dollars } from "./show-answer.ts";
import { writeText } from "./write-text.ts";

export interface TurnView {
  /** One object when the turn has ended, in place of the text while it comes. */
  readonly json: boolean;
  readonly quiet: boolean;
}

/** What was said until it was stopped, by whatever, is kept as a message that says so. */
export async function takeChatTurn(
  conversation: OpenConversation,
  input: SendInput,
  options: SendOptions,
  view: TurnView,
): Promise<ChatResult> {
  const shown = new ReplyView(view);
  const run = conversation.send(input, options);
  try {
    for await (const event of run) shown.take(event);
  } catch (error) {
    await shown.end();
    await keepUnfinished(conversation, shown);
    throw error;
  }
  await shown.end();
  const kept = await keepUnfinished(conversation, shown);
  const result = { ...(await run.result()), ...(kept && { text: shown.unfinished }) };
  const { branchName, id } = conversation;
  const messageIds = [...result.messageIds, ...(kept ? [kept.id] : [])];
  if (view.json)
    await writeText(
      process.stdout,
      `${JSON.stringify({ conversation: id, branch: branchName, ...result, messageIds })}\n`,
    );
  else if (!view.quiet) process.stderr.write(`${summaryOf(result)}\n`);
  if (result.limit) process.stderr.write(`${result.limit.message}\n`);
  return result;
}

async function keepUnfinished(
  conversation: OpenConversation,
  { unfinished }: ReplyView,
): Promise<AppendedMessage | undefined> {
  // Providers refuse messages without a word.
  if (unfinished.trim() === "") return undefined;
  const message = { role: "assistant", content: unfinished, metadata: { interrupted: true } } as const;
  return (await conversation.append(message))[0];
}

/** The text goes to standard output; what else happens is told on standard error. */
class ReplyView {
  readonly #view: TurnView;
  #unfinished = "";
  #isLineBegun = false;

  constructor(view: TurnView) {
    this.#view = view;
  }

  /** What the model was saying when it was stopped. */
  get unfinished(): string {
    return this.#unfinished;
  }

  take(event: TraceEvent): void {
    if (event.depth > 0) return;
    switch (event.type) {
      case "model-start":
        if (event.role === "root") this.#begin();
        return;
      case "model-delta":
        if (event.kind === "text") this.#say(event.text);
        return;
      case "model-end":
        if (event.role === "root") this.#unfinished = "";
        return;
      case "model-retry": {
        const wait = `Trying again in ${(event.waitMs / 1000).toFixed(1)} s`;
        this.#note(
          `${event.error.message} ${wait}${this.#unfinished === "" ? "." : ": the answer begins anew."}`,
        );
        return this.#begin();
      }
      case "tool-start":
        return this.#note(`looking: ${event.name} ${JSON.stringify(event.input)}`);
      case "compaction-start":
        return this.#note(`messages ${event.first}-${event.last} get labels (${event.reason})`);
      case "notice":
        return this.#note(event.text);
      default:
        return;
    }
  }

  async end(): Promise<void> {
    this.#endLine();
    // Resolves once everything before it was taken, too.
    await writeText(process.stdout, "");
  }

  #begin(): void {
    this.#unfinished = "";
    this.#endLine();
  }

  #say(text: string): void {
    this.#unfinished += text;
    if (this.#view.json || text === "") return;
    process.stdout.write(text);
    this.#isLineBegun = !text.endsWith("\n");
  }

  #note(text: string): void {
    if (this.#view.quiet) return;
    // On a terminal both streams share the screen.
    if (process.stdout.isTTY) this.#endLine();
    process.stderr.write(`(${text})\n`);
  }

  #endLine(): void {
    if (this.#isLineBegun) process.stdout.write("\n");
    this.#isLineBegun = false;
  }
}

function summaryOf({ status, context, usage, costUsd }: ChatResult): string {
  const parts = [
    status === "answered" ? undefined : status,
    context && `${grouped(context.tokens)} tokens of context, ${context.reason}`,
    `${grouped(usage.inputTokens)} in, ${grouped(usage.outputTokens)} out`,
    dollars(costUsd),
  ];
  return `(${parts.filter((part) => part !== undefined).join(" · ")})`;
}
