/** Means with their intervals: Wilson's for shares, the bootstrap for scores. Seeded, so that a report is the same each time. Pure. */
import { Random } from "../random.ts";

export interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  readonly n: number;
}

/** 95 %, Wilson's score interval. */
export function wilson(right: number, n: number): Interval {
  if (n === 0) return { mean: 0, low: 0, high: 1, n };
  const z = 1.959964;
  const mean = right / n;
  const middle = (mean + z ** 2 / (2 * n)) / (1 + z ** 2 / n);
  const half = (z / (1 + z ** 2 / n)) * Math.sqrt((mean * (1 - mean)) / n + z ** 2 / (4 * n ** 2));
  return { mean, low: Math.max(0, middle - half), high: Math.min(1, middle + half), n };
}

/** 95 % by 2,000 resamples; of scores that are all 0 or 1 it is Wilson's. */
export function interval(scores: readonly number[]): Interval {
  if (scores.every((score) => score === 0 || score === 1))
    return wilson(scores.filter((score) => score === 1).length, scores.length);
  const random = new Random(`bootstrap ${scores.length} ${scores.join(" ").slice(0, 2_000)}`);
  const means = Array.from({ length: 2_000 }, () => mean(scores.map(() => random.pick(scores)))).sort(
    (a, b) => a - b,
  );
  return { mean: mean(scores), low: means[49] ?? 0, high: means[1_949] ?? 1, n: scores.length };
}

/** 95 % of the difference of two arms over the same tasks. */
export function pairedDifference(pairs: readonly (readonly [a: number, b: number])[]): Interval {
  const differences = pairs.map(([a, b]) => a - b);
  if (differences.length === 0) return { mean: 0, low: 0, high: 0, n: 0 };
  const random = new Random(`paired ${differences.length}`);
  const means = Array.from({ length: 2_000 }, () =>
    mean(differences.map(() => random.pick(differences))),
  ).sort((a, b) => a - b);
  return { mean: mean(differences), low: means[49] ?? 0, high: means[1_949] ?? 0, n: differences.length };
}

/** How something grows with the length: the slope on doubly logarithmic axes; undefined with fewer than two lengths. */
export function growthExponent(
  points: readonly (readonly [length: number, value: number])[],
): number | undefined {
  const logs = points.filter(([x, y]) => x > 0 && y > 0).map(([x, y]) => [Math.log(x), Math.log(y)] as const);
  if (new Set(logs.map(([x]) => x)).size < 2) return undefined;
  const [mx, my] = [mean(logs.map(([x]) => x)), mean(logs.map(([, y]) => y))];
  const over = logs.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0);
  return over / logs.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
}

export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : mean(sorted.slice(middle - 1, middle + 1));
}
