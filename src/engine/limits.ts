/** What a caller may set of a run, checked once: limits of the budget, sizes, and switches. */
import { z } from "zod";
import type { Limits } from "../core/budget.ts";
import { ConfigError } from "../core/errors.ts";
import type { Model } from "../core/model.ts";
import { defaultSettings, type AskSettings } from "../rlm/index.ts";

export interface RunLimits {
  /** Most US dollars for a run with all its children. @default no limit */
  readonly costUsd?: number | undefined;
  /** Most tokens, input and output together. @default no limit */
  readonly tokens?: number | undefined;
  /** Most model calls. @default no limit */
  readonly calls?: number | undefined;
  /** Most wall time, in milliseconds. @default no limit */
  readonly timeMs?: number | undefined;
  /** Levels of sub-calls: 0 none, 1 plain sub-calls, 2 children with a REPL of their own whose sub-calls are plain, … @default 1 */
  readonly depth?: number | undefined;
  /** Turns of the root LM. @default 30 */
  readonly iterations?: number | undefined;
  /** Most model calls in flight. @default 16 */
  readonly concurrency?: number | undefined;
  /** Longest silence of one model call, in milliseconds; each streamed piece starts it anew. @default 180000 */
  readonly callTimeoutMs?: number | undefined;
  /** What one cell may compute, in milliseconds; waiting for sub-calls doesn't count. @default 120000 */
  readonly cellTimeoutMs?: number | undefined;
  /** Memory of one sandbox, in MiB. @default 1024 */
  readonly memoryMb?: number | undefined;
}

export interface CheckedLimits {
  readonly budget: Limits;
  readonly concurrency: number;
  readonly callTimeoutMs: number;
  readonly settings: Omit<AskSettings, "phase0">;
}

const amount = z.number().positive();
const whole = z.number().int().positive();
// setTimeout can wait no longer than this.
const duration = z
  .number()
  .positive()
  .max(2 ** 31 - 1);
const schema = z.strictObject({
  costUsd: amount.optional(),
  tokens: whole.optional(),
  calls: whole.optional(),
  timeMs: duration.optional(),
  depth: z.number().int().nonnegative().max(8).optional(),
  iterations: whole.optional(),
  concurrency: whole.max(10_000).optional(),
  callTimeoutMs: duration.optional(),
  cellTimeoutMs: duration.optional(),
  memoryMb: z.number().int().min(64).optional(),
});

/** Throws ConfigError "invalid_option", naming the limit and what it may be. */
export function checkLimits(limits: RunLimits): CheckedLimits {
  const parsed = schema.safeParse(limits);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const name = issue?.path.join(".") ?? "";
    const given =
      name === ""
        ? ""
        : ` (given: ${JSON.stringify(Object.entries(limits).find(([key]) => key === name)?.[1])})`;
    throw new ConfigError(
      "invalid_option",
      `limits${name === "" ? "" : `.${name}`}: ${issue?.message ?? "invalid"}${given}. Leave a limit out to have none.`,
    );
  }
  const {
    costUsd,
    tokens,
    calls,
    timeMs,
    concurrency,
    callTimeoutMs,
    depth,
    iterations,
    cellTimeoutMs,
    memoryMb,
  } = parsed.data;
  return {
    budget: {
      ...(costUsd !== undefined && { costUsd }),
      ...(tokens !== undefined && { tokens }),
      ...(calls !== undefined && { calls }),
      ...(timeMs !== undefined && { timeMs }),
    },
    concurrency: concurrency ?? 16,
    callTimeoutMs: callTimeoutMs ?? 180_000,
    settings: {
      maxIterations: iterations ?? defaultSettings.maxIterations,
      depth: depth ?? defaultSettings.depth,
      cellTimeoutMs: cellTimeoutMs ?? defaultSettings.cellTimeoutMs,
      memoryMb: memoryMb ?? defaultSettings.memoryMb,
      eagerBytes: defaultSettings.eagerBytes,
    },
  };
}

/** A clear word before money is spent where the ceiling can't be planned for. */
export function unpricedNotice(models: readonly Model[], { budget }: CheckedLimits): string | undefined {
  if (budget.costUsd === undefined) return undefined;
  const unpriced = [...new Set(models.filter(({ price }) => !price).map(({ id }) => id))];
  if (unpriced.length === 0) return undefined;
  return `No price is known for ${unpriced.join(" and ")}: the ceiling on cost counts only what the provider reports. Set "prices" in the configuration to make it hold.`;
}
