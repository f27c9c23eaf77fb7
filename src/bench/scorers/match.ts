/** The small official scorers: RULER's string match, LongBench v2's letter, LoCoDiff's exact text, GraphWalks' set. From 0 to 1; pure. */

/** RULER: the share of references that stand in the answer, letter case aside. */
export function stringMatchAll(references: readonly string[], answer: string): number {
  const text = answer.toLowerCase();
  const found = references.filter((reference) => text.includes(reference.toLowerCase())).length;
  return references.length === 0 ? 0 : found / references.length;
}

/** RULER's questions and answers: one reference is enough. */
export function stringMatchPart(references: readonly string[], answer: string): number {
  const text = answer.toLowerCase();
  return references.some((reference) => text.includes(reference.toLowerCase())) ? 1 : 0;
}

/** LongBench v2: "The correct answer is (B)", with or without parentheses; undefined where there is none. */
export function extractLetter(answer: string): string | undefined {
  const text = answer.replaceAll("*", "");
  return (
    /The correct answer is \(([A-D])\)/.exec(text)?.[1] ?? /The correct answer is ([A-D])/.exec(text)?.[1]
  );
}

export function scoreChoice(gold: string, answer: string): number {
  return extractLetter(answer) === gold ? 1 : 0;
}

/** LoCoDiff: the text between the first and the last fence, or all of it; equal but for space around it. */
export function scoreExactText(gold: string, answer: string): number {
  const fenced = /^[^\n]*?```[^\n]*\n([\s\S]*?)\n?```\s*$/.exec(answer.trim())?.[1];
  return (fenced ?? answer).trim() === gold.trim() ? 1 : 0;
}

/** GraphWalks: F1 of the set on the last line "Final Answer: [a, b]"; two empty sets are equal, no overlap is 0. */
export function scoreNodeSet(gold: readonly string[], answer: string): number {
  const last = answer.trim().split("\n").at(-1) ?? "";
  const list = /Final Answer: ?\[(.*)\]/.exec(last)?.[1];
  if (list === undefined) return 0;
  const given = new Set(
    list
      .split(",")
      .map((node) => node.trim())
      .filter((node) => node !== ""),
  );
  const wanted = new Set(gold);
  if (given.size === 0 && wanted.size === 0) return 1;
  const right = [...given].filter((node) => wanted.has(node)).length;
  return right === 0 ? 0 : (2 * right) / (given.size + wanted.size);
}
