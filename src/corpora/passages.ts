/** Cuts a text into passages of about a page's paragraph, at the best place that is near. Pure: bytes in, ranges out. */
import { characterStart } from "./utf8.ts";

export interface Passage {
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

const leastBytes = 600;
const mostBytes = 1_600;
const leastBytesBeforeHeading = 200;

/** Passages in order, without the blanks around them. */
export function* passagesOf(bytes: Buffer): Generator<Passage> {
  for (let from = 0; from < bytes.length;) {
    const to = endOfPassage(bytes, from);
    const passage = withoutBlanks(bytes, from, to);
    if (passage.to > passage.from) yield passage;
    from = to;
  }
}

/** Before a page or a heading, else after a paragraph, a line, a sentence or a word; within a word where there is nothing else. */
function endOfPassage(bytes: Buffer, from: number): number {
  const near = bytes.subarray(from, from + mostBytes);
  // A passage lies on one page, however short: its page is what it is cited with.
  const page = near.indexOf("\f", 1);
  const heading = near.indexOf("\n#", leastBytesBeforeHeading);
  if (page >= 0 && (heading < 0 || page < heading)) return from + page;
  if (heading >= 0) return from + heading + 1;
  if (bytes.length - from <= mostBytes) return bytes.length;
  for (const separator of separators) {
    const at = near.lastIndexOf(separator);
    if (at >= leastBytes) return from + at + separator.length;
  }
  return characterStart(bytes, from + mostBytes);
}

const separators = ["\n\n", "\n\r\n", "\n", ". ", " "];

function withoutBlanks(bytes: Buffer, start: number, end: number): Passage {
  let from = start;
  let to = end;
  while (from < to && isBlank(bytes[from])) from++;
  while (to > from && isBlank(bytes[to - 1])) to--;
  return { from, to };
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || (byte !== undefined && byte >= 0x09 && byte <= 0x0d);
}
