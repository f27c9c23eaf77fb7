/** What the active context consists of, in order: labels and messages, each with what it is shown as. Pure. */
import type { ContextItem, StoredMessage, SummaryNode } from "../core/conversation.ts";
import type { SummaryId } from "../core/ids.ts";
import type { Message } from "../core/message.ts";
import { showNode, stubMessages } from "./fence.ts";
import { groupMessages } from "./groups.ts";
import { hasHandle, shownMessage } from "./handle.ts";
import { messageTokens } from "./measure.ts";
import type { GroupUnit, NodeUnit, Unit } from "./units.ts";

/** Tokens are our estimate; a model's own count is `factor` times that. */
export type Entry =
  | {
      readonly type: "message";
      readonly stored: StoredMessage;
      readonly shown: Message;
      readonly tokens: number;
      readonly hasHandle: boolean;
    }
  | {
      readonly type: "node";
      readonly node: SummaryNode;
      readonly shown: readonly Message[];
      readonly tokens: number;
    };

export function messageEntry(stored: StoredMessage, large: number): Entry {
  const shown = shownMessage(stored, large);
  return {
    type: "message",
    stored,
    shown,
    tokens: messageTokens(shown),
    hasHandle: hasHandle(stored, large),
  };
}

export function nodeEntry(node: SummaryNode): Entry {
  const shown = showNode(node);
  return {
    type: "node",
    node,
    shown,
    tokens: shown.reduce((sum, message) => sum + messageTokens(message), 0),
  };
}

/** Whether the model must be able to look things up: something is not shown as it was said. */
export function hidesAnything(entries: readonly Entry[]): boolean {
  return entries.some((entry) => entry.type === "node" || entry.hasHandle);
}

/** The same by size, for plans. */
export function unitsOf(entries: readonly Entry[], factor: number): readonly Unit[] {
  const units: Unit[] = [];
  const isPinned = pins(entries);
  for (let index = 0; index < entries.length;) {
    const entry = entries[index];
    if (entry === undefined) break;
    if (entry.type === "node") {
      units.push(nodeUnit(entry, isPinned(index), factor));
      index++;
      continue;
    }
    const run = runOfMessages(entries, index);
    for (const group of groupMessages(run.map(({ stored }) => stored.message))) {
      const members = run.slice(group.first, group.last + 1);
      const tokens = members.reduce((sum, member) => sum + member.tokens, 0);
      units.push({
        type: "group",
        first: members[0]?.stored.position ?? 0,
        last: members.at(-1)?.stored.position ?? 0,
        tokens: Math.ceil(tokens * factor),
        isPinned: members.some((_, i) => isPinned(index + group.first + i)),
        beginsTurn: members[0]?.stored.message.role === "user",
      });
    }
    index += run.length;
  }
  return units;
}

/** The items of an active context for units that are nodes and groups. What follows the last node needs no item. */
export function itemsOf(units: readonly Unit[]): readonly ContextItem[] {
  const lastNode = units.findLastIndex((unit) => shownNode(unit) !== undefined);
  const items: ContextItem[] = [];
  for (const unit of units.slice(0, lastNode + 1)) {
    const id = shownNode(unit);
    const before = items.at(-1);
    if (id !== undefined) items.push({ type: "summary", id });
    else if (before?.type === "messages") items[items.length - 1] = { ...before, last: unit.last };
    else items.push({ type: "messages", first: unit.first, last: unit.last });
  }
  return items;
}

function shownNode(unit: Unit): SummaryId | undefined {
  if (unit.type === "node") return unit.id;
  return unit.type === "group" ? unit.stubId : undefined;
}

function nodeUnit(entry: Entry & { type: "node" }, isPinned: boolean, factor: number): NodeUnit | GroupUnit {
  const { node } = entry;
  const { first, last } = node.covers;
  const tokens = Math.ceil(entry.tokens * factor);
  // A stub waits to be labelled like the messages that it stands for.
  if (stubMessages(node))
    return { type: "group", first, last, tokens, isPinned, beginsTurn: false, stubId: node.id };
  return { type: "node", id: node.id, level: node.level, first, last, tokens };
}

function runOfMessages(entries: readonly Entry[], start: number): readonly (Entry & { type: "message" })[] {
  const run: (Entry & { type: "message" })[] = [];
  for (let index = start; index < entries.length; index++) {
    const entry = entries[index];
    if (entry?.type !== "message") break;
    run.push(entry);
  }
  return run;
}

/** Pinned are the instructions a conversation begins with, and the latest message of the user. */
function pins(entries: readonly Entry[]): (index: number) => boolean {
  let instructions = 0;
  while (roleOf(entries[instructions]) === "system") instructions++;
  let latest = entries.length - 1;
  while (latest >= 0 && roleOf(entries[latest]) !== "user") latest--;
  return (index) => index < instructions || index === latest;
}

function roleOf(entry: Entry | undefined): Message["role"] | undefined {
  if (entry?.type === "message") return entry.stored.message.role;
  // A label is shown as a user's message but is none; a stub is what it stands for.
  return entry && stubMessages(entry.node)?.[0]?.role;
}
