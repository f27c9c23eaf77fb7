/** The passages of a corpus that match a query best: indexed where it is small, else ranked among what ripgrep finds. */
import type { RankedSpan, SearchOptions } from "../core/corpus.ts";
import { findSome } from "./grep.ts";
import type { Part } from "./part.ts";
import { buildIndex } from "./passage-client.ts";
import type { RemoteIndex } from "./passage-client.ts";
import type { PassageHit, Region } from "./passage-index.ts";
import { expressionsOf, parseQuery, stemPattern } from "./query.ts";
import type { SearchQuery } from "./query.ts";
import type { ScanPlanner } from "./scan-plan.ts";
import { decodeText } from "./utf8.ts";

/** Above, an index would take seconds and hundreds of megabytes. */
const mostIndexedBytes = 64 * 1024 * 1024;

export class PassageSearch {
  readonly #parts: readonly Part[];
  readonly #planner: ScanPlanner;
  #index: Promise<RemoteIndex> | undefined;

  constructor(parts: readonly Part[], planner: ScanPlanner) {
    this.#parts = parts;
    this.#planner = planner;
  }

  async find(chosen: readonly Part[], query: string, options: SearchOptions): Promise<readonly RankedSpan[]> {
    const { signal, limit = 10 } = options;
    signal.throwIfAborted();
    const parsed = parseQuery(query);
    const size = this.#parts.reduce((sum, part) => sum + part.to - part.from, 0);
    const found =
      size <= mostIndexedBytes
        ? await this.#findIndexed(chosen, parsed, limit, signal)
        : await this.#findLarge(chosen, parsed, limit, signal);
    const hits = found.length > 0 ? found : await this.#findLiterally(chosen, query, parsed, limit, signal);
    const spans: RankedSpan[] = [];
    for (const hit of hits) spans.push(await spanOf(hit));
    return spans;
  }

  async close(): Promise<void> {
    const index = await this.#index?.catch(() => undefined); // What failed to be built needs no end.
    await index?.drop();
  }

