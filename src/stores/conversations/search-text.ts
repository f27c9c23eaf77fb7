/** The form in which texts are indexed, and what of a query an index can look up. Pure. */

/**
 * One form for all that differs by case only. What a piece of a text becomes does not depend on what is around it, so
 * that a part of a text is a part of the text's form as well.
 */
export function caseless(text: string): string {
  if (isAscii.test(text)) return text.toLowerCase();
  // Thrice, since ẞ, ſ and their like meet the letters they are equal to in the one case only or the other.
  return text.toLowerCase().toUpperCase().toLowerCase().replaceAll("ς", "σ");
}

const isAscii = /^[\0-\x7f]*$/;

/** What the index of three-character sequences is given. NUL, which it would pass over, and halves of characters become �. */
export function indexedText(text: string): string {
  return caseless(text).replaceAll("\0", "\ufffd").toWellFormed();
}

/**
 * The sequences of three characters that any text with this piece in it has: a few of them, spread over it. Empty for
 * a piece that is too short to be looked up.
 */
export function trigramsOf(piece: string): readonly string[] {
  // A half of a character at either end may be another half in the text that it was cut from.
  const whole = piece.replace(/^[\udc00-\udfff]/, "").replace(/[\ud800-\udbff]$/, "");
  const characters = Array.from(indexedText(whole));
  const all = new Set<string>();
  for (let i = 0; i + 3 <= characters.length; i++) all.add(characters.slice(i, i + 3).join(""));
  const sequences = [...all];
  const step = Math.max(1, sequences.length / mostTrigrams);
  return sequences.filter((_, index) => Math.floor(index / step) !== Math.floor((index - 1) / step));
}

/** More would cost more to intersect than they rule out. */
const mostTrigrams = 16;

/**
 * What the index of words is given. Scripts without spaces become overlapping pairs of characters, the last one of a
 * stretch also alone: each character then begins some word.
 */
export function spacedWords(text: string): string {
  return text.toWellFormed().replaceAll(denseStretch, (stretch) => {
    const characters = Array.from(stretch);
    const pairs = characters.map((character, index) => character + (characters[index + 1] ?? ""));
    return ` ${pairs.join(" ")} `;
  });
}

/** Words to look up, each once; a single character of a dense script stands for all that begin with it. */
export function wordsOf(query: string): readonly { readonly word: string; readonly isPrefix: boolean }[] {
  const words = new Map<string, { word: string; isPrefix: boolean }>();
  const stretches = query.toWellFormed().split(new RegExp(`(${denseStretch.source})`, "gu"));
  for (const stretch of stretches) {
    const characters = Array.from(stretch);
    if (!isDense.test(stretch)) stretch.match(anyWord)?.forEach((word) => add(word));
    else if (characters.length === 1) add(stretch, true);
    else characters.slice(1).forEach((character, index) => add(`${characters[index]}${character}`));
  }
  return [...words.values()];

  function add(word: string, isPrefix = false): void {
    const lower = word.toLowerCase();
    if (!words.has(lower)) words.set(lower, { word, isPrefix });
  }
}

/** True for exactly two characters that stand next to each other in an indexed pair wherever they do in a text. */
export function isDensePair(text: string): boolean {
  return /^(?:[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]){2}$/u.test(text);
}

export const anyWord: RegExp = /[\p{L}\p{N}\p{M}\p{Co}]+/gu;
const dense =
  "[\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Hangul}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}]";
const denseStretch = new RegExp(`${dense}+`, "gu");
const isDense = new RegExp(`^${dense}+$`, "u");
