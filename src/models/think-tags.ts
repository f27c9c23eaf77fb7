/** Splits the thinking that some servers leave in a reply's text, `<think>…</think>` at its start, from the answer. */

export interface ThinkPiece {
  readonly type: "text" | "reasoning";
  readonly text: string;
}

const opening = "<think>";
const closing = "</think>";

/**
 * Takes a reply's text piece by piece. Only a tag at the very start counts: one further on is what the model talks about.
 * A tag never closed means that the reply was cut while thinking, so all of it is reasoning.
 */
export class ThinkSplitter {
  #state: "start" | "thinking" | "gap" | "text" = "start";
  /** What can't be told yet: the beginning of a tag, or white space that belongs to one. */
  #held = "";

  push(text: string): readonly ThinkPiece[] {
    if (this.#state === "text") return text === "" ? [] : [{ type: "text", text }];
    this.#held += text;
    const pieces: ThinkPiece[] = [];
    while (this.#step(pieces));
    return pieces;
  }

  /** Hands out what was held back. Call it once, at the end of the reply. */
  end(): readonly ThinkPiece[] {
    const rest = this.#held;
    this.#held = "";
    if (rest === "" || this.#state === "gap") return [];
    return [{ type: this.#state === "thinking" ? "reasoning" : "text", text: rest }];
  }

  /** Moves on by one state; false where more text is needed. */
  #step(pieces: ThinkPiece[]): boolean {
    if (this.#state === "start") return this.#leaveStart();
    if (this.#state === "thinking") return this.#think(pieces);
    if (this.#state === "gap") {
      this.#held = this.#held.trimStart();
      if (this.#held === "") return false;
      this.#state = "text";
    }
    if (this.#held !== "") pieces.push({ type: "text", text: this.#held });
    this.#held = "";
    return false;
  }

  #leaveStart(): boolean {
    const text = this.#held.trimStart();
    if (text.startsWith(opening)) {
      this.#held = text.slice(opening.length);
      this.#state = "thinking";
      return true;
    }
    if (opening.startsWith(text)) return false;
    this.#state = "text";
    return true;
  }

  #think(pieces: ThinkPiece[]): boolean {
    const end = this.#held.indexOf(closing);
    const sure = end >= 0 ? end : this.#held.length - overlap(this.#held);
    if (sure > 0) pieces.push({ type: "reasoning", text: this.#held.slice(0, sure) });
    this.#held = this.#held.slice(end >= 0 ? end + closing.length : sure);
    if (end >= 0) this.#state = "gap";
    return end >= 0;
  }
}

/** The same for a text that is already whole. */
export function splitThinking(text: string): readonly ThinkPiece[] {
  if (!text.trimStart().startsWith(opening)) return text === "" ? [] : [{ type: "text", text }];
  const splitter = new ThinkSplitter();
  return [...splitter.push(text), ...splitter.end()];
}

/** How many characters at the end of a text may be the beginning of the closing tag. */
function overlap(text: string): number {
  for (let length = Math.min(closing.length - 1, text.length); length > 0; length--) {
    if (closing.startsWith(text.slice(-length))) return length;
  }
  return 0;
}
