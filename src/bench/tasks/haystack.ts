/** Text to hide things in: public-domain books where a folder has some, else RULER's noise. Seeded. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { estimateTokens } from "../../core/tokens.ts";
import type { Random } from "../random.ts";

export const noise =
  "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again.";

/** The paragraphs of the books of a folder, or of its folder `books`; undefined where there are none. */
export function paragraphsIn(data: string | undefined): string[] | undefined {
  if (data === undefined) return undefined;
  const folder = [join(data, "books"), data].find((one) => existsSync(one) && booksIn(one).length > 0);
  if (folder === undefined) return undefined;
  return booksIn(folder).flatMap((name) =>
    readFileSync(join(folder, name), "utf8")
      .split(/\r?\n\s*\r?\n/)
      .map((paragraph) => paragraph.replace(/\s+/g, " ").trim())
      .filter((paragraph) => paragraph.length > 40),
  );
}

function booksIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => /\.(md|txt)$/.test(name))
    .sort();
}

/** Lines of about so many tokens in all, with each needle in a line of its own at a place of its own. */
export function hide(
  needles: readonly string[],
  tokens: number,
  lines: () => string,
  random: Random,
): string {
  const room = tokens - estimateTokens(needles.join("\n")) - 120;
  const hay: string[] = [];
  let used = 0;
  while (used < room) {
    const line = lines();
    used += estimateTokens(line) + 0.3;
    hay.push(line);
  }
  // From the end to the beginning, so that a place is not moved by the needles before it.
  const places = needles
    .map((needle) => ({ needle, at: random.whole(0, hay.length) }))
    .sort((a, b) => b.at - a.at);
  for (const { needle, at } of places) hay.splice(at, 0, needle);
  return hay.join("\n");
}

/** Gives one paragraph after the other, from a place of chance on, over and over; noise where there are none. */
export function lineSource(paragraphs: readonly string[] | undefined, random: Random): () => string {
  if (paragraphs === undefined || paragraphs.length === 0) return () => noise;
  let next = random.whole(0, paragraphs.length - 1);
  return () => paragraphs[next++ % paragraphs.length] ?? noise;
}

const adjectives =
  "amber ancient brisk calm clever cobalt crisp dapper eager faint gentle hollow humble ivory jolly keen lively mellow nimble odd placid quaint rapid silent stout tidy upbeat vivid wary zesty".split(
    " ",
  );
const nouns =
  "anchor basket beacon bridge candle canyon copper crater ember falcon garden harbor island jacket kettle ladder lantern meadow needle orchard pebble quarry ribbon saddle temple thimble valley walnut window yarn".split(
    " ",
  );

export function newKey(random: Random): string {
  return `${random.pick(adjectives)}-${random.pick(nouns)}-${random.whole(10, 99)}`;
}

export function codedWord(random: Random, length = 6): string {
  return Array.from({ length }, () => "abcdefghijklmnopqrstuvwxyz".charAt(random.whole(0, 25))).join("");
}
