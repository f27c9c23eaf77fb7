/** A program for the contract of durable conversations: appends and swaps, printing each once it is kept. */
import { writeSync } from "node:fs";
import { summaryId } from "../../core/conversation.ts";
import type { Branch, SummaryContent } from "../../core/conversation.ts";
import { asConversationId } from "../../core/ids.ts";
import { user } from "../../core/message.ts";
import { mainOf } from "./conversation-harness.ts";
import { openConversations, textOf } from "./durable-conversations.ts";

const [module = "", factory = "", directory = "", name = "", count = ""] = process.argv.slice(2);
const store = await openConversations({ module, factory }, directory);
const main = mainOf(await store.open(asConversationId("shared")));
const limit = count === "Infinity" ? Number.POSITIVE_INFINITY : Number(count);
let next = 0;
await Promise.all([appending(), appending(), swapping()]);
await store.close();

async function appending(): Promise<void> {
  while (next < limit) {
    const keys = Array.from({ length: Math.min(3, limit - next) }, () => `${name}-${next++}`);
    const messages = keys.map((key) => ({ message: user(textOf(key)), key }));
    await store.messages.append(main, messages);
    for (const key of keys) print(`message ${key}`);
  }
}

/** Puts everything under one summary again and again, whoever else does. */
async function swapping(): Promise<void> {
  while (next < limit) {
    const branch = await store.branch(main);
    const { version } = await store.context(main);
    if (branch.head.position === 0) {
      await new Promise((resolve) => setImmediate(resolve));
      continue;
    }
    const summary = summaryOf(branch, version);
    const items = [{ type: "summary" as const, id: summaryId(summary) }];
    const swap = { expectedVersion: version, items, newSummaries: [summary], reason: name };
    const { status, context } = await store.swap(main, swap);
    if (status === "swapped") print(`swap ${context.version}`);
  }
}

function summaryOf({ head }: Branch, version: number): SummaryContent {
  return {
    kind: "leaf",
    covers: { first: 1, last: head.position, hash: head.hash },
    level: 1,
    origin: { type: "deterministic" },
    text: `${name} ${version}`,
    tokens: 3,
    needsRepair: true,
  };
}

/** Written before the next step, so that what was acknowledged was seen when this process is killed. */
function print(line: string): void {
  writeSync(1, `${line}\n`);
}
