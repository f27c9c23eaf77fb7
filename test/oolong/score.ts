/** The benchmark's own way to judge an answer: from 0 to 1. Pure. */
import type { OolongQuestion } from "./dataset.ts";

export function scoreOolong({ type, gold }: OolongQuestion, answer: string): number {
  const given = reduce(answer);
  if (given === gold) return 1;
  if (type === "comparison") return comparisons.includes(given) && gold.includes(given) ? 1 : 0;
  if (type !== "numeric") return 0;
  const distance = Math.abs(Number(gold) - Number.parseInt(given, 10));
  return Number.isNaN(distance) ? 0 : 0.75 ** distance;
}

const comparisons: readonly string[] = ["more common", "less common", "same frequency"];

/** What stands after the last colon, without marks of emphasis; of a longer text, the comparison that it makes. */
function reduce(answer: string): string {
  const text = answer.trim();
  if (!text.includes(":")) return text.length < 20 ? text : (text.split(/\s+/).at(-1) ?? "");
  const last = text
    .slice(text.lastIndexOf(":") + 1)
    .replace(/[*[\]]/g, "")
    .trim();
  if (last.length < 20) return last;
  return comparisons.find((phrase) => last.includes(phrase)) ?? last;
}
