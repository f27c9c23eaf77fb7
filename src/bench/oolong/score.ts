/** OOLONG-synth's own way to judge an answer: from 0 to 1. Lenient variants that others use are not the same. Pure. */
import { readDate } from "./dates.ts";
import type { OolongQuestion } from "./window.ts";

export function scoreOolong({ type, gold }: Pick<OolongQuestion, "type" | "gold">, answer: string): number {
  const given = attemptedParse(answer);
  // A date is compared as a date alone: its gold has no form that an answer could equal.
  if (type !== "date" && given === gold) return 1;
  if (comparisons.includes(given)) return gold.includes(given) ? 1 : 0;
  if (type === "numeric") {
    const number = pythonInt(given);
    const wanted = pythonInt(gold);
    return number === undefined || wanted === undefined ? 0 : 0.75 ** Math.abs(wanted - number);
  }
  if (type === "date") return readDate(given) === gold ? 1 : 0;
  return 0;
}

const comparisons: readonly string[] = ["more common", "less common", "same frequency"];

/** What stands after the last colon, without marks of emphasis; of a longer text, the comparison that it makes. */
export function attemptedParse(answer: string): string {
  if (!answer.includes(":")) {
    if (Array.from(answer).length < 20) return answer;
    return answer.trim().split(/\s+/).at(-1) ?? "";
  }
  const last = answer
    .slice(answer.lastIndexOf(":") + 1)
    .trim()
    .replace(/[*[\]]/g, "");
  if (Array.from(last).length < 20) return last;
  return comparisons.find((phrase) => last.includes(phrase)) ?? last;
}

/** What Python's int() makes of a text; undefined where it raises. */
function pythonInt(text: string): number | undefined {
  const trimmed = text.trim();
  return /^[+-]?\d+(_\d+)*$/.test(trimmed) ? Number(trimmed.replaceAll("_", "")) : undefined;
}
