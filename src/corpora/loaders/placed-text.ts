/** Builds a text of parts and remembers where each began, in code points. Pure. */
import type { Place } from "../places.ts";

export class PlacedText {
  readonly places: Place[] = [];
  readonly #pieces: string[] = [];
  #characters = 0;

  /** What follows lies there. */
  begin(place: Omit<Place, "start">): void {
    this.places.push({ start: this.#characters, ...place });
  }

  append(text: string): void {
    this.#pieces.push(text);
    this.#characters += countCodePoints(text);
  }

  toString(): string {
    return this.#pieces.join("");
  }
}

/** Pages, slides or chapters, parted by lines of a form feed, as printers have it. */
export function joinPlaces(
  parts: readonly { readonly text: string; readonly place: Omit<Place, "start"> }[],
): PlacedText {
  const joined = new PlacedText();
  for (const [i, { text, place }] of parts.entries()) {
    if (i > 0) joined.append("\n\f\n");
    joined.begin(place);
    joined.append(text);
  }
  joined.append("\n");
  return joined;
}

/** The sections of a Markdown text; none where it has no headings, and its lines are all there is to go by. */
export function headingPlaces(markdown: string): Place[] {
  const places = headingsIn(markdown).map(({ start, heading }) => ({ start, place: `§ ${heading}` }));
  const [first] = places;
  return first && first.start > 0 ? [{ start: 0, place: "§ beginning" }, ...places] : places;
}

export function headingsIn(markdown: string): { readonly start: number; readonly heading: string }[] {
  const headings: { start: number; heading: string }[] = [];
  let start = 0;
  let inCode = false;
  for (const line of markdown.split("\n")) {
    if (line.startsWith("```")) inCode = !inCode;
    const heading = inCode ? undefined : /^#{1,6} +(.*\S)/.exec(line)?.[1];
    if (heading !== undefined) headings.push({ start, heading: plain(heading) });
    start += countCodePoints(line) + 1;
  }
  return headings;
}

/** A heading without the marks of Markdown, as it is read. */
function plain(heading: string): string {
  const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").replace(/\\(.)|[*_`]+/g, "$1");
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

function countCodePoints(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0xd800 && code <= 0xdbff && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      count--;
      i++;
    }
  }
  return count;
}
