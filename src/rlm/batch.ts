/** Many sub-calls or child runs at once. It knows neither what they ask nor how. */
import { setImmediate as nextTurn, setTimeout as pause } from "node:timers/promises";
import { BudgetError, isUnabridgedError } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import type { Problem } from "./problem.ts";

export interface TakesRefusals {
  /** Takes the limit by which work was refused: an answer that comes all the same may lack that work. */
  refusedBy(limit: BudgetError): void;
}

/** Runs all items side by side; one that fails becomes a value, and its siblings go on. Only the end of the run stops all. */
export async function batch<Item>(
  problem: Problem,
  state: TakesRefusals,
  name: string,
  items: readonly Item[],
  one: (item: Item) => Promise<JsonObject>,
  lanes: Lanes = callLanes(items.length, problem.scope.tree.limiter.concurrency),
): Promise<{ readonly results: readonly JsonObject[] }> {
  const { scope } = problem;
  const startedAt = Date.now();
  scope.emit({ type: "batch-start", name, items: items.length });
  const results = await inLanes(items, lanes, async (item): Promise<JsonObject> => {
    try {
      return await one(item);
    } catch (error) {
      if (scope.signal.aborted) throw scope.signal.reason;
      if (!isUnabridgedError(error)) throw error;
      if (error instanceof BudgetError) state.refusedBy(error);
      return { ok: false, code: error.kind === "budget" ? "budget" : error.code, message: error.message };
    }
  });
  const failed = results.filter((result) => result.ok !== true).length;
  scope.emit({ type: "batch-end", name, items: items.length, failed, durationMs: Date.now() - startedAt });
  return { results };
}

/** How many items are under way at once, and how they begin. */
export interface Lanes {
  readonly width: number;
  /** The first items begin this far from each other, in milliseconds. @default 0 */
  readonly apartMs?: number;
  /** How many those are. @default 0 */
  readonly apart?: number;
}

/**
 * Lanes for model calls. Calls that begin as one burst come back as one burst, round after round, each waiting until all others
 * are dealt with; where there will be rounds, the first one is spread.
 */
function callLanes(items: number, concurrency: number): Lanes {
  const width = Math.max(leastUnderWay, callsPerSlot * concurrency);
  return items > concurrency ? { width, apartMs: spreadMs / concurrency, apart: concurrency } : { width };
}

// Enough that the limiter always has a call to admit, those included that wait before another attempt.
const callsPerSlot = 4;
const leastUnderWay = 32;
/** Less than any model takes to answer. */
const spreadMs = 32;

/**
 * Begins items in order, so many at once. Each lane begins in a turn of the event loop of its own: what the first asks has
 * left before the second is measured and hashed.
 */
async function inLanes<Item, Result>(
  items: readonly Item[],
  { width, apartMs = 0, apart = 0 }: Lanes,
  act: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const startedAt = performance.now();
  const results: Result[] = [];
  const waiting = items.entries();
  const lane = async (): Promise<void> => {
    for (const [index, item] of waiting) results[index] = await act(item);
  };
  const lanes: Promise<void>[] = [];
  while (lanes.length < Math.min(width, items.length)) {
    const begun = lane();
    // It is waited for below; one that fails before the last has begun is not unhandled.
    begun.catch(() => undefined);
    lanes.push(begun);
    const waitMs = startedAt + Math.min(lanes.length, apart) * apartMs - performance.now();
    await (waitMs > 0 ? pause(waitMs) : nextTurn());
  }
  await Promise.all(lanes);
  return results;
}
