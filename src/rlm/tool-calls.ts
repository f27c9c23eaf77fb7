/** A call of one of the caller's tools from a cell, on record. */
import { messageOf } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { RunScope } from "../core/scope.ts";
import type { AskTool } from "./problem.ts";

/** A tool may give megabytes; the record is for who follows the run. */
const recordedCharacters = 4_000;

export async function callTool(
  { emit }: Pick<RunScope, "emit">,
  tool: AskTool,
  args: Json,
  toolCallId: string,
  signal: AbortSignal,
): Promise<Json> {
  const { name } = tool;
  const startedAt = Date.now();
  const end = (output: Json, isError: boolean): void =>
    emit({
      ...{ type: "tool-end", toolCallId, name, output: recorded(output), isError },
      durationMs: Date.now() - startedAt,
    });
  emit({ type: "tool-start", toolCallId, name, input: recorded(args) });
  try {
    const output = await tool.run(args, signal);
    end(output, false);
    return output;
  } catch (error) {
    end(messageOf(error), true);
    throw error;
  }
}

function recorded(value: Json): Json {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  // What a caller's tool gives may be no JSON at all, against its type.
  if (text === undefined || text.length <= recordedCharacters) return value;
  return `${text.slice(0, recordedCharacters).toWellFormed()}… (${text.length} characters)`;
}
