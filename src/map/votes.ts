/** Several answers to one question: the one given most often, and how many agreed. Pure. */
import type { ItemOutcome } from "../core/job-store.ts";
import { canonicalJson, type Json } from "../core/json.ts";

/** Of answers given equally often the earliest wins, so that the same votes elect the same answer. */
export function elect(votes: readonly Json[]): ItemOutcome & { ok: true } {
  const counts = new Map<string, { readonly result: Json; count: number }>();
  for (const result of votes) {
    const key = canonicalJson(result);
    const entry = counts.get(key) ?? { result, count: 0 };
    entry.count++;
    counts.set(key, entry);
  }
  let best: { readonly result: Json; readonly count: number } = { result: votes[0] ?? null, count: 0 };
  for (const entry of counts.values()) if (entry.count > best.count) best = entry;
  return { ok: true, result: best.result, agreement: best.count / votes.length };
}

/** The same items in another order, the same each time for the same round: position must not decide a vote. */
export function shuffled<Value>(values: readonly Value[], round: number): readonly Value[] {
  if (round === 0) return values;
  const order = [...values];
  let state = round * 0x9e3779b9;
  for (let last = order.length - 1; last > 0; last--) {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + round) >>> 0;
    const other = state % (last + 1);
    const [a, b] = [order[last], order[other]];
    if (a !== undefined && b !== undefined) [order[last], order[other]] = [b, a];
  }
  return order;
}
