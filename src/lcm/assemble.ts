/** Puts the next request together. Pure: the same entries give the same bytes, whoever asks and whenever. */
import type { SummaryContent } from "../core/conversation.ts";
import type { SummaryId } from "../core/ids.ts";
import { system, textOfMessage, type Message, type UserPart } from "../core/message.ts";
import type { CacheBreakpoint, ModelRequest, ToolDefinition } from "../core/model.ts";
import { hidesAnything, type Entry } from "./entries.ts";
import { labelsPreamble, stubMessages } from "./fence.ts";
import { messageTokens, requestOverhead, toolTokens } from "./measure.ts";
import { pairTools } from "./pairing.ts";

export interface AssembleInput {
  /** The system message. @default none */
  readonly instructions: string | undefined;
  /** The caller's own tools. */
  readonly tools: readonly ToolDefinition[];
  /** Join the tools once something is not shown as it was said, and stay. */
  readonly recallTools: readonly ToolDefinition[];
  readonly entries: readonly Entry[];
  /** What the model counts for one token of our estimate. */
  readonly factor: number;
}

export interface Assembled {
  readonly request: ModelRequest;
  readonly items: readonly ShownItem[];
  /** Of the whole request, as the model counts, estimated. */
  readonly tokens: number;
  /** Where a provider's prompt cache should remember the beginning. */
  readonly breakpoints: readonly CacheBreakpoint[];
}

/** One thing that the model sees. Tokens as the model counts them, estimated. */
export type ShownItem =
  | { readonly type: "instructions"; readonly tokens: number }
  | { readonly type: "tools"; readonly names: readonly string[]; readonly tokens: number }
  | { readonly type: "preamble"; readonly tokens: number }
  | {
      readonly type: "label";
      readonly id: SummaryId;
      readonly first: number;
      readonly last: number;
      readonly level: number;
      readonly origin: SummaryContent["origin"];
      readonly needsRepair: boolean;
      readonly tokens: number;
      readonly text: string;
    }
  | {
      readonly type: "message";
      readonly position: number;
      readonly role: Message["role"];
      readonly tokens: number;
      /** As it was said; with handles for what is too large; or cut, because the window is too small for it. */
      readonly form: "verbatim" | "handle" | "stub";
      /** Its beginning. */
      readonly text: string;
    };

export function assembleContext(input: AssembleInput): Assembled {
  const { instructions, entries, factor } = input;
  const withRecall = hidesAnything(entries);
  const tools = withRecall ? [...input.tools, ...input.recallTools] : input.tools;
  const messages: Message[] = instructions === undefined ? [] : [system(instructions)];
  const items: ShownItem[] = [];
  const tokensOf = (estimate: number): number => Math.ceil(estimate * factor);
  if (instructions !== undefined)
    items.push({ type: "instructions", tokens: tokensOf(messageTokens(system(instructions))) });
  if (tools.length > 0)
    items.push({ type: "tools", names: tools.map(({ name }) => name), tokens: tokensOf(toolTokens(tools)) });

  let hasPreamble = false;
  const ends: Ends = { instructions: messages.length, labels: 0, beforeUser: 0 };
  for (const entry of entries) {
    if (entry.type === "node") {
      const isStub = stubMessages(entry.node) !== undefined;
      if (!isStub && !hasPreamble) {
        hasPreamble = true;
        messages.push(labelsPreamble);
        items.push({ type: "preamble", tokens: tokensOf(messageTokens(labelsPreamble)) });
      }
      if (isStub && entry.shown[0]?.role === "user") ends.beforeUser = messages.length;
      messages.push(...entry.shown);
      items.push(...itemsOfNode(entry, isStub, tokensOf));
      ends.labels = messages.length;
      continue;
    }
    const { stored, shown } = entry;
    if (shown.role === "user") ends.beforeUser = messages.length;
    messages.push(shown);
    if (shown.role === "system" && messages.length === ends.instructions + 1)
      ends.instructions = messages.length;
    const form = entry.hasHandle ? "handle" : "verbatim";
    items.push({
      ...{ type: "message", position: stored.position, role: shown.role, form },
      ...{ tokens: tokensOf(entry.tokens), text: preview(shown) },
    });
  }
  const request: ModelRequest = { messages: pairTools(messages), ...(tools.length > 0 && { tools }) };
  return {
    request,
    items,
    tokens: requestTokens(request, factor),
    breakpoints: breakpoints(messages, request, ends),
  };
}

/** Tokens of a request as the door will count them, and what the door can't see. */
export function requestTokens({ messages, tools = [] }: ModelRequest, factor: number): number {
  const estimate = messages.reduce((sum, message) => sum + messageTokens(message), requestOverhead);
  return Math.ceil((estimate + toolTokens(tools)) * factor);
}

/** Tokens of what is in every request besides messages and labels. */
export function overheadTokens(
  { instructions, tools, recallTools, factor }: Omit<AssembleInput, "entries">,
  withRecall: boolean,
): number {
  const all = withRecall ? [...tools, ...recallTools] : tools;
  const system_ = instructions === undefined ? 0 : messageTokens(system(instructions));
  const preamble = withRecall ? messageTokens(labelsPreamble) : 0;
  return Math.ceil((requestOverhead + system_ + preamble + toolTokens(all)) * factor);
}

function itemsOfNode(
  { node, shown, tokens }: Entry & { type: "node" },
  isStub: boolean,
  tokensOf: (estimate: number) => number,
): readonly ShownItem[] {
  const { first, last } = node.covers;
  if (!isStub) {
    const { id, level, origin, needsRepair, text } = node;
    return [{ type: "label", id, first, last, level, origin, needsRepair, tokens: tokensOf(tokens), text }];
  }
  return shown.map((message, index) => ({
    ...{ type: "message", position: first + index, role: message.role, form: "stub" },
    ...{ tokens: tokensOf(messageTokens(message)), text: preview(message) },
  }));
}

function preview(message: Message): string {
  const text = textOfMessage(withNames(message)).slice(0, 400).replace(/\s+/g, " ").trim();
  return text.length <= 80 ? text : `${text.slice(0, 80).toWellFormed()}…`;
}

/** Who looks on knows a file by its name. */
function withNames(message: Message): Message {
  if (message.role !== "user") return message;
  const content = message.content.map((part): UserPart => {
    if (part.type !== "file" || part.filename === undefined) return part;
    return { type: "text", text: `[${part.filename}, ${part.mediaType}]` };
  });
  return { ...message, content };
}

/** Lengths of beginnings that later requests share. */
interface Ends {
  instructions: number;
  labels: number;
  beforeUser: number;
}

/**
 * At most four, as Anthropic allows: instructions, labels, everything before the user's latest message, and all. What
 * lasts long is remembered longer.
 */
function breakpoints(
  messages: readonly Message[],
  request: ModelRequest,
  { instructions, labels, beforeUser }: Ends,
): readonly CacheBreakpoint[] {
  // Pairing may have put messages in between; then only the end is certain.
  const isSame = request.messages.length === messages.length;
  const all = request.messages.length;
  const ends: (readonly [number, "5m" | "1h"])[] = isSame
    ? [
        [instructions, "1h"],
        [labels, "1h"],
        [beforeUser, "5m"],
        [all, "5m"],
      ]
    : [[all, "5m"]];
  const found: CacheBreakpoint[] = [];
  for (const [end, lifetime] of ends) {
    const after = end - 1;
    if (after >= 0 && after > (found.at(-1)?.after ?? -1)) found.push({ after, lifetime });
  }
  return found;
}
