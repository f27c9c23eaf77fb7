/** A chat under way: the conversation and its branch, what it has spent, and what came of each entry. */
import type { Budget } from "../core/budget.ts";
import { ConfigError } from "../core/errors.ts";
import { sha256 } from "../core/json.ts";
import type { OpenConversation, SendInput } from "../engine/index.ts";
import { readAttachments } from "../setup/attachments.ts";
import { exitCodes } from "./failure.ts";
import { takeChatTurn, type TurnView } from "./chat-turn.ts";
import { writeText } from "./write-text.ts";

export interface ChatSessionOptions extends TurnView {
  readonly conversation: OpenConversation;
  readonly budget: Budget;
  /** False where there is no language model: messages are kept and found, and nobody answers. */
  readonly isAnswered: boolean;
}

export class ChatSession {
  readonly budget: Budget;
  readonly view: TurnView;
  readonly #isAnswered: boolean;
  #conversation: OpenConversation;
  #underWay: AbortController | undefined;

  constructor({ conversation, budget, isAnswered, json, quiet }: ChatSessionOptions) {
    this.#conversation = conversation;
    this.budget = budget;
    this.view = { json, quiet };
    this.#isAnswered = isAnswered;
  }

  get conversation(): OpenConversation {
    return this.#conversation;
  }

  switchTo(conversation: OpenConversation): void {
    this.#conversation = conversation;
  }

  /** Stops what is under way; false where nothing is, or it was told already. */
  interrupt(): boolean {
    const underWay = this.#underWay;
    if (!underWay || underWay.signal.aborted) return false;
    underWay.abort(new DOMException("Interrupted.", "AbortError"));
    return true;
  }

  /** Does something that Ctrl-C stops. */
  async stoppable<Value>(work: (signal: AbortSignal) => Promise<Value>): Promise<Value> {
    const underWay = (this.#underWay = new AbortController());
    try {
      return await work(underWay.signal);
    } finally {
      this.#underWay = undefined;
    }
  }

  /** @returns the exit code that this turn alone would end with */
  async say(input: SendInput, key?: string): Promise<number> {
    if (!this.#isAnswered) return this.#keep(input, key);
    const { status } = await this.stoppable((signal) =>
      takeChatTurn(this.#conversation, input, { signal, ...(key !== undefined && { key }) }, this.view),
    );
    return {
      answered: exitCodes.done,
      "tool-calls": exitCodes.done,
      partial: exitCodes.limit,
      cancelled: exitCodes.cancelled,
    }[status];
  }

  /** Adds files as messages, each once however often it is attached. */
  async attach(paths: readonly string[]): Promise<void> {
    const { parts, skipped } = await this.stoppable((signal) =>
      readAttachments(paths, { workingFolder: process.cwd(), signal }),
    );
    for (const part of parts) {
      const key = `attached ${part.filename ?? ""} ${sha256(part.data).slice(0, 16)}`;
      const [added] = await this.#conversation.append({ role: "user", content: [part], key });
      if (!added) continue;
      const how = added.status === "known" ? "is already" : "is now";
      this.note(`${part.filename ?? "the file"} ${how} message ${added.position}`);
    }
    for (const { path, reason } of skipped) this.note(`left out ${path}: ${reason}`);
  }

  /** What was asked for: as text, or as the object that a program reads. */
  async show(text: string, json: object): Promise<void> {
    await writeText(process.stdout, this.view.json ? `${JSON.stringify(json)}\n` : text);
  }

  note(text: string): void {
    if (!this.view.quiet) process.stderr.write(`(${text})\n`);
  }

  async #keep(input: SendInput, key: string | undefined): Promise<number> {
    const content = typeof input === "string" ? input : input.filter((part) => part.type !== "tool-result");
    if (content.length === 0)
      throw new ConfigError("no_model", "Without a language model nobody can use results of tools.");
    const [added] = await this.#conversation.append({
      ...{ role: "user", content },
      ...(key !== undefined && { key }),
    });
    const { id, branchName } = this.#conversation;
    const kept = {
      conversation: id,
      branch: branchName,
      status: "kept",
      messageIds: added ? [added.id] : [],
    };
    if (this.view.json) await this.show("", kept);
    else this.note(`kept as message ${added?.position ?? 0}; without a language model nobody answers`);
    return exitCodes.done;
  }
}
