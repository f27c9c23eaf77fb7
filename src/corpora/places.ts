/** Where a text came from within its file: the pages, slides, chapters or sections that it was taken from. Pure. */

/** Holds from `start`, in code points of the document, to the next place. */
export interface Place {
  readonly start: number;
  /** From 1, as a reader of the file counts. */
  readonly page?: number;
  /** For instance "slide 4" or "§ Tides". */
  readonly place?: string;
}

/** What a loader says of a text that it took out of a file. */
export interface LoadedFrom {
  /** For instance "PDF". */
  readonly format: string;
  /** The ending that a file with such text would have, for instance ".md". */
  readonly ending: string;
  /** Ascending. */
  readonly places: readonly Place[];
}

/** The last place that begins at or before `character`. */
export function placeAt(places: readonly Place[], character: number): Place | undefined {
  let low = 0;
  let high = places.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((places[middle]?.start ?? 0) <= character) low = middle + 1;
    else high = middle;
  }
  return places[low - 1];
}

/** For instance "12 pages, parted by lines of \f". */
export function placesLine(places: readonly Place[]): string | undefined {
  const pages = places.filter(({ page }) => page !== undefined).length;
  if (pages > 0) return `${pages} ${pages === 1 ? "page" : "pages, parted by lines of \\f"}`;
  const [word] = places.flatMap(({ place }) => /^(?:slide|chapter)(?= )/.exec(place ?? "")?.[0] ?? []);
  return word && `${places.length} ${word}${places.length === 1 ? "" : "s, parted by lines of \\f"}`;
}
