/** Python's difflib.SequenceMatcher.ratio(), junk heuristic included: how OpenAI-MRCR and its kin compare texts. Pure. */

/** From 0 to 1. Works on code points, as Python does. */
export function sequenceRatio(first: string, second: string): number {
  const a = Array.from(first);
  const b = Array.from(second);
  const length = a.length + b.length;
  return length === 0 ? 1 : (2 * matchingCharacters(a, b)) / length;
}

/** MRCR: the answer must begin with the required prefix; what follows is compared. */
export function scoreMrcr(gold: string, prefix: string, answer: string): number {
  if (!answer.startsWith(prefix)) return 0;
  const bare = (text: string): string => (text.startsWith(prefix) ? text.slice(prefix.length) : text);
  return sequenceRatio(bare(answer), bare(gold));
}

function matchingCharacters(a: readonly string[], b: readonly string[]): number {
  const places = placesOf(b);
  const open: (readonly [number, number, number, number])[] = [[0, a.length, 0, b.length]];
  let matched = 0;
  for (let part = open.pop(); part !== undefined; part = open.pop()) {
    const [aFrom, aTo, bFrom, bTo] = part;
    const [i, j, size] = longestMatch(a, b, places, part);
    if (size === 0) continue;
    matched += size;
    if (aFrom < i && bFrom < j) open.push([aFrom, i, bFrom, j]);
    if (i + size < aTo && j + size < bTo) open.push([i + size, aTo, j + size, bTo]);
  }
  return matched;
}

/** Where each character stands; in a text of 200 or more, those that are over one per cent of it are left out. */
function placesOf(b: readonly string[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  for (const [index, character] of b.entries()) {
    const list = places.get(character);
    if (list) list.push(index);
    else places.set(character, [index]);
  }
  if (b.length >= 200) {
    const most = Math.floor(b.length / 100) + 1;
    for (const [character, list] of places) if (list.length > most) places.delete(character);
  }
  return places;
}

function longestMatch(
  a: readonly string[],
  b: readonly string[],
  places: ReadonlyMap<string, readonly number[]>,
  [aFrom, aTo, bFrom, bTo]: readonly [number, number, number, number],
): readonly [i: number, j: number, size: number] {
  let [bestI, bestJ, size] = [aFrom, bFrom, 0];
  let lengths = new Map<number, number>();
  for (let i = aFrom; i < aTo; i++) {
    const next = new Map<number, number>();
    for (const j of places.get(a[i] ?? "") ?? []) {
      if (j < bFrom) continue;
      if (j >= bTo) break;
      const k = (lengths.get(j - 1) ?? 0) + 1;
      next.set(j, k);
      if (k > size) [bestI, bestJ, size] = [i - k + 1, j - k + 1, k];
    }
    lengths = next;
  }
  // Characters that were left out as too common still lengthen a match at its ends.
  while (bestI > aFrom && bestJ > bFrom && a[bestI - 1] === b[bestJ - 1])
    [bestI, bestJ, size] = [bestI - 1, bestJ - 1, size + 1];
  while (bestI + size < aTo && bestJ + size < bTo && a[bestI + size] === b[bestJ + size]) size++;
  return [bestI, bestJ, size];
}
