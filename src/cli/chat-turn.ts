/** One turn of a chat: the user's words go to the model, its answer comes on standard output as it is said. */
import type { Run } from "../core/run.ts";
import type { TraceEvent } from "../core/trace.ts";
import type { ChatResult, OpenConversation, SendInput, SendOptions } from "../engine/index.ts";
import { count, dollars } from "./show-answer.ts";
import { writeText } from "./write-text.ts";

export interface TurnView {
  /** One object when the turn has ended, in place of the text while it comes. */
  readonly json: boolean;
  readonly quiet: boolean;
}

/** What was said until it was stopped is kept, as a message that says so. */
export async function takeChatTurn(
  conversation: OpenConversation,
  input: SendInput,
  options: SendOptions,
  view: TurnView,
): Promise<ChatResult> {
  const shown = new ReplyView(view);
  const result = await follow(conversation.send(input, options), shown);
  await shown.end();
  if (result.status === "cancelled" && shown.unfinished !== "")
    await conversation.append({
      role: "assistant",
      content: shown.unfinished,
      metadata: { interrupted: true },
    });
  const { branchName, id } = conversation;
  if (view.json)
    await writeText(
      process.stdout,
      `${JSON.stringify({ conversation: id, branch: branchName, ...result })}\n`,
    );
  else if (!view.quiet) process.stderr.write(`${summaryOf(result)}\n`);
  if (result.limit) process.stderr.write(`${result.limit.message}\n`);
  return result;
}

async function follow(run: Run<ChatResult>, shown: ReplyView): Promise<ChatResult> {
  try {
    for await (const event of run) shown.take(event);
    return await run.result();
  } catch (error) {
    await shown.end();
    throw error;
  }
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
        if (event.role === "root") this.#unfinished = "";
        return;
      case "model-delta":
        if (event.kind === "text") this.#say(event.text);
        return;
      case "model-end":
        if (event.role === "root") this.#unfinished = "";
        return;
      case "model-retry":
        this.#unfinished = "";
        return this.#note(
          `${event.error.message} Trying again in ${(event.waitMs / 1000).toFixed(1)} s: the answer begins anew.`,
        );
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
    if (this.#isLineBegun) await writeText(process.stdout, "\n");
    this.#isLineBegun = false;
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
    if (this.#isLineBegun && process.stdout.isTTY) process.stdout.write("\n");
    process.stderr.write(`(${text})\n`);
  }
}

function summaryOf({ status, context, usage, costUsd }: ChatResult): string {
  const parts = [
    status === "answered" ? undefined : status,
    context && `${count(context.tokens)} tokens of context, ${context.reason}`,
    `${count(usage.inputTokens)} in, ${count(usage.outputTokens)} out`,
    dollars(costUsd),
  ];
  return `(${parts.filter((part) => part !== undefined).join(" · ")})`;
}
