/** Finds the code in a root LM's reply. Knows Markdown fences and the field's FINAL forms; knows no Python. */

export type ParsedReply =
  | {
      readonly type: "code";
      /**
       * Where the block may end, shortest first: code may hold a fence of its own inside a string. The first that is
       * valid Python is meant.
       */
      readonly candidates: readonly CodeCandidate[];
      /** Fenced blocks of code after the first. */
      readonly laterBlocks: number;
    }
  /** FINAL(…) or FINAL_VAR(…) as text, with nothing after it: older models end so. */
  | { readonly type: "prose-final"; readonly form: "FINAL" | "FINAL_VAR"; readonly argument: string }
  /** No code, and nothing that could end the run. `mentionsFinal` where it says FINAL in passing. */
  | { readonly type: "prose"; readonly mentionsFinal: boolean; readonly foreignFence: string | undefined }
  | { readonly type: "empty" };

export interface CodeCandidate {
  readonly code: string;
  /** The reply up to and including this block: all of it that stays in the history. */
  readonly kept: string;
  /** Text after the block, which is cut because it can only guess at the output. */
  readonly hasTrailing: boolean;
  /** False where the reply ended before the block did. */
  readonly isClosed: boolean;
}

export function parseReply(text: string): ParsedReply {
  if (text.trim() === "") return { type: "empty" };
  const fences = findFences(text);
  const opening = fences.find(isCodeOpening) ?? bareOpening(fences);
  if (opening)
    return {
      type: "code",
      candidates: candidatesFrom(text, opening, fences),
      laterBlocks: countLater(fences, opening),
    };
  const final = proseFinal(text);
  if (final) return final;
  return {
    type: "prose",
    mentionsFinal: /\bFINAL(_VAR)?\s*\(/.test(text),
    foreignFence: fences.find((fence) => fence.language !== "")?.language,
  };
}

interface Fence {
  readonly start: number;
  /** After the line break that ends the fence's line. */
  readonly end: number;
  readonly marks: string;
  readonly indent: string;
  readonly language: string;
}

const codeLanguages = new Set(["repl", "python", "py", "python3", "pycon", "ipython"]);

function findFences(text: string): Fence[] {
  return [...text.matchAll(/^([ \t]*)(`{3,}|~{3,})[ \t]*([\w+-]*)[^\n`]*(?:\n|$)/gm)].map((match) => ({
    start: match.index,
    end: match.index + match[0].length,
    indent: match[1] ?? "",
    marks: match[2] ?? "",
    language: (match[3] ?? "").toLowerCase(),
  }));
}

function isCodeOpening(fence: Fence): boolean {
  return codeLanguages.has(fence.language);
}

/** A fence without a language opens code where no labelled block stands before it. */
function bareOpening(fences: readonly Fence[]): Fence | undefined {
  const first = fences[0];
  return first && first.language === "" && fences.length > 1 ? first : undefined;
}

function closes(fence: Fence, opening: Fence): boolean {
  return fence.start >= opening.end && fence.language === "" && fence.marks.startsWith(opening.marks);
}

function candidatesFrom(text: string, opening: Fence, fences: readonly Fence[]): CodeCandidate[] {
  const candidates = fences
    .filter((fence) => closes(fence, opening))
    .map((fence) => candidate(text, opening, fence.start, fence.end, true));
  if (candidates.length > 0) return candidates;
  // The closing marks may stand at the end of the last line of code, or be missing altogether.
  const glued = text.indexOf(opening.marks, opening.end);
  if (glued >= 0) return [candidate(text, opening, glued, glued + opening.marks.length, true)];
  return [candidate(text, opening, text.length, text.length, false)];
}

function candidate(
  text: string,
  opening: Fence,
  codeEnd: number,
  end: number,
  isClosed: boolean,
): CodeCandidate {
  return {
    code: unindent(text.slice(opening.end, codeEnd), opening.indent),
    kept: text.slice(0, end).trimEnd(),
    hasTrailing: text.slice(end).trim() !== "",
    isClosed,
  };
}

/** A block inside a list item is indented as a whole. */
function unindent(code: string, indent: string): string {
  if (indent === "") return code;
  const lines = code.split("\n");
  const isIndented = lines.every((line) => line.trim() === "" || line.startsWith(indent));
  return isIndented ? lines.map((line) => line.slice(indent.length)).join("\n") : code;
}

function countLater(fences: readonly Fence[], opening: Fence): number {
  return fences.filter((fence) => fence.start > opening.start && isCodeOpening(fence)).length;
}

function proseFinal(text: string): ParsedReply | undefined {
  const match = /^[ \t]*\**(FINAL_VAR|FINAL)\(/m.exec(text);
  if (!match) return undefined;
  const rest = text
    .slice(match.index + match[0].length)
    .trimEnd()
    .replace(/\*+$/, "");
  if (!rest.endsWith(")")) return undefined;
  const argument = rest.slice(0, -1);
  // "FINAL(x) comes later, once f(y)" closes and opens again: a plan, not an end.
  if (!isBalanced(argument)) return undefined;
  const form = match[1] === "FINAL_VAR" ? "FINAL_VAR" : "FINAL";
  return { type: "prose-final", form, argument: unquote(argument.trim()) };
}

function isBalanced(text: string): boolean {
  let open = 0;
  for (const character of text) {
    if (character === "(") open++;
    if (character === ")" && --open < 0) return false;
  }
  return true;
}

function unquote(text: string): string {
  const match = /^(?:"""([\s\S]*)"""|'''([\s\S]*)'''|"([\s\S]*)"|'([\s\S]*)'|`([\s\S]*)`)$/.exec(text);
  return match ? (match.slice(1).find((group) => group !== undefined) ?? "") : text;
}
