/** Chooses what is folded into labels: old groups into leaves, and, since their place is rewritten anyway, leaves into fewer. Pure. */
import type { Sizes } from "./sizes.ts";
import { totalTokens, type FoldUnit, type GroupUnit, type NodeUnit, type Unit } from "./units.ts";

export interface FoldOptions {
  /** Newest groups, by tokens, that stay. The newest one stays whatever its size, unless `foldNewest`. */
  readonly keep: number;
  /** Stretches below it stay. */
  readonly leastSource: number;
  /** Most tokens of all that is old: labels, and messages between them. */
  readonly region: number;
  readonly foldNewest?: boolean;
  /** Pinned and newest groups above this are shown as stubs. @default none are */
  readonly stubAbove?: number;
  /** Labels are as short as they get, and one for each stretch. */
  readonly tightest?: boolean;
}

/** The units after all folding that the options allow. What is folded is a FoldUnit; the rest is as it was. */
export function foldUnits(units: readonly Unit[], sizes: Sizes, options: FoldOptions): readonly Unit[] {
  const stays = staying(units, options);
  const sections: Section[] = [];
  units.forEach((unit, index) => {
    const isOld = !stays.has(index);
    const last = sections.at(-1);
    const shown = isOld || unit.type !== "group" ? unit : stubbed(unit, sizes, options);
    if (last?.isOld === isOld) last.units.push(shown);
    else sections.push({ isOld, units: [shown] });
  });
  const old = sections.filter((section) => section.isOld);
  for (const section of old) section.units = [...foldLeaves(section.units, sizes, options)];
  if (options.tightest)
    for (const section of old)
      section.units = [...merged(section.units, 0, section.units.length, sizes, options)];
  else mergeUntilWithin(old, sizes, options);
  return sections.flatMap((section) => section.units);
}

/** A run of units that may all be folded, or of units that all stay. */
interface Section {
  readonly isOld: boolean;
  units: Unit[];
}

/** Indexes of the groups that aren't folded: pinned ones, and the newest as far as they are to be kept. */
function staying(units: readonly Unit[], { keep, foldNewest = false }: FoldOptions): ReadonlySet<number> {
  const stays = new Set<number>();
  units.forEach((unit, index) => unit.type === "group" && unit.isPinned && stays.add(index));
  let kept = 0;
  for (let index = units.length - 1; index >= 0; index--) {
    const unit = units[index];
    if (unit?.type !== "group") break;
    if (!unit.isPinned) kept += unit.tokens;
    const isNewest = index === units.length - 1;
    if (kept > keep && !(isNewest && !foldNewest)) break;
    stays.add(index);
  }
  return wholeTurns(units, stays, keep);
}

/** An answer whose question is folded is folded with it, where that is little of what stays. */
function wholeTurns(units: readonly Unit[], stays: Set<number>, keep: number): ReadonlySet<number> {
  const answers: number[] = [];
  let tokens = 0;
  for (const index of [...stays].sort((a, b) => a - b)) {
    const unit = units[index];
    if (unit?.type !== "group") continue;
    if (unit.beginsTurn && answers.length > 0) {
      for (const answer of answers) stays.delete(answer);
      break;
    }
    if (unit.isPinned) continue;
    if (unit.beginsTurn) break;
    answers.push(index);
    tokens += unit.tokens;
    if (tokens > keep / 4) break;
  }
  return stays;
}

function stubbed(unit: GroupUnit, sizes: Sizes, { stubAbove }: FoldOptions): Unit {
  if (stubAbove === undefined || unit.tokens <= stubAbove) return unit;
  const { first, last } = unit;
  const cap = Math.max(1, Math.floor(stubAbove) - sizes.fence);
  return {
    type: "fold",
    fold: { type: "stub", first, last, cap },
    level: 1,
    first,
    last,
    tokens: Math.floor(stubAbove),
  };
}

/** Each run of groups becomes leaves of about equal size. Runs too small for a label stay between the labels. */
function foldLeaves(section: readonly Unit[], sizes: Sizes, options: FoldOptions): readonly Unit[] {
  const folded: Unit[] = [];
  let run: GroupUnit[] = [];
  const endRun = (): void => {
    for (const chunk of chunksOf(run, sizes, options)) folded.push(...leafOf(chunk, sizes, options));
    run = [];
  };
  for (const unit of section) {
    if (unit.type === "group") run.push(unit);
    else {
      endRun();
      folded.push(unit);
    }
  }
  endRun();
  return folded;
}

function chunksOf(run: readonly GroupUnit[], sizes: Sizes, options: FoldOptions): readonly GroupUnit[][] {
  const all = totalTokens(run);
  const count = options.tightest ? 1 : Math.min(mostLeaves, Math.max(1, Math.round(all / sizes.leafSource)));
  const share = all / count;
  const chunks: GroupUnit[][] = [];
  let chunk: GroupUnit[] = [];
  let tokens = 0;
  for (const unit of run) {
    // A question and its answer go together: a chunk may be longer where that keeps them so.
    const most = unit.beginsTurn ? share : share * 1.4;
    // A group that fills a chunk by itself doesn't drag its neighbours along, where those are worth their own label.
    if (chunk.length > 0 && tokens >= options.leastSource && tokens + unit.tokens > most) {
      chunks.push(chunk);
      chunk = [];
      tokens = 0;
    }
    chunk.push(unit);
    tokens += unit.tokens;
  }
  const last = chunks.at(-1);
  if (last && tokens < options.leastSource) last.push(...chunk);
  else if (chunk.length > 0) chunks.push(chunk);
  return chunks;
}

