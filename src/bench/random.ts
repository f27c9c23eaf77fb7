/** Seeded chance: the same seed gives the same data on every machine. Not for secrets. */
import { createHash } from "node:crypto";

export class Random {
  #state: number;

  constructor(seed: number | string) {
    this.#state = typeof seed === "number" ? seed >>> 0 : hash32(seed);
  }

  /** From 0 to below 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number from `least` to `most`, both included. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  pick<Value>(values: readonly Value[]): Value {
    const value = values[this.whole(0, values.length - 1)];
    if (value === undefined) throw new Error("There is nothing to pick from.");
    return value;
  }

  /** A new list in another order (Fisher-Yates). */
  shuffle<Value>(values: readonly Value[]): Value[] {
    const shuffled = [...values];
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = this.whole(0, i);
      const [a, b] = [shuffled[i], shuffled[j]];
      if (a === undefined || b === undefined) continue;
      shuffled[i] = b;
      shuffled[j] = a;
    }
    return shuffled;
  }

  sample<Value>(values: readonly Value[], count: number): Value[] {
    return this.shuffle(values).slice(0, count);
  }
}

/** A number from 0 to below 1 that depends on the text alone. */
export function drawOf(text: string): number {
  return hash32(text) / 4_294_967_296;
}

function hash32(text: string): number {
  return createHash("sha256").update(text).digest().readUInt32LE(0);
}
