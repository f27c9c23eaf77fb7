/** Lines of standard input: from a terminal with editing and a memory, else as they come. It knows no chat. */
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { inputLines } from "../setup/input-lines.ts";

export type Line =
  | { readonly type: "line"; readonly text: string }
  /** Ctrl-C at the prompt. */
  | { readonly type: "interrupted" }
  | { readonly type: "end" };

export interface Lines {
  next(prompt: string): Promise<Line>;
  close(): void;
}

const bracketedPaste = { on: "\u001b[?2004h", off: "\u001b[?2004l" };

/**
 * Listens only while a line is wanted, so that in between Ctrl-C is the signal it usually is. Lines that are pasted, or come
 * at once, are handed over as one.
 */
export function terminalLines(input: NodeJS.ReadableStream, output: NodeJS.WritableStream): Lines {
  let history: string[] = [];
  return {
    next: (prompt) =>
      new Promise((resolve) => {
        const editor = createInterface({ input, output, prompt, history, historySize: 200, terminal: true });
        const arrived: string[] = [];
        let isPasting = false;
        let isEnding = false;
        const finish = (line: Line): void => {
          input.off("keypress", onKey);
          output.write(bracketedPaste.off);
          // Only ours: by its own the editor lets go of the input.
          editor.off("close", onClose);
          editor.close();
          resolve(line);
        };
        const onClose = (): void => finish({ type: "end" });
        const onKey = (_text: unknown, key: { readonly name?: string } | undefined): void => {
          if (key?.name === "paste-start") isPasting = true;
          if (key?.name === "paste-end") isPasting = false;
        };
        input.on("keypress", onKey);
        editor.on("history", (lines) => (history = [...lines]));
        editor.on("line", (text) => {
          arrived.push(text);
          if (isPasting || isEnding) return;
          isEnding = true;
          // A terminal that doesn't tell of pastes hands their lines over in one go.
          setImmediate(() => finish({ type: "line", text: arrived.join("\n") }));
        });
        editor.on("SIGINT", () => {
          output.write("\n");
          finish({ type: "interrupted" });
        });
        editor.on("close", onClose);
        output.write(bracketedPaste.on);
        editor.prompt();
      }),
    close: () => void input.pause(),
  };
}

export function pipedLines(input: Readable): Lines {
  const lines = inputLines(input);
  return {
    async next() {
      const { done, value } = await lines.next();
      return done === true ? { type: "end" } : { type: "line", text: value };
    },
    // Whoever writes may hold the pipe open for ever.
    close: () => void input.destroy(),
  };
}
