/** Cuts a text into pieces, each one item: by lines, paragraphs, about so many tokens, or the declarations of code. */
import { estimateTokens } from "../core/tokens.ts";
import { linesOf } from "./lines.ts";

export type Split = "file" | "lines" | "paragraphs" | "tokens" | "symbols";

export interface Piece {
  readonly text: string;
  /** Of its first line, from 1. */
  readonly line: number;
}

/** No piece is blank. Joined with the blank lines between them, pieces are the text. */
export async function* piecesOf(
  stream: AsyncIterable<unknown>,
  split: Exclude<Split, "file">,
  pieceTokens: number,
): AsyncGenerator<Piece> {
  const begins = cutters[split](pieceTokens);
  let piece: string[] = [];
  let first = 1;
  let line = 0;
  for await (const lines of linesOf(stream)) {
    for (const whole of lines) {
      line++;
      // A single line may be larger than any model's window.
      for (const text of split === "tokens" ? cutLine(whole, pieceTokens) : [whole]) {
        const cut = begins(text, piece);
        if (cut < piece.length || (cut === 0 && piece.length > 0)) {
          if (cut > 0) yield* pieceOf(piece.slice(0, cut), first);
          else yield* pieceOf(piece, first);
          piece = cut > 0 ? piece.slice(cut) : [];
          first = line - piece.length;
        }
        if (piece.length === 0) first = line;
        piece.push(text);
      }
    }
  }
  yield* pieceOf(piece, first);
}

function* pieceOf(lines: readonly string[], line: number): Generator<Piece> {
  const text = lines.join("\n");
  const blank = lines.findIndex((one) => one.trim() !== "");
  if (blank >= 0) yield { text: text.replace(/^(?:[ \t\f]*\n)+/, "").trimEnd(), line: line + blank };
}

/**
 * Says, for a line and those before it in the piece, how many of these make up a finished piece: 0 is all of them, the
 * piece's length none yet.
 */
type Cutter = (line: string, piece: readonly string[]) => number;

const cutters: Readonly<Record<Exclude<Split, "file">, (pieceTokens: number) => Cutter>> = {
  lines: () => () => 0,
  paragraphs: () => (line, piece) => (line.trim() !== "" && piece.at(-1)?.trim() === "" ? 0 : piece.length),
  tokens: (pieceTokens) => {
    let tokens = 0;
    return (line, piece) => {
      if (piece.length === 0) tokens = 0;
      const more = estimateTokens(line) + 1;
      if (piece.length > 0 && tokens + more > pieceTokens) {
        tokens = more;
        return 0;
      }
      tokens += more;
      return piece.length;
    };
  },
  symbols: () => (line, piece) => {
    if (!declaration.test(line)) return piece.length;
    // Comments, decorators and attributes right above a declaration belong to it.
    let above = piece.length;
    while (above > 0 && lead.test(piece[above - 1] ?? "")) above--;
    const hasBody = piece.slice(0, above).some((one) => one.trim() !== "");
    if (!hasBody) return piece.length;
    return above === piece.length ? 0 : above;
  },
};

/** A line at the margin that declares something, in the languages that most code is written in. */
const declaration =
  /^(?:export |default |declare |public |private |protected |internal |static |abstract |final |sealed |async |unsafe |extern |inline |pub(?:\([^)]*\))? |@?override )*(?:function\b|class\b|interface\b|type \w|enum\b|namespace\b|module \w|const \w|let \w|var \w|def \w|fn \w|func\b|struct\b|impl\b|trait\b|mod \w|macro_rules!|record \w|object \w|val \w|fun \w|typedef\b|template\b|sub \w|procedure\b|create \w|(?:[A-Za-z_][\w:<>,*& ]* [*&]*)?[A-Za-z_]\w*\s*\([^;]*\)\s*\{)/i;
const lead = /^(?:\/\/|\/\*| \*|\*\/|#|--|@|;|"""|'''|\[)/;

function cutLine(line: string, pieceTokens: number): readonly string[] {
  if (line.length <= pieceTokens) return [line];
  const tokens = estimateTokens(line);
  if (tokens <= pieceTokens) return [line];
  const size = Math.max(1, Math.floor((line.length * pieceTokens) / tokens) - 1);
  const cut: string[] = [];
  for (let at = 0; at < line.length;) {
    let end = Math.min(line.length, at + size);
    // Never between the halves of a surrogate pair.
    if (end < line.length && (line.charCodeAt(end) & 0xfc00) === 0xdc00) end++;
    cut.push(line.slice(at, end));
    at = end;
  }
  return cut;
}
