/**
 * Sends a clone of the model to read earlier messages: its own window, a strictly smaller grant, and nothing comes back
 * but its answer and the messages it relies on.
 */
import { callModel } from "../core/call-model.ts";
import type { Limits } from "../core/budget.ts";
import { BudgetError } from "../core/errors.ts";
import { newRunId, type MessageId } from "../core/ids.ts";
import { system, user, type Message, type ToolResultPart } from "../core/message.ts";
import type { Model } from "../core/model.ts";
import { emitter, type RunScope } from "../core/scope.ts";
import { requestTokens } from "./assemble.ts";
import { stubMessages } from "./fence.ts";
import { findPlace, type Place } from "./place.ts";
import { cloneTask } from "./prompts.ts";
import { callRecallTool, cloneTools } from "./recall-tools.ts";
import { Recall, type RecallParts } from "./recall.ts";
import { assumedWindow } from "./sizes.ts";
import { sourceOf } from "./source.ts";

/** Answers a question over a stretch of the history, code and all. Handed in by whoever has an `ask`. */
export type AskHistory = (request: AskHistoryRequest) => Promise<string>;

export interface AskHistoryRequest {
  readonly question: string;
  /** One for each message, in order. */
  documents(): AsyncIterable<HistoryDocument>;
  /** Holds the grant, which is smaller than that of the run that asks. */
  readonly scope: RunScope;
}

export interface HistoryDocument {
  readonly position: number;
  /** For instance "message 12, user". */
  readonly title: string;
  readonly text: string;
}

export interface CloneParts extends RecallParts {
  readonly model: Model;
  readonly instructions: string | undefined;
  /** The run that asks. */
  readonly scope: RunScope;
  readonly ask?: AskHistory | undefined;
}

export interface CloneAnswer {
  readonly answer: string;
  /** Numbers and ids of the messages that the answer names. */
  readonly messages: readonly number[];
  readonly messageIds: readonly MessageId[];
}

/** @param places where to read; everywhere if empty. Throws BudgetError where nothing is left to hand on. */
export async function askClone(
  question: string,
  places: readonly string[],
  parts: CloneParts,
): Promise<CloneAnswer> {
  const { store, ref, scope, model } = parts;
  const found = await Promise.all(places.map((place) => findPlace(place, store, ref)));
  const recall = new Recall(parts);
  const all: readonly Place[] = found.length === 0 ? [{ first: 1, last: await recall.lastPast() }] : found;
  const room = Math.floor((model.contextWindow ?? assumedWindow) * readShare);
  const tokens = await weighed(all, recall, room);
  const text =
    parts.ask && tokens > room * manyWindows
      ? await parts.ask({ question, scope: childScope(scope), documents: () => documentsIn(all, parts) })
      : await readItself(question, { all, found, fits: tokens <= room }, parts, recall);
  return { answer: text, ...(await namedMessages(text, parts)) };
}

async function readItself(
  question: string,
  {
    all,
    found,
    fits,
  }: { readonly all: readonly Place[]; readonly found: readonly Place[]; readonly fits: boolean },
  parts: CloneParts,
  recall: Recall,
): Promise<string> {
  const granted = { ...parts, scope: childScope(parts.scope, mostSteps + 2) };
  return fits ? readAtOnce(question, all, granted) : lookAround(question, found, granted, recall);
}

// What fits half of a window is read without detours.
const readShare = 0.4;
// Up to here a clone that looks around finds its way; beyond, code does.
const manyWindows = 4;

/** All tokens, or as soon as it is clear that they are too many, a number above. */
async function weighed(places: readonly Place[], recall: Recall, room: number): Promise<number> {
  let tokens = 0;
  for (const place of places) {
    // A message has some tokens: a long range needn't be read to know that it is long.
    if (place.last - place.first > room) return Number.POSITIVE_INFINITY;
    tokens += await recall.weigh(place);
    if (tokens > room * manyWindows) return tokens;
  }
  return tokens;
}

async function readAtOnce(question: string, places: readonly Place[], parts: CloneParts): Promise<string> {
  const texts: string[] = [];
  for await (const { position, title, text } of documentsIn(places, parts))
    texts.push(`[${position}] ${title.split(", ")[1] ?? ""}: ${text}`);
  const reply = await callModel(
    parts.scope,
    parts.model,
    {
      messages: [
        cloneSystem(parts),
        user(`The record:\n===\n${texts.join("\n\n")}\n===\n\nQuestion: ${question}`),
      ],
    },
    { role: "sub" },
  );
  return reply.text;
}

