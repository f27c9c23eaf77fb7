/** What a person is told of a file that could not be read. Pure. */
import { UnreadableError } from "./limits.ts";

/** In one line, without what only a programmer needs. */
export function reasonOf(error: unknown): string {
  if (error instanceof UnreadableError) return error.message;
  if (error instanceof RangeError && error.message.includes("call stack"))
    return "its parts are nested too deeply";
  const message = error instanceof Error ? error.message : String(error);
  return `broken: ${message.replace(/\s+/g, " ").trim().slice(0, 200) || "no reason given"}`;
}
