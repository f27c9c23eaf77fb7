/** A text of any size to measure on: the same words each time, with ten needles that are easy to count. */
import { closeSync, openSync, writeSync } from "node:fs";

/** Writes paragraphs of words in a fixed pseudo-random order, with a needle in each tenth of the file. */
export function writeLargeText(path: string, megabytes: number): void {
  const words =
    "the whale sea of a ship captain and mast storm harbour to in wind sailor rope he that with lantern night water café".split(
      " ",
    );
  let seed = 42;
  const next = (most: number): number => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % most;
  const file = openSync(path, "w");
  let written = 0;
  for (let tenth = 0; tenth < 10; tenth++) {
    while (written < ((tenth + 1) * megabytes * 1_000_000) / 10) {
      let block = "";
      while (block.length < 1_000_000) {
        const line = Array.from({ length: 8 + next(8) }, () => words[next(words.length)]).join(" ");
        block += line + (next(6) === 0 ? "\n\n" : "\n");
      }
      written += writeSync(file, block);
    }
    written += writeSync(file, `A NEEDLE-${tenth} in a haystack.\n`);
  }
  closeSync(file);
}
