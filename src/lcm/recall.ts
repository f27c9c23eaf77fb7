/** Looks into what is not shown: words, labels, messages. Texts for a model to read, each of bounded length; only this branch. */
import type { BranchRef, StoredMessage, SummaryNode } from "../core/conversation.ts";
import type { ConversationStore, SearchHit, SearchPage, SearchQuery } from "../core/conversation-store.ts";
import { grouped } from "../core/grouped.ts";
import { textOfMessage } from "../core/message.ts";
import { estimateTokens } from "../core/tokens.ts";
import { beginning } from "./excerpt.ts";
import { explore } from "./explore.ts";
import { harmless } from "./fence.ts";
import { largeText } from "./handle.ts";
import { findPlace, type Place } from "./place.ts";
import { sourceOf } from "./source.ts";
import type { ActiveView } from "./view.ts";

export interface GrepInput {
  readonly pattern: string;
  /** "text" is found letter by letter, "words" ranks messages that have any of the words. @default "text" */
  readonly mode?: "text" | "regex" | "words";
  /** Only in these messages, or behind this label. @default the whole branch */
  readonly in?: string;
  /** Case counts. @default false */
  readonly matchCase?: boolean;
  /** The `next` of the page before. */
  readonly cursor?: string;
  /** Most messages of a page. @default 12 */
  readonly limit?: number;
}

export interface RecallParts {
  readonly store: ConversationStore;
  readonly ref: BranchRef;
  readonly view: ActiveView;
}

export class Recall {
  readonly #parts: RecallParts;

  constructor(parts: RecallParts) {
    this.#parts = parts;
  }

  /** A page of hits as the store gives them. Throws ConfigError for a pattern that can't be read. */
  async search(
    input: GrepInput & { readonly before?: number | undefined },
    signal?: AbortSignal,
  ): Promise<SearchPage> {
    const { store, ref } = this.#parts;
    const place = input.in === undefined ? undefined : await findPlace(input.in, store, ref);
    const last = Math.min(
      place?.last ?? Number.POSITIVE_INFINITY,
      (input.before ?? Number.POSITIVE_INFINITY) - 1,
    );
    return store.search(queryOf(input), {
      in: ref,
      limit: input.limit ?? 12,
      ...(place && { first: place.first }),
      ...(Number.isFinite(last) && { last }),
      ...(input.cursor !== undefined && { cursor: input.cursor }),
      ...(signal && { signal }),
    });
  }

  /**
   * The same for a model: one line for each message, its number first. Its own turn, which it sees, is left out, and so is
   * what earlier look-ups quoted: the message they quote is there itself.
   */
  async grep(input: GrepInput, signal?: AbortSignal): Promise<string> {
    const page = await this.#searchWhatWasSaid({ ...input, before: this.#latestQuestion() }, signal);
    const { mode = "text", pattern } = input;
    const where = input.in === undefined ? "" : ` within ${input.in}`;
    if (page.hits.length === 0) return notFound(mode, pattern, where, page);
    const lines = page.hits.map((hit) => {
      const label = this.#labelOver(hit.position);
      const snippets = hit.snippets.slice(0, 2).map(({ text }) => beginning(text.replace(/\s+/g, " "), 90));
      const more = hit.matches > snippets.length ? ` (${hit.matches} matches)` : "";
      return `[${hit.position}] ${hit.role}${label === undefined ? "" : ` (in ${label})`}: ${harmless(snippets.join(" … "))}${more}`;
    });
    const more = page.next === undefined ? "No more." : `More with cursor "${page.next}".`;
    const count = page.hits.length === 1 ? "One message" : `${page.hits.length} messages`;
    const order = mode === "words" ? "the best first" : "the newest first";
    return `${count} with "${pattern}"${where}, ${order}:\n${lines.join("\n")}\n${more}`;
  }

