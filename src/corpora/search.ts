/** Ranked passages of a corpus. Not there yet: it finds nothing. */
import type { GrepOptions, GrepPage, RankedSpan, SearchOptions } from "../core/corpus.ts";
import type { Part } from "./part.ts";

export type Grep = (pattern: string, options: GrepOptions, parts: readonly Part[]) => Promise<GrepPage>;

export class PassageSearch {
  constructor(_grep: Grep) {}

  async find(
    _parts: readonly Part[],
    _query: string,
    _options: SearchOptions,
  ): Promise<readonly RankedSpan[]> {
    return [];
  }

  async close(): Promise<void> {}
}
