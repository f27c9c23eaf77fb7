/** Finds what must be exact in a text: paths, addresses, ids, versions, numbers, quoted words, names. Pure. */

export type FactKind = "url" | "path" | "id" | "number" | "quote" | "name";

export interface Fact {
  readonly kind: FactKind;
  readonly text: string;
}

/** Every fact once, in order of first appearance. */
export function factsIn(text: string, kinds: readonly FactKind[] = allKinds): readonly Fact[] {
  const found = new Map<string, { fact: Fact; at: number }>();
  const taken = new Uint8Array(text.length);
  for (const kind of allKinds) {
    for (const match of text.matchAll(patterns[kind])) {
      const at = match.index + match[0].length - (match[1] ?? match[0]).length;
      const word = (match[1] ?? match[0]).replace(/[\s.,;:!?)\]}'"»”]+$/, "");
      // What is part of a path or an id is no number of its own.
      if (
        word.length === 0 ||
        abbreviations.has(word) ||
        word.length > longestFact ||
        taken[match.index] === 1
      )
        continue;
      taken.fill(1, match.index, match.index + match[0].length);
      if (kinds.includes(kind) && !found.has(word)) found.set(word, { fact: { kind, text: word }, at });
    }
  }
  return [...found.values()].sort((a, b) => a.at - b.at).map(({ fact }) => fact);
}

/** Facts of a text that its source doesn't have: invented ones, or ones that were copied wrongly. */
export function inventedFacts(text: string, source: string): readonly Fact[] {
  const known = plain(source);
  const numbers = new Set([...known.matchAll(/\d+(?:\.\d+)?/g)].map(([number]) => withoutZeros(number)));
  return factsIn(text, ["url", "path", "id", "number"]).filter(({ kind, text: fact }) => {
    const wanted = plain(fact);
    if (known.includes(wanted)) return false;
    if (kind !== "number") return !knownByItsEnd(wanted, known);
    const digits = withoutZeros(/\d+(?:\.\d+)?/.exec(wanted)?.[0] ?? "");
    // Small numbers are counts: "3 files" needn't be written anywhere.
    return digits.replace(/\D/g, "").length > 2 && !numbers.has(digits);
  });
}

/** The facts a label should not lose, most telling first. */
export function tellingFacts(text: string): readonly Fact[] {
  const facts = factsIn(text);
  const weight: Record<FactKind, number> = { id: 5, path: 5, number: 4, quote: 3, name: 2, url: 2 };
  return facts
    .map((fact, index) => ({
      fact,
      weight: weight[fact.kind] + lengthBonus(fact) - index / (4 * facts.length + 1),
    }))
    .filter(({ fact }) => fact.kind !== "number" || /\d.*\d.*\d|[$€£¥%.a-zA-Z]/.test(fact.text))
    .sort((a, b) => b.weight - a.weight)
    .map(({ fact }) => fact);
}

const allKinds: readonly FactKind[] = ["url", "path", "id", "quote", "number", "name"];
const longestFact = 160;
const abbreviations: ReadonlySet<string> = new Set(["e.g", "i.e", "z.B", "d.h", "p.ex"]);

const patterns: Record<FactKind, RegExp> = {
  url: /\b(?:https?|ftp|ssh|git|wss?):\/\/[^\s<>"'`)\]}]{3,}/gi,
  // Two steps or an extension: "src/a", "./x", "~/y.txt", "C:\\z", "plan.test.ts".
  path: /(?<![\w@/.-])(?:(?:~|\.{1,2}|[A-Za-z]:)?[\\/])?(?:[\w@.+-]+[\\/])+[\w@.+-]*\w|(?<![\w@/.-])[\w-]+(?:\.[\w-]+)*\.(?:[a-z]{1,5}\d?|[A-Z]{2,4})\b(?![(\w])/g,
  // Letters with digits or underscores between: commits, tickets, variables, versions, times, mail addresses.
  id: /(?<![\w.-])(?:[\w.+-]+@[\w-]+\.[\w.]+|(?=[A-Za-z_-]*\d)(?=[\d_-]*[A-Za-z])[A-Za-z0-9]+(?:[_-][A-Za-z0-9]+)+|(?=[a-z]*\d)(?=\d*[a-z])[a-z0-9]{5,}|[A-Z]{1,6}\d+|v\d+(?:\.\d+)+|\d+(?:\.\d+){2,}|[A-Za-z]+(?:_[A-Za-z0-9]+)+|[a-z]+(?:[A-Z][a-z0-9]+)+|#\d+)\b/g,
  quote: /["“«]([^"“”«»\n]{2,60})["”»]|`([^`\n]{2,60})`/g,
  number:
    /(?<![\w.])[$€£¥]?\d{1,3}(?:[,_' ]\d{3})+(?:\.\d+)?%?|(?<![\w.])[$€£¥]?\d+(?:[.:]\d+)?\s?(?:%|[kMGT]i?B|ms|s|min|h|USD|EUR)?(?![\w])/g,
  name: /(?<=[\p{Ll}\p{N},;)]\s)\p{Lu}[\p{L}\p{N}'’-]+(?:\s\p{Lu}[\p{L}\p{N}'’-]+){0,3}/gu,
};

function lengthBonus({ text }: Fact): number {
  return Math.min(text.length, 24) / 48;
}

/** A path may be told by its last step alone. */
function knownByItsEnd(wanted: string, known: string): boolean {
  const end = wanted.split(/[\\/]/).at(-1) ?? "";
  return end.length > 3 && end !== wanted && known.includes(end);
}

function plain(text: string): string {
  return text
    .toLowerCase()
    .replace(/(?<=\d)[,_'   ](?=\d{3}(?!\d))/g, "")
    .replace(/\\\\/g, "\\");
}

function withoutZeros(number: string): string {
  const trimmed = number.includes(".") ? number.replace(/\.?0+$/, "") : number;
  return trimmed.replace(/^0+(?=\d)/, "");
}