// A history that arrives all at once is labelled in coarser steps: the work of one swap stays bounded.
const mostLeaves = 64;

function leafOf(
  chunk: readonly GroupUnit[],
  sizes: Sizes,
  { leastSource, tightest }: FoldOptions,
): readonly Unit[] {
  const [first, last] = [chunk[0]?.first, chunk.at(-1)?.last];
  if (first === undefined || last === undefined) return [];
  const source = totalTokens(chunk);
  const most = sizes.capOfLevel(tightest ? deepest : 1);
  const cap = Math.min(most, Math.floor(source / 2));
  const tokens = cap + sizes.fence;
  if (source < leastSource || tokens >= source) return chunk;
  return [{ type: "fold", fold: { type: "leaf", first, last, cap }, level: 1, first, last, tokens }];
}

const deepest = 60;

/**
 * As in a log-structured tree: where old messages and labels take more than their part, the oldest labels of the lowest
 * full level become one of the next, until they don't. As long as there is room, detail is kept.
 */
function mergeUntilWithin(sections: readonly Section[], sizes: Sizes, options: FoldOptions): void {
  const total = (): number => sections.reduce((sum, { units }) => sum + totalTokens(units), 0);
  while (total() > options.region) if (!mergeOnce(sections, sizes, options)) return;
}

/**
 * False where nothing can be made smaller by merging. A full level comes first, the lowest of them; else the longest, so
 * that few large steps lie between a label and its messages; at last neighbours of different levels.
 */
function mergeOnce(sections: readonly Section[], sizes: Sizes, options: FoldOptions): boolean {
  const runs = sections.flatMap((section) => levelRuns(section, sizes.fanOut));
  const full = runs.filter(({ start, end }) => end - start >= sizes.fanOut);
  const longestFirst = runs.toSorted((a, b) => b.end - b.start - (a.end - a.start));
  const pairs = sections.flatMap((section) => neighbours(section));
  for (const { section, start, end } of [...full, ...longestFirst, ...pairs]) {
    const units = merged(section.units, start, end, sizes, options);
    if (units === section.units) continue;
    section.units = units;
    return true;
  }
  return false;
}

interface SectionRun {
  readonly section: Section;
  readonly start: number;
  readonly end: number;
}

/** The oldest units of each level, at most as many as the fan-out; lowest level first. */
function levelRuns(section: Section, fanOut: number): readonly SectionRun[] {
  const highest = section.units.reduce((most, unit) => Math.max(most, levelOf(unit)), 0);
  const runs: SectionRun[] = [];
  for (let level = 1; level <= highest; level++) {
    const start = startOfLevels(section.units, level);
    const end = Math.min(startOfLevels(section.units, level - 1), start + fanOut);
    if (end - start >= 2) runs.push({ section, start, end });
  }
  return runs;
}

/** Two units side by side, the newest and so lowest first. */
function neighbours(section: Section): readonly SectionRun[] {
  const runs: SectionRun[] = [];
  for (let end = section.units.length; end >= 2; end--) runs.push({ section, start: end - 2, end });
  return runs;
}

/** Where the newest units begin that are all at most of this level. */
function startOfLevels(units: readonly Unit[], level: number): number {
  let start = units.length;
  while (start > 0 && levelOf(units[start - 1]) <= level) start--;
  return start;
}

function levelOf(unit: Unit | undefined): number {
  return unit === undefined || unit.type === "group" ? 1 : unit.level;
}

/** The units with a run of them as one label; the units themselves where that would not be smaller. */
function merged(units: Unit[], start: number, end: number, sizes: Sizes, options: FoldOptions): Unit[] {
  const run = units.slice(start, end);
  if (run.length < 2) return units;
  const label = condensed(run, sizes, options.tightest ?? false);
  return label.tokens >= totalTokens(run) ? units : [...units.slice(0, start), label, ...units.slice(end)];
}

function condensed(run: readonly Unit[], sizes: Sizes, tightest: boolean): FoldUnit {
  const children = run.map((unit) => (unit.type === "group" ? wrapped(unit, sizes) : unit));
  const level = 1 + Math.max(...children.map((child) => child.level));
  const first = children[0]?.first ?? 0;
  const last = children.at(-1)?.last ?? 0;
  const texts = children.reduce((sum, child) => sum + Math.max(8, child.tokens - sizes.fence), 0);
  const cap = Math.max(1, Math.min(sizes.capOfLevel(tightest ? deepest : level), Math.floor(texts * 0.8)));
  const fold = { type: "condensed", first, last, cap, level, children } as const;
  return { type: "fold", fold, level, first, last, tokens: cap + sizes.fence };
}

/** A few messages between labels get a leaf of their own only to be merged at once: it is never shown. */
function wrapped({ first, last, tokens }: GroupUnit, sizes: Sizes): NodeUnit | FoldUnit {
  const cap = Math.max(1, Math.min(sizes.capOfLevel(1), tokens));
  return {
    type: "fold",
    fold: { type: "leaf", first, last, cap },
    level: 1,
    first,
    last,
    tokens: cap + sizes.fence,
  };
}
