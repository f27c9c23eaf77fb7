/** Plans the next step from sizes alone. Pure: it reads no text, calls no model, touches no store, asks no clock. */
import { ConfigError } from "../core/errors.ts";
import { grouped } from "../core/grouped.ts";
import { foldUnits, type FoldOptions } from "./fold.ts";
import type { Sizes } from "./sizes.ts";
import { foldsOf, totalTokens, type Unit } from "./units.ts";

export interface PlanInput {
  /** What the request would show now, without instructions and tools. */
  readonly units: readonly Unit[];
  /** The same with the labels that are ready to be swapped in; the units themselves where none are. */
  readonly ready: readonly Unit[];
  readonly sizes: Sizes;
  /** Of the request as it is now. `sizes.overhead` also has what labels bring with them. */
  readonly tokens: number;
  readonly cache: CacheState;
  /** True where labels cost nothing and take no time: there is no model to write them. */
  readonly labelsAreFree: boolean;
}

export interface CacheState {
  /** What the provider must have forgotten, or never had: the last call is longer ago than it keeps anything. */
  readonly isCold: boolean;
  /** What makes the next request new from its start anyway. */
  readonly changed: "model" | "tools" | "instructions" | undefined;
  /** Price of a token read from the cache, as a share of plain input. */
  readonly readShare: number;
  /** Price of a token written to it, the same. */
  readonly writeShare: number;
  /** Tokens that a turn adds, on average. */
  readonly growth: number;
}

export type SwapReason =
  | "hard limit"
  | "cache cold"
  | "model changed"
  | "tools changed"
  | "instructions changed"
  | "cheaper from now on"
  | "asked for"
  | "labels repaired";

export type Decision =
  | { readonly type: "nothing"; readonly reason: string }
  /** Labels are to be made in the background; the request stays as it is. */
  | { readonly type: "prepare" }
  /** The request is of `target`; folds in it that aren't ready are made first. */
  | { readonly type: "swap"; readonly target: readonly Unit[]; readonly reason: SwapReason };

/** Throws ConfigError "window_too_small" where what may not be left out is above the hard limit by itself. */
export function decide(input: PlanInput): Decision {
  const { units, ready, sizes } = input;
  if (input.tokens <= sizes.soft) return { type: "nothing", reason: "below the soft threshold" };
  if (sizes.overhead + totalTokens(units) > sizes.hard) {
    const target = fitting(ready, sizes);
    if (target) return { type: "swap", target, reason: "hard limit" };
    // Labels bring tools with them: where those don't fit, what is said still may.
    if (input.tokens <= sizes.hard) return { type: "nothing", reason: "there is no room for labels" };
    throw tooSmall(sizes);
  }
  const target = foldUnits(ready, sizes, usual(sizes));
  const isReady = foldsOf(target).length === 0 || input.labelsAreFree;
  const gain = totalTokens(units) - totalTokens(isReady ? target : ready);
  const reason = gain > 0 ? dueBy(input, isReady ? target : ready) : undefined;
  if (reason) return { type: "swap", target: isReady ? target : ready, reason };
  if (isReady || !isWorthPreparing(ready, target, sizes))
    return { type: "nothing", reason: "labels wait for their time" };
  return { type: "prepare" };
}

/** What `compact()` asks for: everything but the newest messages as labels, now. */
export function compacted(ready: readonly Unit[], sizes: Sizes): readonly Unit[] {
  return foldUnits(ready, sizes, usual(sizes));
}

function usual(sizes: Sizes): FoldOptions {
  return { keep: sizes.keep, leastSource: sizes.leastSource, region: sizes.region };
}

/** One label at a time is prepared as the conversation grows, not one for each turn. */
export function isWorthPreparing(ready: readonly Unit[], target: readonly Unit[], sizes: Sizes): boolean {
  const gain = totalTokens(ready) - totalTokens(target);
  return gain >= Math.min(sizes.leafSource / 2, sizes.leastSource * 4);
}

/** From the gentlest to the hardest: the first that leaves room to go on, else the first that fits. */
function fitting(ready: readonly Unit[], sizes: Sizes): readonly Unit[] | undefined {
  const { leastSource, region, room } = sizes;
  const plain = [usual(sizes), { keep: 0, leastSource, region }];
  const tight = { keep: 0, leastSource: 1, region: 0, tightest: true };
  const hard: FoldOptions[] = [
    { keep: 0, leastSource, region, stubAbove: room / 3 },
    { keep: 0, leastSource, region, stubAbove: room / 5 },
    { ...tight, stubAbove: room / 3 },
    { ...tight, stubAbove: room / 6 },
    { ...tight, stubAbove: room / 8, foldNewest: true },
  ];
  const comfortable = sizes.overhead + room * 0.8;
  if (sizes.overhead + totalTokens(ready) <= comfortable) return ready;
  const tried: (readonly Unit[])[] = [ready];
  for (const options of plain) {
    const target = foldUnits(ready, sizes, options);
    if (sizes.overhead + totalTokens(target) <= comfortable) return target;
    tried.push(target);
  }
  for (const options of hard) tried.push(foldUnits(ready, sizes, options));
  return tried.find((target) => sizes.overhead + totalTokens(target) <= sizes.hard);
}

function tooSmall({ overhead, window, reserve }: Sizes): ConfigError {
  const number = (tokens: number): string => grouped(Math.ceil(tokens));
  return new ConfigError(
    "window_too_small",
    `Instructions, tools and what must be shown of the conversation don't fit the model's window: of ${number(window)} tokens, ${number(reserve)} are for its reply, and instructions and tools take ${number(overhead)}. Shorten them, or use a model with a larger window.`,
  );
}

function dueBy({ units, sizes, cache }: PlanInput, target: readonly Unit[]): SwapReason | undefined {
  if (cache.changed) return `${cache.changed} changed`;
  if (cache.isCold) return "cache cold";
  return isCheaper(units, target, sizes, cache) ? "cheaper from now on" : undefined;
}

/**
 * A swap writes what follows the swap point anew, and saves reading what it removes on each turn until the hard limit
 * would force one.
 */
function isCheaper(
  units: readonly Unit[],
  target: readonly Unit[],
  sizes: Sizes,
  cache: CacheState,
): boolean {
  const now = totalTokens(units);
  const removed = now - totalTokens(target);
  let same = 0;
  while (same < units.length && isSame(units[same], target[same])) same++;
  const rewritten = totalTokens(target.slice(same));
  const turnsLeft = Math.max(0, (sizes.hard - sizes.overhead - now) / Math.max(1, cache.growth));
  const cost = rewritten * (cache.writeShare - cache.readShare);
  return removed * cache.readShare * turnsLeft > cost * certainty;
}

// The growth of turns to come is a guess.
const certainty = 1.25;

function isSame(a: Unit | undefined, b: Unit | undefined): boolean {
  return (
    a !== undefined &&
    b !== undefined &&
    a.type === b.type &&
    a.first === b.first &&
    a.last === b.last &&
    a.tokens === b.tokens
  );
}