  async #searchWhatWasSaid(
    input: GrepInput & { readonly before: number | undefined },
    signal?: AbortSignal,
  ): Promise<SearchPage> {
    const page = await this.search(input, signal);
    const hits = [];
    for (const hit of page.hits) if (!(await this.#isLookUp(hit))) hits.push(hit);
    if (hits.length > 0 || page.next === undefined) return { ...page, hits };
    return this.#searchWhatWasSaid({ ...input, cursor: page.next }, signal);
  }

  async #isLookUp({ role, position }: SearchHit): Promise<boolean> {
    if (role !== "tool" && role !== "assistant") return false;
    const { store, ref } = this.#parts;
    for await (const { message } of store.messages.read(ref, { first: position, last: position }))
      return (
        message.role !== "system" &&
        message.content.every((part) =>
          part.type === "tool-call" || part.type === "tool-result"
            ? quotingTools.has(part.toolName)
            : part.type === "reasoning",
        )
      );
    return false;
  }

  /** The last message before the turn under way: what that says needn't be looked up. */
  async lastPast(): Promise<number> {
    const { store, ref } = this.#parts;
    const { head } = await store.branch(ref);
    return Math.max(1, Math.min(head.position, (this.#latestQuestion() ?? Number.POSITIVE_INFINITY) - 1));
  }

  /** Where the turn under way begins. */
  #latestQuestion(): number | undefined {
    const entry = this.#parts.view.entries.findLast(
      (candidate) => candidate.type === "message" && candidate.stored.message.role === "user",
    );
    return entry?.type === "message" ? entry.stored.position : undefined;
  }

  /** What is behind a label, a message or a range, without all of its text. */
  async describe(id: string): Promise<string> {
    const { store, ref } = this.#parts;
    const place = await findPlace(id, store, ref);
    const node = place.summaryId && (await store.summaries.get(ref.conversationId, place.summaryId));
    if (node) return this.#describeNode(node);
    const lines: string[] = [];
    let shown = 0;
    for await (const stored of store.messages.read(ref, { first: place.first, last: place.last })) {
      if (++shown > mostDescribed) {
        lines.push(`… and ${place.last - stored.position + 1} more up to ${place.last}`);
        break;
      }
      lines.push(...describeMessage(stored, place.first === place.last));
    }
    return lines.join("\n");
  }

  /** Messages in full, a page at a time; of a condensed label, the labels it is made of. For clones, whose window is their own. */
  async expand(
    id: string,
    options: { readonly from?: string; readonly tokens?: number } = {},
  ): Promise<string> {
    const { store, ref } = this.#parts;
    const { tokens = 6_000 } = options;
    const place = await findPlace(id, store, ref);
    const node = place.summaryId && (await store.summaries.get(ref.conversationId, place.summaryId));
    if (node?.kind === "condensed" && options.from === undefined) return this.#expandCondensed(node);
    return this.#page(place, options.from, tokens);
  }

  /** Everything behind a label or in a range, byte for byte as it was stored. @default all of the branch */
  async *messages(id?: string): AsyncGenerator<StoredMessage> {
    const { store, ref } = this.#parts;
    const place = id === undefined ? undefined : await findPlace(id, store, ref);
    yield* store.messages.read(ref, place && { first: place.first, last: place.last });
  }

  /** Tokens that a place takes when it is read in full, by estimate. */
  async weigh({ first, last }: Place): Promise<number> {
    const { store, ref } = this.#parts;
    let tokens = 0;
    for await (const stored of store.messages.read(ref, { first, last })) tokens += stored.tokens;
    return tokens;
  }

  #labelOver(position: number): string | undefined {
    for (const entry of this.#parts.view.entries)
      if (entry.type === "node" && entry.node.covers.first <= position && position <= entry.node.covers.last)
        return entry.node.id;
    return undefined;
  }

  async #describeNode(node: SummaryNode): Promise<string> {
    const { first, last } = node.covers;
    const { store, ref } = this.#parts;
    const by = node.origin.type === "model" ? `written by ${node.origin.modelId}` : "made without a model";
    const head = `Label ${node.id} of messages ${first}-${last}, level ${node.level}, ${by}.`;
    const parts = [];
    for (const id of node.kind === "condensed" ? node.sources : []) {
      const child = await store.summaries.get(ref.conversationId, id);
      if (child) parts.push(`- ${id}: messages ${child.covers.first}-${child.covers.last}`);
    }
    return [head, harmless(node.text), ...(parts.length === 0 ? [] : ["Made of:", ...parts])].join("\n");
  }

  async #expandCondensed(node: SummaryNode & { kind: "condensed" }): Promise<string> {
    const { store, ref } = this.#parts;
    const texts = [];
    for (const id of node.sources) {
      const child = await store.summaries.get(ref.conversationId, id);
      if (child)
        texts.push(`${id}, messages ${child.covers.first}-${child.covers.last}:\n${harmless(child.text)}`);
    }
    return `${node.id} is made of ${texts.length} labels. Open one by its id, or read messages by number.\n\n${texts.join("\n\n")}`;
  }

  async #page(place: Place, from: string | undefined, tokens: number): Promise<string> {
    const { store, ref } = this.#parts;
    const [, at = "", offset = "0"] = /^(\d+)(?::(\d+))?$/.exec(from ?? "") ?? [];
    const start = Math.max(place.first, Number(at === "" ? place.first : at));
    const texts: string[] = [];
    let left = tokens;
    for await (const stored of store.messages.read(ref, { first: start, last: place.last })) {
      const skip = stored.position === start ? Number(offset) : 0;
      const whole = sourceOf([stored]).parts[0]?.text ?? "";
      const rest = whole.slice(skip);
      const piece = wholeBeginning(rest, left);
      const isCut = piece.length < rest.length;
      if (isCut && texts.length > 0 && left < tokens / 4)
        return `${texts.join("\n\n")}\n\n[more: from "${stored.position}"]`;
      texts.push(`[${stored.position}] ${stored.message.role}: ${skip > 0 ? "…" : ""}${piece}`);
      if (isCut)
        return `${texts.join("\n\n")}\n\n[more: from "${stored.position}:${skip + piece.length}" of ${whole.length} characters]`;
      left -= estimateTokens(piece) + 4;
      if (left <= 0 && stored.position < place.last)
        return `${texts.join("\n\n")}\n\n[more: from "${stored.position + 1}"]`;
    }
    return texts.join("\n\n");
  }
}

