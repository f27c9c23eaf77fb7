/** Porter's stemmer in the form of NLTK's default, which LoCoMo's scorer uses. Pure; English only. */

export function stem(text: string): string {
  const word = text.toLowerCase();
  const known = irregular.get(word);
  if (known !== undefined) return known;
  if (word.length <= 2) return word;
  return step5b(step5a(step4(step3(step2(step1c(step1b(step1a(word))))))));
}

const irregular: ReadonlyMap<string, string> = new Map(
  Object.entries({
    sky: "sky",
    skies: "sky",
    dying: "die",
    lying: "lie",
    tying: "tie",
    news: "news",
    innings: "inning",
    inning: "inning",
    outings: "outing",
    outing: "outing",
    cannings: "canning",
    canning: "canning",
    howe: "howe",
    proceed: "proceed",
    exceed: "exceed",
    succeed: "succeed",
  }),
);

type Rule = readonly [suffix: string, replacement: string, condition?: (stem: string) => boolean];

/** The first rule whose suffix fits decides, even where its condition does not hold. */
function apply(word: string, rules: readonly Rule[]): string {
  for (const [suffix, replacement, condition] of rules) {
    if (suffix === "*d") {
      if (endsDouble(word)) return condition?.(word.slice(0, -2)) === false ? word : word.slice(0, -1);
      continue;
    }
    if (!word.endsWith(suffix)) continue;
    const rest = word.slice(0, word.length - suffix.length);
    return condition === undefined || condition(rest) ? rest + replacement : word;
  }
  return word;
}

function isConsonant(word: string, index: number): boolean {
  const letter = word.charAt(index);
  if ("aeiou".includes(letter)) return false;
  return letter === "y" ? index === 0 || !isConsonant(word, index - 1) : true;
}

function measure(word: string): number {
  const form = Array.from(word, (_, index) => (isConsonant(word, index) ? "c" : "v")).join("");
  return form.match(/v+c+/g)?.length ?? 0;
}

const hasVowel = (word: string): boolean => Array.from(word).some((_, index) => !isConsonant(word, index));
const isLong = (word: string): boolean => measure(word) > 0;
const isLonger = (word: string): boolean => measure(word) > 1;

function endsDouble(word: string): boolean {
  return word.length >= 2 && word.at(-1) === word.at(-2) && isConsonant(word, word.length - 1);
}

function endsShort(word: string): boolean {
  const n = word.length;
  if (n === 2) return !isConsonant(word, 0) && isConsonant(word, 1);
  return (
    n >= 3 &&
    isConsonant(word, n - 3) &&
    !isConsonant(word, n - 2) &&
    isConsonant(word, n - 1) &&
    !"wxy".includes(word.charAt(n - 1))
  );
}

function step1a(word: string): string {
  if (word.endsWith("ies") && word.length === 4) return `${word.slice(0, -3)}ie`;
  return apply(word, [
    ["sses", "ss"],
    ["ies", "i"],
    ["ss", "ss"],
    ["s", ""],
  ]);
}

function step1b(word: string): string {
  if (word.endsWith("ied")) return word.slice(0, -3) + (word.length === 4 ? "ie" : "i");
  if (word.endsWith("eed")) return isLong(word.slice(0, -3)) ? `${word.slice(0, -3)}ee` : word;
  const suffix = ["ed", "ing"].find(
    (one) => word.endsWith(one) && hasVowel(word.slice(0, word.length - one.length)),
  );
  if (suffix === undefined) return word;
  const rest = word.slice(0, word.length - suffix.length);
  for (const end of ["at", "bl", "iz"]) if (rest.endsWith(end)) return `${rest}e`;
  if (endsDouble(rest)) return "lsz".includes(rest.at(-1) ?? "") ? rest : rest.slice(0, -1);
  return measure(rest) === 1 && endsShort(rest) ? `${rest}e` : rest;
}

function step1c(word: string): string {
  return apply(word, [["y", "i", (rest) => rest.length > 1 && isConsonant(rest, rest.length - 1)]]);
}

function step2(word: string): string {
  if (word.endsWith("alli") && isLong(word.slice(0, -4))) return step2(`${word.slice(0, -4)}al`);
  const rules: Rule[] = [
    ["ational", "ate", isLong],
    ["tional", "tion", isLong],
    ["enci", "ence", isLong],
    ["anci", "ance", isLong],
    ["izer", "ize", isLong],
    ["bli", "ble", isLong],
    ["entli", "ent", isLong],
    ["eli", "e", isLong],
    ["ousli", "ous", isLong],
    ["ization", "ize", isLong],
    ["ation", "ate", isLong],
    ["ator", "ate", isLong],
    ["alism", "al", isLong],
    ["iveness", "ive", isLong],
    ["fulness", "ful", isLong],
    ["ousness", "ous", isLong],
    ["aliti", "al", isLong],
    ["iviti", "ive", isLong],
    ["biliti", "ble", isLong],
    ["fulli", "ful", isLong],
    ["logi", "log", () => isLong(word.slice(0, -3))],
  ];
  return apply(word, rules);
}

function step3(word: string): string {
  return apply(word, [
    ["icate", "ic", isLong],
    ["ative", "", isLong],
    ["alize", "al", isLong],
    ["iciti", "ic", isLong],
    ["ical", "ic", isLong],
    ["ful", "", isLong],
    ["ness", "", isLong],
  ]);
}

function step4(word: string): string {
  const plain = (suffix: string): Rule => [suffix, "", isLonger];
  return apply(word, [
    ...["al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent"].map(plain),
    ["ion", "", (rest) => isLonger(rest) && /[st]$/.test(rest)],
    ...["ou", "ism", "ate", "iti", "ous", "ive", "ize"].map(plain),
  ]);
}

function step5a(word: string): string {
  if (!word.endsWith("e")) return word;
  const rest = word.slice(0, -1);
  return isLonger(rest) || (measure(rest) === 1 && !endsShort(rest)) ? rest : word;
}

function step5b(word: string): string {
  return word.endsWith("ll") && isLonger(word.slice(0, -1)) ? word.slice(0, -1) : word;
}
