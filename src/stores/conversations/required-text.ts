/** Reads off a regular expression which pieces of text every match must have. Pure; it matches nothing. */

/**
 * Alternatives, of each of which a matching text has all pieces, whatever their case; undefined where that can't be
 * told, so that every text must be looked at. It may know less than there is to know, never more.
 */
export function requiredTexts(pattern: string): readonly (readonly string[])[] | undefined {
  const flags = /^\(\?[imsU]+\)/.exec(pattern);
  const reader = new PatternReader(Array.from(flags ? pattern.slice(flags[0].length) : pattern));
  return reader.read() ? reader.alternatives : undefined;
}

class PatternReader {
  readonly alternatives: string[][] = [[]];
  readonly #characters: readonly string[];
  #at = 0;
  #run: string[] = [];

  constructor(characters: readonly string[]) {
    this.#characters = characters;
  }

  /** False where something was met that this doesn't understand. */
  read(): boolean {
    for (let character = this.#take(); character !== undefined; character = this.#take()) {
      if (!this.#step(character)) return false;
    }
    this.#endRun();
    return true;
  }

  #step(character: string): boolean {
    switch (character) {
      case "|":
        this.#endRun();
        this.alternatives.push([]);
        return true;
      case "(":
        this.#endRun();
        return this.#skipGroup() && this.#skipQuantifier();
      case "[":
        this.#endRun();
        return this.#skipClass() && this.#skipQuantifier();
      case ".":
      case "^":
      case "$":
        this.#endRun();
        return this.#skipQuantifier();
      case "\\":
        return this.#escape();
      default:
        return this.#literal(character);
    }
  }

  #literal(character: string): boolean {
    this.#run.push(character);
    const next = this.#characters[this.#at];
    if (next === undefined || !"*+?{".includes(next)) return true;
    const repeat = this.#quantifier();
    if (repeat === undefined) return true;
    if (repeat === "optional") this.#run.pop();
    this.#endRun();
    return true;
  }

  #escape(): boolean {
    const character = this.#take();
    if (character === undefined) return false;
    const named = { n: "\n", t: "\t", r: "\r", f: "\f", v: "\v", a: "\x07" }[character];
    if (named !== undefined) return this.#literal(named);
    if (/^[^\p{L}\p{N}]$/u.test(character)) return this.#literal(character);
    if (!"dDwWsSbBAz".includes(character)) return false;
    this.#endRun();
    return this.#skipQuantifier();
  }

  #skipGroup(): boolean {
    for (let depth = 1; depth > 0;) {
      const character = this.#take();
      if (character === undefined) return false;
      // "\Q" would change the meaning of all that follows.
      if (character === "\\" && this.#take() === "Q") return false;
      if (character === "[" && !this.#skipClass()) return false;
      if (character === "(") depth++;
      if (character === ")") depth--;
    }
    return true;
  }

  #skipClass(): boolean {
    if (this.#characters[this.#at] === "^") this.#at++;
    for (let first = true; ; first = false) {
      const character = this.#take();
      if (character === undefined) return false;
      if (character === "]" && !first) return true;
      if (character === "\\") this.#at++;
      if (character === "[" && this.#characters[this.#at] === ":") {
        const end = this.#characters.indexOf("]", this.#at);
        if (end < 0) return false;
        this.#at = end + 1;
      }
    }
  }

  /** "optional" where the thing before it need not be there. */
  #quantifier(): "optional" | "needed" | undefined {
    const rest = this.#characters.slice(this.#at, this.#at + 24).join("");
    const [whole = "", counts] = /^(?:[*+?]|\{(\d+)(?:,\d*)?\})\??/.exec(rest) ?? [];
    if (whole === "") return undefined;
    this.#at += whole.length;
    return whole.startsWith("+") || (counts !== undefined && Number(counts) > 0) ? "needed" : "optional";
  }

  #skipQuantifier(): boolean {
    this.#quantifier();
    return true;
  }

  #endRun(): void {
    if (this.#run.length > 0) this.alternatives.at(-1)?.push(this.#run.join(""));
    this.#run = [];
  }

  #take(): string | undefined {
    return this.#characters[this.#at++];
  }
}
