/** Cuts texts to a number of tokens, never inside a character. Pure. */
import { grouped } from "../core/grouped.ts";
import { estimateTokens } from "../core/tokens.ts";

/** The beginning of a text, at most so many tokens, with "…" where something is left out. */
export function beginning(text: string, tokens: number): string {
  if (estimateTokens(text) <= tokens) return text;
  return longest(text.length, tokens, (length) => (length === 0 ? "" : `${headOf(text, length)}…`));
}

/** The beginning and the end of a text, with the length of what is left out between. */
export function bothEnds(text: string, tokens: number): string {
  if (estimateTokens(text) <= tokens) return text;
  return longest(text.length, tokens, (length) => {
    const head = headOf(text, Math.ceil((length * 2) / 3));
    const tail = tailOf(text, Math.floor(length / 3));
    if (head === "" && tail === "") return "";
    const left = text.length - head.length - tail.length;
    return `${head}\n[… ${grouped(left)} characters …]\n${tail}`;
  });
}

/** The fullest of the texts that `make` gives for lengths up to `most`, within the tokens. */
function longest(most: number, tokens: number, make: (length: number) => string): string {
  let low = 0;
  // More than nine characters to a token is rare; a bound keeps the search short for texts of any size.
  let high = Math.min(most, Math.max(0, tokens) * 9 + 16);
  let best = "";
  while (low <= high) {
    const middle = (low + high) >> 1;
    const text = make(middle);
    if (estimateTokens(text) <= tokens) {
      best = text;
      low = middle + 1;
    } else high = middle - 1;
  }
  return best;
}

function headOf(text: string, length: number): string {
  const cut = isLowSurrogate(text.charCodeAt(length)) ? length - 1 : length;
  return text.slice(0, Math.max(0, cut));
}

function tailOf(text: string, length: number): string {
  const start = text.length - length;
  return text.slice(isLowSurrogate(text.charCodeAt(start)) ? start + 1 : start);
}

function isLowSurrogate(code: number): boolean {
  return code >= 0xdc00 && code <= 0xdfff;
}
