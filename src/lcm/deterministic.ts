/** Labels made without a model: counts, first and last words, what the user asked, exact names and numbers. Pure. */
import { estimateTokens } from "../core/tokens.ts";
import { beginning } from "./excerpt.ts";
import { tellingFacts } from "./facts.ts";
import type { LabelSource, SourcePart } from "./source.ts";

/** Never longer than `cap` tokens, nor than its source. The same source gives the same label. */
export function labelWithoutModel(source: LabelSource, cap: number): string {
  const most = Math.max(1, Math.min(cap, source.tokens - 1));
  const lines = source.parts.some(({ role }) => role === "label") ? linesOfLabels : linesOfMessages;
  const full = fill(lines(source.parts, most), most);
  if (full !== "") return full;
  return beginning(source.parts.map(({ text }) => text).join(" "), most);
}

/** What every such label begins with, so that a reader trusts it no further than it goes. */
export const withoutModelMark = "(made without a model)";

interface Line {
  readonly text: string;
  /** Most it may take of what is left when its turn comes. */
  readonly share: number;
}

function linesOfMessages(parts: readonly SourcePart[], most: number): readonly Line[] {
  const said = parts.filter(({ text }) => text.trim() !== "");
  const users = said.filter(({ role }) => role === "user");
  const ends = said.at(-1);
  return [
    { text: `${withoutModelMark} ${countsOf(parts)}`, share: 1 },
    { text: exactLine(said, most), share: 0.5 },
    { text: quotes("User said", spread(users, 4), most), share: 0.6 },
    { text: quotes("Others said", spread(without(said, users), 3), most), share: 0.6 },
    { text: ends === undefined ? "" : quotes("Ends with", [ends], most), share: 1 },
  ];
}

function linesOfLabels(parts: readonly SourcePart[], most: number): readonly Line[] {
  const head = { text: `${withoutModelMark} ${parts.length} parts`, share: 1 };
  const each = Math.floor((most * 0.5) / parts.length);
  const facts = { text: exactLine(parts.map(withoutFrame), most), share: each < leastQuote ? 1 : 0.5 };
  // A few words of each part say less than the names of all of them.
  if (each < leastQuote) return [head, facts];
  const quoted = parts.map((part, index) => ({
    text: `${part.first}-${part.last}: ${beginning(oneLine(withoutFrame(part).text), each)}`,
    share: 1 / (parts.length - index),
  }));
  return [head, facts, ...quoted];
}

const leastQuote = 24;

/** A label's text without what only such labels say of themselves. */
function withoutFrame(part: SourcePart): SourcePart {
  const lines = part.text.split("\n").filter((line) => !line.startsWith(withoutModelMark));
  return {
    ...part,
    text: lines.map((line) => line.replace(/^(?:Exact|User said|Others said|Ends with): /, "")).join("\n"),
  };
}

/** Puts line after line as long as there is room. */
function fill(lines: readonly Line[], most: number): string {
  let text = "";
  for (const line of lines) {
    if (line.text === "") continue;
    const left = most - estimateTokens(text) - 2;
    const piece = beginning(line.text, Math.floor(left * line.share));
    if (piece.length < 4) continue;
    const longer = text === "" ? piece : `${text}\n${piece}`;
    if (estimateTokens(longer) <= most) text = longer;
  }
  return text;
}

function countsOf(parts: readonly SourcePart[]): string {
  const roles = (["user", "assistant", "tool", "system"] as const)
    .map((role) => ({ role, count: parts.filter((part) => part.role === role).length }))
    .filter(({ count }) => count > 0)
    .map(({ role, count }) => `${count} ${role}`);
  const tools = [...new Set(parts.flatMap((part) => part.tools))];
  const used = tools.length === 0 ? "" : `; tools: ${tools.slice(0, 8).join(", ")}`;
  return `${parts.length} ${parts.length === 1 ? "message" : "messages"} (${roles.join(", ")})${used}`;
}

function exactLine(parts: readonly SourcePart[], most: number): string {
  // Some characters a token: more facts than fit needn't be looked for.
  const text = parts
    .map((part) => (part.text.length > 20_000 ? beginning(part.text, 4_000) : part.text))
    .join("\n");
  const facts: string[] = [];
  let room = most * 5;
  for (const fact of tellingFacts(text.slice(0, 200_000))) {
    if ((room -= fact.text.length + 2) < 0) break;
    facts.push(fact.text);
  }
  return facts.length === 0 ? "" : `Exact: ${facts.join(", ")}`;
}

function quotes(title: string, parts: readonly SourcePart[], most: number): string {
  if (parts.length === 0) return "";
  const each = Math.max(8, Math.floor((most * 0.5) / parts.length));
  return `${title}: ${parts.map((part) => `${part.first} “${beginning(oneLine(part.text), each)}”`).join(" ")}`;
}

function oneLine(text: string): string {
  // Only as much as could be quoted: a text may have many megabytes.
  return text.slice(0, 40_000).replace(/\s+/g, " ").trim();
}

/** The first, the last, and some between. */
function spread(parts: readonly SourcePart[], count: number): readonly SourcePart[] {
  if (parts.length <= count) return parts;
  const step = (parts.length - 1) / (count - 1);
  return Array.from({ length: count }, (_, i) => parts[Math.round(i * step)]).filter(
    (part) => part !== undefined,
  );
}

function without(parts: readonly SourcePart[], left: readonly SourcePart[]): readonly SourcePart[] {
  const set = new Set(left);
  return parts.filter((part) => !set.has(part));
}
