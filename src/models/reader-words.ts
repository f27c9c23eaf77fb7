/** The words of a question and of a text, made comparable: without case, accents and inflections. Pure. */

/** Words as they are compared: lower case, no accents, split also inside camelCase. */
export function wordsOf(text: string): string[] {
  return rawWords(text).flatMap((word) => {
    const whole = stem(fold(word));
    const parts = word.split(/(?<=\p{Ll})(?=\p{Lu})|_/u);
    return parts.length < 2 ? [whole] : [whole, ...parts.map((part) => stem(fold(part)))];
  });
}

/** What a question asks about: its words but for those that every question has; each with how it is searched for. */
export interface Term {
  /** As it stands in the question. */
  readonly text: string;
  /** As `wordsOf` gives it; several words for a quoted phrase. */
  readonly stems: readonly string[];
  /** A regular expression, in the dialect of cells, that finds it and its inflections. */
  readonly pattern: string;
  /** Words that say the same in a text; as words, not stems. */
  readonly related: readonly string[];
}

/** At most `mostTerms`, in the order of the question. Quoted phrases come as one term. */
export function termsOf(question: string): Term[] {
  const terms = new Map<string, Term>();
  const add = (text: string, pattern: string): void => {
    const stems = wordsOf(text);
    if (stems.length > 0 && !terms.has(stems.join(" ")))
      terms.set(stems.join(" "), { text, stems, pattern, related: relatedTo(text) });
  };
  const rest = question.replaceAll(quotation, (_, phrase: string) => {
    add(phrase.trim(), phrase.trim().split(/\s+/).map(escapePattern).join("\\s+"));
    return " ";
  });
  for (const word of rawWords(rest)) {
    if (word.length < 2 && !/\p{N}/u.test(word) && !dense.test(word)) continue;
    if (!everyday.has(fold(word))) add(word, patternOf(word));
  }
  return [...terms.values()].slice(0, mostTerms);
}

export const mostTerms = 12;

/** Where a question uses one of these words, the text that answers it often uses another of the same line. */
const relations: readonly (readonly string[])[] = [
  ["born", "birth", "birthday"],
  ["die", "dies", "died", "death", "dead", "killed"],
  ["marry", "married", "marries", "marriage", "wife", "husband", "wedding"],
  ["father", "son", "daughter"],
  ["mother", "son", "daughter"],
  ["come", "comes", "native"],
  ["live", "lives", "lived", "home", "house"],
  ["author", "wrote", "written"],
  ["write", "wrote", "written", "author"],
  ["added", "since", "introduced"],
  ["return", "returns", "returned"],
  ["nickname", "nicknamed", "called"],
  ["cost", "costs", "price"],
  ["begin", "began", "start", "started"],
  ["lose", "lost", "loss"],
  ["fight", "fought", "battle"],
];

/** What is related to the first word of a line is meant by all of that line that is not so itself. */
export function relatedTo(word: string): string[] {
  const folded = fold(word);
  const own = stem(folded);
  const lines = relations.filter((line) =>
    line.slice(0, 3).some((other) => other === folded || stem(other) === own),
  );
  return [...new Set(lines.flat())].filter((other) => stem(other) !== own);
}

/** What stands in quotation marks. */
export const quotation: RegExp = /["“”«»„`]([^"“”«»„`\n]{1,120})["“”«»`]/g;

export function fold(text: string): string {
  return text.normalize("NFD").replaceAll(/\p{M}/gu, "").normalize("NFC").toLowerCase();
}

export function escapePattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|#\s-]/g, "\\$&");
}

/** Whether a word is of a script that is cut by dictionary, and not by spaces. */
export function isDense(word: string): boolean {
  return dense.test(word);
}

const dense =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const segmenter = new Intl.Segmenter(undefined, { granularity: "word" });

/** Scripts without spaces are cut into words by the dictionary that the runtime has. */
function rawWords(text: string): string[] {
  const words: string[] = text.match(/[\p{L}\p{N}\p{M}_]+/gu) ?? [];
  return words.flatMap((word) =>
    dense.test(word)
      ? [...segmenter.segment(word)].filter(({ isWordLike }) => isWordLike).map(({ segment }) => segment)
      : [word],
  );
}

function stem(word: string): string {
  return /^[a-z]{4,}$/.test(word) ? word.replace(endings, "") : word;
}

/** As the corpus's own search takes inflections together, so that counts and ranks mean the same words. */
const endings = /(?<=...)(?:ies|ied|es|ed|ing|s|y|e)$/;

function patternOf(word: string): string {
  const plain = word.toLowerCase();
  if (!/^[a-z]+$/.test(plain)) return /^\w/.test(word) ? `\\b${escapePattern(word)}` : escapePattern(word);
  return `\\b${stem(plain)}`;
}

/** Words that stand in questions of all kinds and tell nothing of what is asked. */
const everyday: ReadonlySet<string> = new Set(
  // English
  (
    "a about all also an and any are as at be been being but by can could did do does doing each for from get give given had has have he her hers him his how i if in into is it its " +
    "just many may me might more most much must my no not of off often on or our out please say says she should so some such tell than that the their them then there these they " +
    "this those to up us was we were what when where which while who whom whose why will with would you your according answer context document documents explain describe " +
    "file files find happen happened happens list mean meant meaning mention mentioned mentions name named question show text use used using " +
    // German, French, Spanish, Italian: the words questions begin with, and what is in every sentence
    "der die das den dem des ein eine einen einer eines und oder ist sind war waren wird wurde wer was wann wo wie wieviel wieviele viele welche welcher welches warum hat haben hatte im von zu mit auf " +
    "le la les un une des du de et ou est sont etait qui que quoi quand comment combien quel quelle quels quelles pourquoi dans sur avec " +
    "el los las una y es son era fue quien cuando donde como cuanto cuantos cuantas cual cuales por en con il lo gli che chi dove quando quanti quale perche " +
    // Chinese and Japanese
    "谁 誰 什么 甚麼 哪 哪里 哪个 何 多少 几 几个 怎么 为什么 吗 呢 的 了 是 在 有 か は が の を に で と も です ます だ した する ある いる いつ どこ なに なん なぜ どの どれ"
  ).split(" "),
);
