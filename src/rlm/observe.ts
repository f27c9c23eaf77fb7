/** What the root LM sees of a cell: head and tail of its output with the true length, and what went wrong. Pure. */
import { grouped } from "../core/grouped.ts";
import type { CellOutput, ExecutionResult } from "../core/sandbox.ts";

/** @param limit most characters of output shown; a third of it is kept for the end, where results and errors stand */
export function observe(result: ExecutionResult, limit: number): string {
  const parts: string[] = [showOutput(result.stdout, limit)];
  switch (result.status) {
    case "ok":
      if (result.value !== undefined)
        parts.push(`Value of the last expression:\n${cut(result.value, limit)}`);
      break;
    case "threw":
      parts.push(
        `The cell raised ${result.error.type}:\n${cut(result.error.traceback || result.error.message, 4_000)}\n` +
          (result.error.type.endsWith("SyntaxError") || result.error.type === "IndentationError"
            ? "Nothing of this cell was run. Write the whole block again."
            : "Everything assigned before that line is kept. Go on from there; do not repeat finished sub-calls."),
      );
      break;
    case "timeout":
      parts.push(
        `The cell was stopped: it computed for too long (waiting for sub-calls does not count).${afterStop(result.state)}`,
      );
      break;
    case "memory":
      parts.push(
        `The cell was stopped: it needed more memory than the REPL has. Work in smaller pieces.${afterStop(result.state)}`,
      );
      break;
    case "crashed":
      parts.push(`The interpreter crashed in this cell.${afterStop(result.state)}`);
      break;
  }
  if (result.unawaited)
    parts.push(
      `${result.unawaited} sub-calls were started but never awaited; they were cancelled. Await them, or call without asyncio.`,
    );
  return parts.filter((part) => part !== "").join("\n\n");
}

/** Cuts the middle out, says how much, and never splits a pair of surrogates. */
export function cut(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const tailLength = Math.floor(limit / 3);
  const head = text.slice(0, limit - tailLength).replace(/[\ud800-\udbff]$/, "");
  const tail = text.slice(text.length - tailLength).replace(/^[\udc00-\udfff]/, "");
  return `${head}\n[… ${grouped(text.length - head.length - tail.length)} characters not shown …]\n${tail}`;
}

function showOutput(output: CellOutput, limit: number): string {
  if (output.characters === 0) return "(nothing was printed)";
  const missing = output.characters - output.head.length - output.tail.length;
  const whole =
    missing > 0
      ? `${output.head}\n[… ${grouped(missing)} characters were not kept …]\n${output.tail}`
      : output.head + output.tail;
  const shown = cut(whole, limit);
  const isCut = shown !== whole || missing > 0;
  return `${isCut ? `Printed ${grouped(output.characters)} characters, more than is shown here:` : "Printed:"}\n${shown}`;
}

function afterStop(state: { kept: true } | { kept: false; lostVariables: readonly string[] }): string {
  if (state.kept) return " All variables are kept.";
  const names = state.lostVariables;
  const list =
    names.length === 0
      ? "no variables of yours"
      : `these variables: ${names.slice(0, 30).join(", ")}${names.length > 30 ? ", …" : ""}`;
  return ` The REPL had to be restarted. Lost: ${list}. \`context\` and the functions are there again; finished sub-calls are remembered and cost nothing if you repeat them.`;
}
