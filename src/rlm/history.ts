/**
 * The root LM's own conversation. It only grows, so that each request is a prefix of the next; when it nears the window, a
 * block of old turns is replaced at once by one-line labels, and every turn stays readable in full through history(n). Pure.
 */
import { assistant, system, user, type Message } from "../core/message.ts";
import { compactedTurn } from "./prompts.ts";

export interface Turn {
  readonly turn: number;
  /** What the root LM wrote, cut after its first block. */
  readonly reply: string;
  readonly code: string;
  /** What it was told in return. */
  readonly observation: string;
}

export class RootHistory {
  readonly #system: string;
  readonly #first: string;
  readonly #turns: Turn[] = [];
  /** Turns up to this one are labels. */
  #shortenedUpTo = 0;

  constructor(systemPrompt: string, firstMessage: string) {
    this.#system = systemPrompt;
    this.#first = firstMessage;
  }

  add(turn: Turn): void {
    this.#turns.push(turn);
  }

  get turns(): number {
    return this.#turns.length;
  }

  get hasRunCode(): boolean {
    return this.#turns.some((turn) => turn.code !== "");
  }

  textOf(turn: number): string | undefined {
    const found = this.#turns.find((candidate) => candidate.turn === turn);
    return found && `${found.reply}\n\n${found.observation}`;
  }

  messages(): Message[] {
    const labels = this.#turns.slice(0, this.#shortenedUpTo);
    const first =
      labels.length === 0
        ? this.#first
        : `${this.#first}\n\n# Earlier turns, shortened\n${labels.map((turn) => `- ${compactedTurn(turn.turn, turn.code, turn.observation)}`).join("\n")}`;
    const messages: Message[] = [system(this.#system), user(first)];
    for (const { reply, observation } of this.#turns.slice(this.#shortenedUpTo))
      messages.push(assistant(reply), user(observation));
    return messages;
  }

  /**
   * Replaces the older half of the whole turns by labels. Keeps the last two.
   * @returns false where nothing is left to shorten
   */
  shorten(): boolean {
    const whole = this.#turns.length - this.#shortenedUpTo;
    if (whole <= 2) return false;
    this.#shortenedUpTo += Math.max(1, Math.min(whole - 2, Math.ceil(whole / 2)));
    return true;
  }
}
