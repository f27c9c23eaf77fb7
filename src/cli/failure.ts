/** What a person reads when a command fails, and the exit code that goes with it. */
import { BudgetError, ConfigError, isUnabridgedError, messageOf } from "../core/errors.ts";

export const exitCodes = { done: 0, failed: 1, usage: 2, limit: 3, cancelled: 130 } as const;

export function reportFailure(error: unknown): number {
  process.stderr.write(`unabridged: ${describe(error)}\n`);
  if (error instanceof ConfigError) return exitCodes.usage;
  return error instanceof BudgetError ? exitCodes.limit : exitCodes.failed;
}

function describe(error: unknown): string {
  if (isUnabridgedError(error)) return error.message;
  // Not one of ours: a defect. The stack is what a report needs.
  return `an unexpected error, please report it: ${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}`;
}
