/** Cuts a text into what can be quoted: sentences of prose, lines of anything else. Pure. */

/** Offsets in the text, end exclusive, without the blanks around. */
export interface Sentence {
  readonly start: number;
  readonly end: number;
  /** Which paragraph, item of a list, record, or comment with its declaration it stands in. */
  readonly block: number;
}

export function sentencesOf(text: string): Sentence[] {
  const sentences: Sentence[] = [];
  const isCode = isCommented(text);
  let block = 0;
  let from = 0;
  const cut = (to: number): void => {
    const start = from + (/^\s*/.exec(text.slice(from, to))?.[0].length ?? 0);
    const end = start + text.slice(start, to).trimEnd().length;
    if (/[\p{L}\p{N}]/u.test(text.slice(start, end))) sentences.push({ start, end, block });
    from = to;
  };
  for (const match of text.matchAll(boundary)) {
    const at = match.index;
    const end = at + match[0].length;
    if (match[0].includes("\n")) {
      const isBlank = /\n[^\S\n]*\r?\n/.test(match[0]);
      if (!isBlank && isWrapped(text, at, end)) continue;
      cut(end);
      if (isBlank || beginsBlock(text.slice(end, end + 8), isCode) || isRecord(lineBefore(text, at))) block++;
    } else if (!isAbbreviation(text.slice(Math.max(0, at - 8), end))) cut(end);
  }
  cut(text.length);
  return sentences.flatMap((sentence) => inPieces(text, sentence));
}

/** A line's end with the blanks around it; the end of a sentence before what may begin another. */
const boundary =
  /[^\S\n]*\n\s*|(?<![.!?…])[.!?…]+["'”’»)\]*_]*[^\S\n]+(?=["'“‘«„([*_`]*[\p{Lu}\p{N}])|[。！？]["”’」』）]*/gu;

/** A line's end inside a sentence: prose that was wrapped, also in a comment. A record, a list or code is not. */
function isWrapped(text: string, at: number, end: number): boolean {
  const before = withoutMarks(lineBefore(text, at));
  const lineEnd = text.indexOf("\n", end);
  const after = withoutMarks(text.slice(end, lineEnd < 0 ? undefined : lineEnd));
  if (before.length < 40 || !/[\p{L}\p{N},'’”"`)*-]$/u.test(before) || codeOrRecord.test(before))
    return false;
  return /^["'“‘«(]?\p{L}|^`\S/u.test(after) && !/^(\w+\s*[:=(]|@)/.test(after);
}

const codeOrRecord =
  /^[#|>[]|\s[|]\s|=>|^(?:const|let|var|import|export|return|if|for|function|type|interface|class|def)\b|^[\w.]+\(/;

function lineBefore(text: string, at: number): string {
  return text.slice(text.lastIndexOf("\n", at - 1) + 1, at);
}

/** Whether it is code with comments that begin each line with a star. */
export function isCommented(text: string): boolean {
  return text.includes("*/") && /^\s*\/?\*\*?\s/m.test(text);
}

/** A star begins an item of a list, but inside a comment every line. */
function beginsBlock(line: string, isCode: boolean): boolean {
  return isCode ? line.startsWith("/**") : /^([*+-]|\d{1,3}[.)])\s|^#{1,6}\s|^\|/.test(line);
}

/** A row of a table, an entry of a log, an object on a line. */
function isRecord(line: string): boolean {
  return line.length >= 40 && (line.match(/[,;|\t":=]/g)?.length ?? 0) >= 6 && !/[.!?]["”’]?\s*$/.test(line);
}

function withoutMarks(line: string): string {
  return line.trim().replace(/^(\*+|\/\/+|#)\s+/, "");
}

function isAbbreviation(ending: string): boolean {
  return /(?:^|[\s("“])(?:Mr|Mrs|Ms|Dr|St|Prof|Gen|Capt|Col|Lt|Jr|Sr|vs|etc|No|Nr|Fig|Vol|bzw|z\.B|e\.g|i\.e|cf|ca|\p{Lu})\.\s*$/u.test(
    ending,
  );
}

const longest = 700;

/** What is too long to be quoted, a minified file or a page without a full stop, is cut between words. */
function inPieces(text: string, { start, end, block }: Sentence): Sentence[] {
  const pieces: Sentence[] = [];
  let from = start;
  while (end - from > longest) {
    const blank = text.lastIndexOf(" ", from + longest);
    let to = blank > from + longest / 2 ? blank : from + longest;
    if (/[\udc00-\udfff]/.test(text.charAt(to))) to--;
    pieces.push({ start: from, end: to, block });
    from = text.charAt(to) === " " ? to + 1 : to;
  }
  return [...pieces, { start: from, end, block }];
}
