/** What a simulated model is like. Every number here is invented: none is fitted to any model, and reports must say so. */
import { z } from "zod";

export interface SimulatedSettings {
  readonly seed: number;
  /** Tokens of one request; what is above it is refused, or not seen. */
  readonly windowTokens: number;
  readonly overflow: "error" | "truncate";
  /** Chance to read an item rightly in a short prompt, and in an endless one. */
  readonly right: number;
  readonly least: number;
  /** Tokens after which the difference between the two has fallen to a third. */
  readonly decayTokens: number;
  /** How much worse the middle of a prompt is read than its ends, from 0 to 1. */
  readonly middle: number;
  /** Share of sub-call answers that break the form: lines left out, chatter around, cut short. */
  readonly formatErrors: number;
  readonly latencyMs: number;
  /** Every n-th call fails, in turn with each of these; 0 for never. */
  readonly faults: { readonly every: number; readonly kinds: readonly FaultKind[] };
  /** Summaries: the share of lines that is kept; an adversarial one drops what the question is about. */
  readonly summary: { readonly keeps: number; readonly adversarial: boolean };
}

const faultKinds = [
  "rateLimited",
  "serverError",
  "reset",
  "brokenJson",
  "emptyChoices",
  "nullContent",
] as const;
export type FaultKind = (typeof faultKinds)[number];

const share = z.number().min(0).max(1);
export const simulatedSchema: z.ZodType<SimulatedSettings> = z.strictObject({
  seed: z.number(),
  windowTokens: z.number().int().positive(),
  overflow: z.enum(["error", "truncate"]),
  right: share,
  least: share,
  decayTokens: z.number().positive(),
  middle: share,
  formatErrors: share,
  latencyMs: z.number().nonnegative(),
  faults: z.strictObject({ every: z.number().int().nonnegative(), kinds: z.array(z.enum(faultKinds)) }),
  summary: z.strictObject({ keeps: share, adversarial: z.boolean() }),
});

/** Reads all that fits its window without a mistake: what goes wrong is the machinery's. */
export const perfect: SimulatedSettings = {
  seed: 1,
  windowTokens: 131_072,
  overflow: "error",
  right: 1,
  least: 1,
  decayTokens: 1,
  middle: 0,
  formatErrors: 0,
  latencyMs: 0,
  faults: { every: 0, kinds: [] },
  summary: { keeps: 0.25, adversarial: false },
};

/** Reads worse the longer the prompt is, worst in its middle, and breaks the form of one answer in fifty. Synthetic. */
export const decaying: SimulatedSettings = {
  ...perfect,
  right: 0.995,
  least: 0.55,
  decayTokens: 60_000,
  middle: 0.25,
  formatErrors: 0.02,
};

/** Perfect reading behind a provider where every seventh call fails. */
export const faulty: SimulatedSettings = {
  ...perfect,
  faults: {
    every: 7,
    kinds: ["rateLimited", "serverError", "reset", "brokenJson", "emptyChoices", "nullContent"],
  },
};

/** Reads perfectly, but of what it sums up it keeps one line in ten. */
export const lossy: SimulatedSettings = { ...perfect, summary: { keeps: 0.1, adversarial: false } };

/** Reads perfectly, and sums up in bad faith: leaves out what will be asked for, gives nothing, too much, or orders. */
export const adversarial: SimulatedSettings = { ...perfect, summary: { keeps: 0.25, adversarial: true } };

export const profiles: Readonly<Record<string, SimulatedSettings>> = {
  perfect,
  decaying,
  faulty,
  lossy,
  adversarial,
};

/** Invented prices in US dollars per million tokens, so that cost curves have a scale. */
export const simulatedPrices = {
  "sim-root": { input: 1.25, output: 10 },
  "sim-leaf": { input: 0.25, output: 2 },
} as const;
