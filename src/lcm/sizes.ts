/** The proportions of a request for a model's window: what is reserved, and how large labels and chunks may be. Pure. */
import { fenceTokens } from "./fence.ts";

/** All in tokens as the model counts them, estimated. */
export interface Sizes {
  readonly window: number;
  /** Kept free for the reply. */
  readonly reserve: number;
  /** A request above it starts summaries in the background. */
  readonly soft: number;
  /** No request is above it. */
  readonly hard: number;
  /** What instructions and tools take of it. */
  readonly overhead: number;
  /** What messages and labels may take. */
  readonly room: number;
  /** The frame around a label. */
  readonly fence: number;
  /** Newest messages that are left as they are while there is a choice. */
  readonly keep: number;
  /** Messages behind one leaf. */
  readonly leafSource: number;
  /** A stretch below it isn't worth a label. */
  readonly leastSource: number;
  /** Labels of one level; one more makes them one label of the next. */
  readonly fanOut: number;
  /** Largest text of a label, by level from 1. Geometric, so that any number of levels has a bounded sum. */
  capOfLevel(level: number): number;
  /** All labels together. */
  readonly region: number;
  /** Above it, files and results of tools are shown as handles. Of the window alone: what is shown must not change. */
  readonly large: number;
}

export interface SizesInput {
  readonly window: number;
  readonly maxOutputTokens: number | undefined;
  readonly overhead: number;
  /** What this model counts for one token of our estimate. @default 1.1 */
  readonly factor?: number;
  /** Share of the window at which summaries begin. @default 0.6 */
  readonly softShare?: number;
  /** @default 25000 */
  readonly largeTokens?: number;
}

/** Negative room is for the planner to tell of: what is short enough needs none. */
export function sizesFor(input: SizesInput): Sizes {
  const { window, overhead, factor = 1.1, softShare = 0.6, largeTokens = defaultLarge } = input;
  const reserve = Math.min(input.maxOutputTokens ?? mostReserve, mostReserve, Math.floor(window / 4));
  const hard = window - reserve;
  const room = hard - overhead;
  const fanOut = room < 16_000 ? 4 : 8;
  const region = Math.floor(room * regionShare);
  const fence = Math.ceil(fenceTokens * factor);
  // Levels are half full on average: where all are full at once, the region's limit merges them earlier.
  const firstCap = Math.max(leastCap, Math.floor((region * (1 - capRatio) * 1.5) / fanOut) - fence);
  const soft = Math.min(Math.floor(window * softShare), Math.floor(hard * 0.9));
  return {
    ...{ window, reserve, soft, hard, overhead, room, fence, fanOut, region },
    keep: Math.floor(room * 0.2),
    leafSource: Math.min(20_000, Math.max(leastLeafSource, Math.floor(room * 0.2))),
    leastSource: Math.ceil(leastLeafSource * Math.max(1, factor)),
    capOfLevel: (level) => Math.max(leastCap, Math.floor(firstCap * capRatio ** (level - 1))),
    large: Math.min(largeTokens, Math.floor(window * softShare)),
  };
}

/** Assumed where nobody knows a model's window: small enough to be true of almost all. */
export const assumedWindow = 32_768;
/** Above it, files and results of tools are shown as handles. */
export const defaultLarge = 25_000;

const mostReserve = 20_000;
const regionShare = 0.35;
const capRatio = 0.6;
/** Room for one sentence and two names. */
export const leastCap = 48;
const leastLeafSource = 240;
