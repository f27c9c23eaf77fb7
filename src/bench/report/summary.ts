/** What a run came to, by arm and length, computed from its artifacts alone. Pure. */
import type { Artifact } from "../runner/artifact.ts";
import { growthExponent, interval, mean, median, type Interval } from "./statistics.ts";

export interface Cell {
  readonly arm: string;
  readonly lengthTokens: number;
  readonly score: Interval;
  readonly fullMarks: number;
  readonly overflows: number;
  readonly failures: number;
  /** Averages per task. */
  readonly costUsd: number | null;
  readonly tokens: number;
  readonly rootCalls: number;
  readonly subCalls: number;
  readonly wallMs: number;
  readonly peakRssMb: number | null;
  readonly largestSubPrompt: number;
}

export function summarise(artifacts: readonly Artifact[]): Cell[] {
  const groups = Map.groupBy(artifacts, ({ arm, lengthTokens }) => `${arm} ${lengthTokens}`);
  return [...groups.values()].map(cellOf).sort((a, b) => a.lengthTokens - b.lengthTokens);
}

function cellOf(group: readonly Artifact[]): Cell {
  const measured = group.map((one) => one.measured);
  const costs = measured.map(({ costMicroUsd }) => costMicroUsd);
  const memory = group.flatMap(({ peakRssMb }) => (peakRssMb === null ? [] : [peakRssMb]));
  return {
    arm: group[0]?.arm ?? "",
    lengthTokens: group[0]?.lengthTokens ?? 0,
    score: interval(group.map(({ score }) => score)),
    fullMarks: group.filter(({ score }) => score === 1).length,
    overflows: group.filter(({ status }) => status === "overflow").length,
    failures: group.filter(({ status }) => status === "failed").length,
    costUsd: costs.includes(null) ? null : mean(costs.map((cost) => (cost ?? 0) / 1e6)),
    tokens: mean(
      measured.map(
        ({ root, sub }) => root.inputTokens + root.outputTokens + sub.inputTokens + sub.outputTokens,
      ),
    ),
    rootCalls: mean(measured.map(({ root }) => root.calls)),
    subCalls: mean(measured.map(({ sub }) => sub.calls)),
    wallMs: median(group.map(({ wallMs }) => wallMs)),
    peakRssMb: memory.length === 0 ? null : Math.max(...memory),
    largestSubPrompt: Math.max(0, ...measured.map(({ largestSubPrompt }) => largestSubPrompt)),
  };
}

/** The shortest length from which `ours` is better than `other` and stays so; undefined where there is none. */
export function crossover(cells: readonly Cell[], ours: string, other: string): number | undefined {
  const lengths = [...new Set(cells.map(({ lengthTokens }) => lengthTokens))].sort((a, b) => b - a);
  const scoreOf = (arm: string, length: number): number | undefined =>
    cells.find((cell) => cell.arm === arm && cell.lengthTokens === length)?.score.mean;
  let found: number | undefined;
  for (const length of lengths) {
    const [a, b] = [scoreOf(ours, length), scoreOf(other, length)];
    if (a === undefined || b === undefined) continue;
    if (a <= b) break;
    found = length;
  }
  return found;
}

/** Exponents of calls and tokens over the longer half of the lengths at which every task was answered: short texts are all overhead. */
export function growth(
  cells: readonly Cell[],
  arm: string,
): { calls: number | undefined; tokens: number | undefined } {
  const answered = cells.filter((cell) => cell.arm === arm && cell.overflows === 0 && cell.failures === 0);
  const own = answered.slice(Math.max(0, Math.min(answered.length - 3, Math.floor(answered.length / 2))));
  return {
    calls: growthExponent(own.map((cell) => [cell.lengthTokens, cell.rootCalls + cell.subCalls])),
    tokens: growthExponent(own.map((cell) => [cell.lengthTokens, cell.tokens])),
  };
}

/** How tasks without full marks ended. */
export function endings(artifacts: readonly Artifact[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { score, status, error, answer } of artifacts) {
    if (score === 1) continue;
    const kind = error
      ? `${error.kind}: ${error.code}`
      : status !== "answered"
        ? status
        : answer === ""
          ? "empty answer"
          : score > 0
            ? "partly right"
            : "wrong";
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}
