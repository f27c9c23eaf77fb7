/** Translates a regular expression from Python's dialect, which models write, to ripgrep's. Pure. */
import { ConfigError } from "../core/errors.ts";

export interface RipgrepPattern {
  readonly source: string;
  /** PCRE2 knows look-around and back-references; the default engine is faster and can't blow up. */
  readonly engine: "default" | "pcre2";
  /** Whether a match may hold a line's end: ripgrep then looks at the whole text, else line by line. */
  readonly crossesLines: boolean;
  /** `$` was written to match before "\r\n" too; a "\r" at the end of a match is not part of it. */
  readonly dropsCarriageReturn: boolean;
}

export function plainPattern(text: string): RipgrepPattern {
  const source = Array.from(text, (character) => literal(character)).join("");
  return { source, engine: "default", crossesLines: text.includes("\n"), dropsCarriageReturn: false };
}

/** `^` and `$` match at every line, as with re.MULTILINE. */
export function translatePattern(pattern: string): RipgrepPattern {
  const translation: Translation = {
    source: "",
    pcre2: false,
    crossesLines: false,
    dollar: false,
    verbose: false,
  };
  const reader = new Reader(pattern);
  while (!reader.done) translateItem(reader, translation);
  return {
    source: translation.source,
    engine: translation.pcre2 ? "pcre2" : "default",
    crossesLines: translation.crossesLines,
    dropsCarriageReturn: translation.dollar && !pattern.includes("\\r"),
  };
}

interface Translation {
  source: string;
  pcre2: boolean;
  crossesLines: boolean;
  dollar: boolean;
  verbose: boolean;
}

class Reader {
  readonly text: string;
  position = 0;
  constructor(text: string) {
    this.text = text;
  }
  get done(): boolean {
    return this.position >= this.text.length;
  }
  /** The next code point. */
  take(): string {
    const code = this.text.codePointAt(this.position);
    const character = code === undefined ? "" : String.fromCodePoint(code);
    this.position += character.length;
    return character;
  }
  /** What a sticky expression matches here; consumes it. */
  match(expression: RegExp): RegExpExecArray | undefined {
    expression.lastIndex = this.position;
    const found = expression.exec(this.text) ?? undefined;
    this.position += found?.[0].length ?? 0;
    return found;
  }
}

