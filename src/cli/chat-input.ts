/** What is typed into a chat, line by line, as what is meant: a text of any number of lines, or a command. Pure. */

export type ChatEntry =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "command"; readonly name: string; readonly argument: string };

const fence = '"""';

/** A line that ends in \ goes on; what stands between """ and """ is one text; several lines at once are one, too. */
export class EntryReader {
  #lines: string[] = [];
  #isFenced = false;

  /** Whether an entry has begun that goes on. */
  get isOpen(): boolean {
    return this.#isFenced || this.#lines.length > 0;
  }

  /** Undefined where the entry goes on, or there was none. */
  add(line: string): ChatEntry | undefined {
    if (this.#isFenced) return this.#addFenced(line);
    if (this.#lines.length === 0 && line.trimStart().startsWith(fence)) {
      this.#isFenced = true;
      return this.#addFenced(line.trimStart().slice(fence.length));
    }
    if (goesOn(line)) {
      this.#lines.push(line.slice(0, -1));
      return undefined;
    }
    this.#lines.push(line);
    return this.#take((text) => commandOf(text) ?? { type: "text", text });
  }

  /** What was begun when the input ended. */
  end(): ChatEntry | undefined {
    return this.#take((text) => ({ type: "text", text }));
  }

  /** Throws away what was begun. */
  clear(): void {
    this.#lines = [];
    this.#isFenced = false;
  }

  #addFenced(line: string): ChatEntry | undefined {
    const isEnd = line.trimEnd().endsWith(fence);
    this.#lines.push(isEnd ? line.trimEnd().slice(0, -fence.length) : line);
    return isEnd ? this.#take((text) => ({ type: "text", text })) : undefined;
  }

  #take(read: (text: string) => ChatEntry): ChatEntry | undefined {
    const text = this.#isFenced ? this.#lines.join("\n").replace(/^\n|\n$/g, "") : this.#lines.join("\n");
    this.clear();
    return text.trim() === "" ? undefined : read(text);
  }
}

/** An odd number of them: \\ at the end is two backslashes, as in the path of a folder. */
function goesOn(line: string): boolean {
  return (/\\+$/.exec(line)?.[0].length ?? 0) % 2 === 1;
}

/** "/word" and what follows it. A path such as /etc/hosts is none. */
export function commandOf(text: string): ChatEntry | undefined {
  const [, name, argument = ""] = /^\/([a-z]+)(?:[ \t]+(\S[^\n]*))?[ \t]*$/i.exec(text) ?? [];
  return name === undefined
    ? undefined
    : { type: "command", name: name.toLowerCase(), argument: argument.trim() };
}
