/** Many sub-calls or child runs at once. It knows neither what they ask nor how. */
import { setImmediate as nextTurn } from "node:timers/promises";
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
  width: number = Math.max(leastUnderWay, callsPerSlot * problem.scope.tree.limiter.concurrency),
): Promise<{ readonly results: readonly JsonObject[] }> {
  const { scope } = problem;
  const startedAt = Date.now();
  scope.emit({ type: "batch-start", name, items: items.length });
  const results = await inLanes(items, width, async (item): Promise<JsonObject> => {
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

// Enough that the limiter always has a call to admit, those included that wait before another attempt.
const callsPerSlot = 4;
const leastUnderWay = 32;

/**
 * Begins items in order, so many at once. Each lane begins in a turn of the event loop of its own: what the first asks has
 * left before the second is measured and hashed, and its answer is not waited for by all the others' in one burst.
 */
async function inLanes<Item, Result>(
  items: readonly Item[],
  width: number,
  act: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  const waiting = items.entries();
  const lane = async (): Promise<void> => {
    for (const [index, item] of waiting) results[index] = await act(item);
  };
  const lanes: Promise<void>[] = [];
  for (let count = Math.min(width, items.length); count > 0; count--) {
    const begun = lane();
    // It is waited for below; one that fails before the last has begun is not unhandled.
    begun.catch(() => undefined);
    lanes.push(begun);
    await nextTurn();
  }
  await Promise.all(lanes);
  return results;
}
