/** LoCoMo's scorer: F1 of stemmed words by category of question. From 0 to 1; pure. */
import { stem } from "./porter.ts";

/** Categories: 1 several hops, 2 time, 3 open, 4 one hop, 5 adversarial. */
export function scoreLocomo(gold: string, category: number, answer: string): number {
  if (category === 5) {
    const text = answer.toLowerCase();
    return text.includes("no information available") || text.includes("not mentioned") ? 1 : 0;
  }
  if (category === 1) return severalParts(answer, gold);
  return wordF1(answer, category === 3 ? (gold.split(";")[0] ?? "").trim() : gold);
}

/** For each part of the gold the part of the answer that fits it best, on average. */
function severalParts(answer: string, gold: string): number {
  const given = answer.split(",").map((part) => part.trim());
  const wanted = gold.split(",").map((part) => part.trim());
  return (
    wanted.reduce((sum, part) => sum + Math.max(...given.map((one) => wordF1(one, part))), 0) / wanted.length
  );
}

export function wordF1(answer: string, gold: string): number {
  const given = words(answer);
  const wanted = words(gold);
  const left = new Map<string, number>();
  for (const word of wanted) left.set(word, (left.get(word) ?? 0) + 1);
  let same = 0;
  for (const word of given) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    left.set(word, count - 1);
    same++;
  }
  return same === 0 ? 0 : (2 * same) / (given.length + wanted.length);
}

function words(text: string): string[] {
  const bare = text
    .replaceAll(",", "")
    .toLowerCase()
    .replace(/[!-/:-@[-`{-~]/g, "")
    .replace(/\b(a|an|the|and)\b/g, " ");
  return bare
    .split(/\s+/)
    .filter((word) => word !== "")
    .map(stem);
}