const mostDescribed = 40;
/** These say nothing that the messages behind them don't; what a clone answers is new. */
const quotingTools: ReadonlySet<string> = new Set(["recall_grep", "recall_describe", "recall_expand"]);

function queryOf({ pattern, mode = "text", matchCase = false }: GrepInput): SearchQuery {
  if (mode === "words") return { type: "words", text: pattern };
  if (mode === "regex") return { type: "regex", pattern, ignoreCase: !matchCase };
  return { type: "literal", text: pattern, ignoreCase: !matchCase };
}

function notFound(
  mode: "text" | "regex" | "words",
  pattern: string,
  where: string,
  { searched }: SearchPage,
): string {
  const how = {
    text: "letter by letter, in any case",
    regex: "as a regular expression",
    words: "by its words",
  }[mode];
  const advice = {
    text: 'Try a shorter part of it, or mode "words".',
    regex: 'Try mode "text" for what has no signs of a pattern.',
    words: "Try other words for it.",
  }[mode];
  return `Not found: "${pattern}"${where}. Searched ${grouped(searched.messages)} messages of this conversation ${how}. ${advice}`;
}

/** The longest beginning within the tokens, to the letter: what is left out starts exactly after it. */
function wholeBeginning(text: string, tokens: number): string {
  const cut = beginning(text, Math.max(tokens, 1));
  if (cut === text) return text;
  const piece = cut.endsWith("…") ? cut.slice(0, -1) : cut;
  // At least one character, so that paging comes to an end.
  return piece === "" ? text.slice(0, text.codePointAt(0) !== text.charCodeAt(0) ? 2 : 1) : piece;
}

function describeMessage(stored: StoredMessage, isAlone: boolean): readonly string[] {
  const { position, message, tokens, at } = stored;
  const text = textOfMessage(message).slice(0, 600).replace(/\s+/g, " ").trim();
  const head = `[${position}] ${message.role}, ${grouped(tokens)} tokens${isAlone ? `, ${new Date(at).toISOString()}` : ""}: ${harmless(beginning(text, isAlone ? 120 : 30))}`;
  if (!isAlone || message.role === "system") return [head];
  const parts = message.content.flatMap((part, index) => {
    const large = part.type === "file" || part.type === "tool-result" ? largeText(part) : undefined;
    if (large === undefined || large.length < 4_000) return [];
    const name = part.type === "file" ? part.filename : undefined;
    return [`Part ${index + 1}: ${harmless(explore(large, { name }).text)}`];
  });
  return [head, ...parts];
}
