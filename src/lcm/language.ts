/** Tells in which script, and for the large Latin languages in which words, a text is written. Pure and rough. */

/** False where a label is clearly written otherwise than its source: another script, or another language. */
export function sharesLanguage(text: string, source: string): boolean {
  const [own, its] = [dominantScript(text), dominantScript(source)];
  if (own !== undefined && its !== undefined && own !== its) return shareOf(text, its) > leastShare;
  if (its !== "Latin") return true;
  const [ownLanguage, itsLanguage] = [languageOf(text), languageOf(source)];
  return ownLanguage === undefined || itsLanguage === undefined || ownLanguage === itsLanguage;
}

// A label in Latin letters of a Chinese talk about code still has some Chinese in it.
const leastShare = 0.15;

const scripts = {
  Latin: /\p{Script=Latin}/gu,
  Han: /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}/gu,
  Hangul: /\p{Script=Hangul}/gu,
  Cyrillic: /\p{Script=Cyrillic}/gu,
  Arabic: /\p{Script=Arabic}/gu,
  Hebrew: /\p{Script=Hebrew}/gu,
  Greek: /\p{Script=Greek}/gu,
  Devanagari: /\p{Script=Devanagari}/gu,
  Thai: /\p{Script=Thai}/gu,
} as const;
type ScriptName = keyof typeof scripts;

// A Chinese character says as much as several letters.
const weights: Partial<Record<ScriptName, number>> = { Han: 3, Hangul: 2 };

function counts(text: string): ReadonlyMap<ScriptName, number> {
  const sample = sampled(text);
  const counted = new Map<ScriptName, number>();
  for (const name of Object.keys(scripts) as ScriptName[])
    counted.set(name, (sample.match(scripts[name])?.length ?? 0) * (weights[name] ?? 1));
  return counted;
}

function dominantScript(text: string): ScriptName | undefined {
  const counted = counts(text);
  const all = [...counted.values()].reduce((sum, n) => sum + n, 0);
  if (all < 40) return undefined;
  for (const [name, n] of counted) if (n > all * 0.6) return name;
  return undefined;
}

function shareOf(text: string, script: ScriptName): number {
  const counted = counts(text);
  const all = [...counted.values()].reduce((sum, n) => sum + n, 0);
  return all === 0 ? 1 : (counted.get(script) ?? 0) / all;
}

const functionWords = {
  en: "the and of to in is that for it with was on are this be have not you",
  de: "der die und das ist nicht ein eine den mit zu von für auf ich sie wir auch",
  fr: "le la les et des est une dans que pour pas sur qui vous nous avec du au",
  es: "el la los las que y en es una por para con no se del como más pero",
  it: "il che di e la per un non è sono con una del della gli anche più",
  pt: "o que e de da do em um uma para não com os as por mais são",
  nl: "de het een en van is dat niet in op te zijn voor met ook wij",
} as const;
const wordSets = Object.entries(functionWords).map(
  ([name, words]) => [name, new Set(words.split(" "))] as const,
);

/** Undefined where there are too few words, or two languages are close. */
function languageOf(text: string): string | undefined {
  const words =
    sampled(text)
      .toLowerCase()
      .match(/\p{L}+/gu) ?? [];
  const scores = wordSets
    .map(([name, set]) => ({ name, score: words.reduce((sum, word) => sum + (set.has(word) ? 1 : 0), 0) }))
    .sort((a, b) => b.score - a.score);
  const [best, second] = scores;
  if (!best || best.score < 8 || best.score < words.length * 0.08) return undefined;
  return best.score > (second?.score ?? 0) * 1.6 ? best.name : undefined;
}

function sampled(text: string): string {
  if (text.length <= 12_000) return text;
  const middle = Math.floor(text.length / 2);
  return text.slice(0, 4_000) + text.slice(middle - 2_000, middle + 2_000) + text.slice(-4_000);
}