function translateItem(reader: Reader, translation: Translation): void {
  if (translation.verbose && reader.match(/\s+|#[^\n]*/y)) return;
  const group = reader.match(
    /\(\?(?:#[^)]*\)|P=(\w+)\)|P>|P<(?!\d)|<?[=!]|>|\(|([aiLmsux]*)(-[aiLmsux]+)?([:)]))/y,
  );
  if (group) return translateGroup(group, translation);
  const character = reader.take();
  switch (character) {
    case "\\":
      translation.source += translateEscape(reader, translation, false);
      return;
    case "[":
      translation.source += translateClass(reader, translation);
      return;
    case "$":
      translation.source += "(?:\\r?$)";
      translation.dollar = true;
      return;
    case "{":
      translation.source += translateBrace(reader);
      return;
    case "*":
    case "+":
    case "?":
      // Possessive, as Python has it since 3.11; "a++" means nothing else.
      if (/[*+?}]\+$/.test(translation.source + character) && character === "+") translation.pcre2 = true;
      translation.source += character;
      return;
    case "}":
    case "]":
      translation.source += `\\${character}`;
      return;
    case "\n":
      translation.crossesLines = true;
      translation.source += "\\n";
      return;
    default:
      translation.source += ".^|()".includes(character) ? character : literal(character);
  }
}

function translateGroup(group: RegExpExecArray, translation: Translation): void {
  const [whole, backReference, flagsOn, flagsOff, end] = group;
  if (whole.startsWith("(?#")) return;
  if (backReference !== undefined || /^\(\?(?:<?[=!]|>|\()/.test(whole)) translation.pcre2 = true;
  if (flagsOn === undefined || end === undefined) {
    translation.source += whole;
    return;
  }
  if (flagsOn.includes("s")) translation.crossesLines = true;
  // Verbose text is translated as what it means, so that the flag is not needed beyond. It holds to the end here.
  if (flagsOn.includes("x")) translation.verbose = true;
  const on = flagsOn.replaceAll(/[aLmux]/g, "");
  const off = (flagsOff ?? "").replaceAll(/[-aLmux]/g, "");
  const flags = on + (off === "" ? "" : `-${off}`);
  if (flags !== "" || end === ":") translation.source += `(?${flags}${end}`;
}

/** A brace that is no quantifier is a brace; `{,3}` has a 0 left out. */
function translateBrace(reader: Reader): string {
  const quantifier = reader.match(/(\d*)(?:(,)(\d*))?\}/y);
  if (!quantifier) return "\\{";
  const [whole, least = "", comma = "", most = ""] = quantifier;
  if (least === "" && most === "") return `\\{${whole.slice(0, -1)}\\}`;
  return `{${least === "" ? "0" : least}${comma}${most}}`;
}

/** A character class. Python knows no classes within classes and no set operations: their signs are literal. */
function translateClass(reader: Reader, translation: Translation): string {
  const negated = reader.match(/\^/y) !== undefined;
  let source = negated ? "[^" : "[";
  // Whether a "-" here would make a range: after a single character that ends none.
  let mayBegin: "range" | "end" | "nothing" = "nothing";
  for (let first = true; ; first = false) {
    if (reader.done) throw badPattern(reader.text, "unterminated character set");
    const character = reader.take();
    if (character === "]" && !first) break;
    if (character === "-" && mayBegin === "range" && reader.text[reader.position] !== "]") {
      source += "-";
      mayBegin = "end";
      continue;
    }
    const item = character === "\\" ? translateEscape(reader, undefined, true) : classLiteral(character);
    source += item;
    mayBegin = mayBegin === "end" || /^\\[dDwWsS]$/.test(item) ? "nothing" : "range";
  }
  const holdsNewline = /\\[nsWD]|\\x\{a\}|(?:\\x\{\d\}|\\[at])-/.test(source.replaceAll("\\\\", ""));
  if (negated !== holdsNewline) translation.crossesLines = true;
  return `${source}]`;
}

function translateEscape(reader: Reader, translation: Translation | undefined, inClass: boolean): string {
  const octal = reader.match(inClass ? /[0-7]{1,3}/y : /0[0-7]{0,2}|[0-3][0-7]{2}/y);
  if (octal) return coded(Number.parseInt(octal[0], 8), translation);
  const hexadecimal = reader.match(/x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})/y);
  if (hexadecimal) {
    return coded(Number.parseInt(hexadecimal[1] ?? hexadecimal[2] ?? hexadecimal[3] ?? "", 16), translation);
  }
  const backReference = inClass ? undefined : reader.match(/[1-9]\d?/y);
  if (backReference) {
    if (translation) translation.pcre2 = true;
    return `\\${backReference[0]}`;
  }
  if (reader.done) throw badPattern(reader.text, "it ends with a single backslash");
  const character = reader.take();
  if (translation && "nsWDAZ".includes(character)) translation.crossesLines = true;
  if (character === "b" && inClass) return "\\x{8}";
  // In PCRE2 it is a class.
  if (character === "v") return "\\x{b}";
  if (character === "Z") return "\\z";
  if (character === "\n") return "\\n";
  // Words that the engines know and Python does not would silently mean something else.
  if (/[a-zA-Z]/.test(character) && !"dDwWsSbBAnrtfva".includes(character)) {
    throw badPattern(reader.text, `bad escape \\${character}`);
  }
  return /[a-zA-Z]/.test(character)
    ? `\\${character}`
    : inClass
      ? classLiteral(character)
      : literal(character);
}

function coded(code: number, translation: Translation | undefined): string {
  if (code === 0x0a && translation) translation.crossesLines = true;
  if (code >= 0xdc80 && code <= 0xdcff) return escapedByte(code);
  return `\\x{${code.toString(16)}}`;
}

function classLiteral(character: string): string {
  return /[[\]&~\-^\\]/.test(character) ? `\\${character}` : literal(character);
}

/** One character that stands for itself, in both engines and both in and out of verbose mode. */
function literal(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code >= 0xdc80 && code <= 0xdcff) return escapedByte(code);
  if (code < 0x20 || "# ".includes(character)) return `\\x{${code.toString(16)}}`;
  return /[\\.+*?()|[\]{}^$]/.test(character) ? `\\${character}` : character;
}

/** A byte that is no UTF-8, as the text shows it: U+DC80–DCFF. */
function escapedByte(code: number): string {
  return `(?-u:\\x${(code - 0xdc00).toString(16)})`;
}

export function badPattern(pattern: string, reason: string): ConfigError {
  return new ConfigError(
    "invalid_input",
    `Bad pattern ${JSON.stringify(pattern)}: ${reason}. Escape special characters with a backslash, or match it as plain text.`,
  );
}