  async #findIndexed(
    chosen: readonly Part[],
    query: SearchQuery,
    limit: number,
    signal: AbortSignal,
  ): Promise<Found[]> {
    this.#index ??= buildIndex(this.#parts.map((part) => regionOf(part, part.from, part.to)));
    const index = await untilAborted(this.#index, signal);
    const wanted = new Set(chosen);
    const regions =
      chosen === this.#parts ? undefined : this.#parts.flatMap((part, i) => (wanted.has(part) ? [i] : []));
    const hits = await untilAborted(rank(index, query, limit, regions), signal);
    return hits.flatMap((hit) => foundIn(this.#parts[hit.region], 0, hit));
  }

  /** The stretches around the rarer words, indexed for this one question. */
  async #findLarge(
    chosen: readonly Part[],
    query: SearchQuery,
    limit: number,
    signal: AbortSignal,
  ): Promise<Found[]> {
    const hits = await this.#candidates(chosen, query, signal);
    const windows = joined(hits.map(windowOf));
    if (windows.length === 0) return [];
    const index = await buildIndex(windows.map(({ part, from, to }) => regionOf(part, from, to)));
    try {
      const ranked = await untilAborted(rank(index, query, limit), signal);
      return ranked.flatMap((hit) => {
        const window = windows[hit.region];
        return window ? foundIn(window.part, window.from - window.part.from, hit) : [];
      });
    } finally {
      await index.drop();
    }
  }

  /**
   * Where the words with the fewest matches are; where even these are too common, where two of them are in one line. Each word is
   * looked for by itself: ripgrep is several times slower where it looks for a short one and others at once.
   */
  async #candidates(
    chosen: readonly Part[],
    { words, phrases }: SearchQuery,
    signal: AbortSignal,
  ): Promise<readonly Hit[]> {
    const patterns =
      phrases.length > 0 ? phrases.map(phrasePattern) : words.slice(0, mostWordsCounted).map(stemPattern);
    const find = async (pattern: string): Promise<Candidates> => {
      const hits = await findSome(chosen, pattern, { most: mostCandidates, signal }, this.#planner);
      return { pattern, hits };
    };
    const found = (await Promise.all(patterns.map(find))).filter(({ hits }) => hits.length > 0);
    if (phrases.length > 0) return inOrder(found, chosen);
    const rare = found
      .filter(({ hits }) => hits.length < mostCandidates)
      .sort((a, b) => a.hits.length - b.hits.length);
    if (rare.length === 0 && found.length > 1) return this.#togetherInLines(chosen, found, signal);
    let sum = 0;
    const fewest = rare.filter(({ hits }) => (sum += hits.length) <= mostCandidates);
    return inOrder(rare.length === 0 ? found : fewest, chosen);
  }

  /** The lines with both of the two words that are the least common: to count them all would take seconds. */
  async #togetherInLines(
    chosen: readonly Part[],
    common: readonly Candidates[],
    signal: AbortSignal,
  ): Promise<readonly Hit[]> {
    const [one = "", other = ""] = common
      .map(({ pattern, hits }) => ({ pattern, bytes: bytesSearched(hits) }))
      .sort((a, b) => b.bytes - a.bytes)
      .map(({ pattern }) => pattern);
    const together = `${one}.*${other}|${other}.*${one}`;
    return findSome(chosen, together, { most: mostCandidates, signal }, this.#planner);
  }

  /** Parts of words, names with signs in them: what an index of words does not hold. */
  async #findLiterally(
    chosen: readonly Part[],
    query: string,
    { words, phrases }: SearchQuery,
    limit: number,
    signal: AbortSignal,
  ): Promise<Found[]> {
    const longest = [...phrases, ...words].sort((a, b) => b.length - a.length).slice(0, 1);
    for (const text of new Set([query.trim(), ...longest])) {
      if (text === "") continue;
      const hits = await findSome(chosen, escaped(text), { most: limit * 10, signal }, this.#planner);
      const found = joined(await Promise.all(hits.map(windowOnPage))).slice(0, limit);
      if (found.length > 0) return found.map((window) => ({ ...window, score: 0 }));
    }
    return [];
  }
}

const mostCandidates = 3_000;
const mostWordsCounted = 6;
const windowBytes = 700;
const pageBreak = "\f\n";

interface Window {
  readonly part: Part;
  /** Bytes of the document. */
  readonly from: number;
  readonly to: number;
}

interface Candidates {
  readonly pattern: string;
  /** As many as there are, or mostCandidates. */
  readonly hits: readonly Hit[];
}

interface Found extends Window {
  readonly score: number;
}

async function rank(
  index: RemoteIndex,
  query: SearchQuery,
  limit: number,
  regions?: readonly number[],
): Promise<PassageHit[]> {
  const hits: PassageHit[] = [];
  for (const expression of expressionsOf(query)) {
    for (const hit of await index.find(expression, limit, regions)) {
      const isNew = hits.every(({ region, from }) => region !== hit.region || from !== hit.from);
      if (isNew && hits.length < limit) hits.push(hit);
    }
  }
  return hits;
}

function foundIn(part: Part | undefined, shift: number, { from, to, score }: PassageHit): Found[] {
  return part ? [{ part, from: part.from + shift + from, to: part.from + shift + to, score }] : [];
}

function regionOf(part: Part, from: number, to: number): Region {
  return { file: part.text.file, from: part.text.from + from, bytes: to - from };
}

interface Hit {
  readonly part: Part;
  /** Bytes of the document. */
  readonly start: number;
  readonly end: number;
}

/** The stretch that holds a hit and something around it. */
function windowOf({ part, start, end }: Hit): Window {
  return {
    part,
    from: Math.max(part.from, start - windowBytes),
    to: Math.min(part.to, Math.min(end, start + windowBytes) + windowBytes),
  };
}

/** The same within the page that the hit lies on: its page is what it is cited with. */
async function windowOnPage(hit: Hit): Promise<Window> {
  const { part, from, to } = windowOf(hit);
  if (!part.loaded) return { part, from, to };
  const bytes = await part.text.readBytes(from, to);
  const before = bytes.lastIndexOf(pageBreak, hit.start - from);
  const after = bytes.indexOf(pageBreak, Math.min(hit.end, to) - from);
  return {
    part,
    from: before < 0 ? from : from + before + pageBreak.length,
    to: after < 0 ? to : from + after,
  };
}

/** How far one had to read for as many hits. */
function bytesSearched(hits: readonly Hit[]): number {
  const lastInPart = new Map(hits.map(({ part, end }) => [part, end - part.from]));
  return [...lastInPart.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** All hits by where they are. */
function inOrder(found: readonly Candidates[], parts: readonly Part[]): readonly Hit[] {
  const order = new Map(parts.map((part, i) => [part, i]));
  const orderOf = ({ part }: Hit): number => order.get(part) ?? 0;
  return found.flatMap(({ hits }) => hits).sort((a, b) => orderOf(a) - orderOf(b) || a.start - b.start);
}

/** Windows in their order, those that overlap as one. */
function joined(windows: readonly Window[]): Window[] {
  const apart: Window[] = [];
  for (const window of windows) {
    const last = apart.at(-1);
    if (last && last.part === window.part && window.from <= last.to)
      apart[apart.length - 1] = { ...last, to: Math.max(last.to, window.to) };
    else apart.push(window);
  }
  return apart;
}

async function spanOf(found: Found): Promise<RankedSpan> {
  const { part, score } = found;
  const { start, end } = await wholeWords(found);
  return {
    documentId: part.document.id,
    start: await part.text.characterAt(start),
    end: await part.text.characterAt(end),
    text: decodeText(await part.text.readBytes(start, end)),
    line: await part.text.lineAt(start),
    score,
  };
}

/** Windows cut through words and even characters: the span begins and ends with what is whole. */
async function wholeWords({ part, from, to }: Found): Promise<{ start: number; end: number }> {
  const { text } = part;
  const before = await text.readBytes(Math.max(part.from, from - 1), Math.min(to, from + longestWord));
  const after = await text.readBytes(Math.max(from, to - longestWord), Math.min(part.to, to + 1));
  const cutsFirst = from > part.from && !isBlank(before[0]) && !isBlank(before[1]);
  const cutsLast = to < part.to && !isBlank(after.at(-1)) && !isBlank(after.at(-2));
  const firstBlank = cutsFirst ? before.indexOf(space) : -1;
  const lastBlank = cutsLast ? after.lastIndexOf(space) : -1;
  const start = firstBlank >= 0 ? from + firstBlank : await text.characterStart(from);
  const end = lastBlank >= 0 ? to + 1 - after.length + lastBlank : await text.characterStart(to);
  return { start, end };
}

const longestWord = 60;
const space = 0x20;

function isBlank(byte: number | undefined): boolean {
  return byte === space || byte === 0x0a || byte === 0x0d;
}

function phrasePattern(phrase: string): string {
  return phrase.trim().split(/\s+/).map(escaped).join("\\s+");
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|#\s]/g, "\\$&");
}

/** The work goes on, for the next who asks; only this one stops waiting. */
async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener("abort", abort);
  try {
    signal.throwIfAborted();
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
