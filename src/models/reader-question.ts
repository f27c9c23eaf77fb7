/** What kind of answer a question asks for, told by its first words. Pure; it knows no text. */
import { fold } from "./reader-words.ts";

export type Expected = "person" | "time" | "number" | "place" | "definition" | "anything";

export function expectedBy(question: string): Expected {
  const asked = fold(question);
  const found = signs.find(([, sign]) => sign.test(asked));
  return found ? found[0] : "anything";
}

const signs: readonly (readonly [Expected, RegExp])[] = [
  ["person", /\b(who|whom|whose|wer|wen|wem|quien|qui)\b|\bname of the (man|woman|person|author|captain)\b/],
  ["time", /\b(when|wann|quand|cuando|what (year|date|day|time|month)|which (year|day|month))\b/],
  [
    "number",
    /\b(how (many|much|old|long|far|tall|large|big|often)|wie ?(viele?|alt|lang)|combien|cuant[oa]s?|(what|which)\b.{0,20}\b(number|percentage|port|size|version|codes?|default|value))\b/,
  ],
  ["place", /\b(where|wo|wohin|woher|donde|ou est|what (city|town|country|place))\b/],
  ["definition", /^\W*(what|which|was|que|qu)\b.{0,12}\b(is|are|was|were|does|do|mean|ist|sind|est|es)\b/],
];

/** Whether a text holds something of the kind expected that the question did not bring itself. */
export function holds(expected: Expected, text: string, questionWords: ReadonlySet<string>): boolean {
  switch (expected) {
    case "person":
      return [...text.matchAll(/(?<![.!?"“]\s{0,3})(?<!^)\b\p{Lu}\p{L}+/gu)].some(
        ([name]) => !questionWords.has(fold(name)) && !/^(I|The|He|She|It)$/.test(name),
      );
    case "time":
      return timePattern.test(text);
    case "number":
      return /\p{N}/u.test(text) || numberWords.test(text);
    case "place":
      return [
        ...text.matchAll(/\b(?:in|at|near|from|to|into|of|nach|aus|bei)\s+(?:the\s+)?(\p{Lu}\p{L}+)/gu),
      ].some(([, name = ""]) => !questionWords.has(fold(name)));
    case "definition":
    case "anything":
      return false;
  }
}

const timePattern =
  /\b(1\d{3}|20\d\d)\b|\b\d{1,2}[:.]\d{2}\b|\b(january|february|march|april|may|june|july|august|september|october|november|december|monday|tuesday|wednesday|thursday|friday|saturday|sunday|o'clock|century|(twenty|thirty)-\w+th|\w+teenth|januar|februar|märz|mai|juni|juli|oktober|dezember)\b/i;
const numberWords =
  /\b(two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|dozen|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|hundert|tausend)\b/i;