async function lookAround(
  question: string,
  places: readonly Place[],
  parts: CloneParts,
  recall: Recall,
): Promise<string> {
  const { scope, model } = parts;
  const window = model.contextWindow ?? assumedWindow;
  const factor = scope.tree.calibration.factor(model.id);
  const where =
    places.length === 0
      ? ""
      : ` Look in messages ${places.map(({ first, last }) => `${first}-${last}`).join(", ")} first.`;
  const messages: Message[] = [cloneSystem(parts), user(`${map(parts)}\n\nQuestion: ${question}${where}`)];
  const expandTokens = Math.max(200, Math.floor(window * 0.15));
  for (let step = 1; ; step++) {
    const isLast = step >= mostSteps;
    if (isLast) messages.push(user("Answer now with what you have found."));
    makeRoom(messages, window * 0.7, factor);
    // The tools stay in the last request too: providers want to know those that the record calls.
    const reply = await callModel(scope, model, { messages, tools: cloneTools }, { role: "sub" });
    const calls = reply.content.filter((part) => part.type === "tool-call");
    if (calls.length === 0 || isLast)
      return reply.text === "" ? "The record was searched without an answer." : reply.text;
    messages.push({ role: "assistant", content: reply.content });
    const results = await Promise.all(
      calls.map(async ({ toolCallId, toolName, input }): Promise<ToolResultPart> => {
        const { output, isError } = await callRecallTool(toolName, input, recall, {
          signal: scope.signal,
          expandTokens,
        });
        return { type: "tool-result", toolCallId, toolName, output, ...(isError && { isError }) };
      }),
    );
    messages.push({ role: "tool", content: results });
  }
}

const mostSteps = 10;

function cloneSystem({ instructions }: CloneParts): Message {
  return system(instructions === undefined ? cloneTask : `${instructions}\n\n${cloneTask}`);
}

/** The labels that the main model sees, so that the clone begins where it stands. */
function map({ view }: CloneParts): string {
  const labels = view.entries.flatMap((entry) =>
    entry.type === "node" && !stubMessages(entry.node) ? entry.shown.map((message) => textOf(message)) : [],
  );
  const last = view.head?.position ?? 0;
  return `The record has messages 1-${last}.${labels.length === 0 ? "" : ` Labels of its older parts:\n${labels.join("\n")}`}`;
}

function textOf(message: Message): string {
  if (message.role === "system") return message.content;
  return message.content.map((part) => (part.type === "text" ? part.text : "")).join("");
}

/** Takes out the oldest results once the clone's own window fills: it may look them up again. */
function makeRoom(messages: Message[], most: number, factor: number): void {
  for (
    let index = 2;
    index < messages.length - 1 && requestTokens({ messages, tools: cloneTools }, factor) > most;
    index++
  ) {
    const message = messages[index];
    if (message?.role !== "tool") continue;
    messages[index] = {
      role: "tool",
      content: message.content.map((part) => ({ ...part, output: "[taken out to make room]" })),
    };
  }
}

async function* documentsIn(
  places: readonly Place[],
  { store, ref }: RecallParts,
): AsyncGenerator<HistoryDocument> {
  const seen = new Set<number>();
  for (const { first, last } of places) {
    for await (const stored of store.messages.read(ref, { first, last })) {
      const { position, message } = stored;
      if (seen.has(position)) continue;
      seen.add(position);
      yield {
        position,
        title: `message ${position}, ${message.role}`,
        text: sourceOf([stored]).parts[0]?.text ?? "",
      };
    }
  }
}

/** The numbers in brackets that are numbers of messages. */
async function namedMessages(
  answer: string,
  { store, ref }: RecallParts,
): Promise<Pick<CloneAnswer, "messages" | "messageIds">> {
  const { head } = await store.branch(ref);
  const numbers = new Set<number>();
  for (const [, list = ""] of answer.matchAll(/\[([\d,;\s–-]+)\]/g))
    for (const [text] of list.matchAll(/\d+/g)) {
      const position = Number(text);
      if (position >= 1 && position <= head.position && numbers.size < 50) numbers.add(position);
    }
  const messages = [...numbers].sort((a, b) => a - b);
  const messageIds: MessageId[] = [];
  for (const position of messages)
    for await (const { id } of store.messages.read(ref, { first: position, last: position }))
      messageIds.push(id);
  return { messages, messageIds };
}

/**
 * A run below the one that asks, with half of what that has left. Code that reads millions of tokens makes a call for each
 * piece of them, so only a clone that reads by itself is held to few. Throws BudgetError where a half is nothing.
 */
function childScope(parent: RunScope, mostCalls?: number): RunScope {
  const run = { runId: newRunId(), parentRunId: parent.runId, depth: parent.depth + 1 };
  const { tree, signal } = parent;
  const left = parent.budget.remaining();
  const half = left.calls === null ? Infinity : Math.floor(left.calls / 2);
  const calls = Math.min(mostCalls ?? Infinity, half);
  const limits: Limits = {
    ...(Number.isFinite(calls) && { calls }),
    ...(left.tokens !== null && { tokens: Math.floor(left.tokens / 2) }),
    ...(left.costUsd !== null && { costUsd: left.costUsd / 2 }),
    ...(left.timeMs !== null && { timeMs: left.timeMs * 0.8 }),
  };
  if (limits.calls === 0)
    throw new BudgetError(
      "calls",
      "No model call is left for a clone. Answer with what is shown, or use recall_grep.",
      {
        limit: left.calls ?? 0,
        spent: 0,
      },
    );
  const budget = parent.budget.child(limits);
  return {
    ...run,
    tree,
    signal,
    budget,
    occurrences: new Map(),
    emit: emitter(run, tree.nextSeq, tree.publish),
  };
}
