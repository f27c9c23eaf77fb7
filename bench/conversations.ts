/**
 * What keeping conversations costs: p50 and p99 of append, of reading what is active, and of search for rare and common
 * words, the size on disk against the raw bytes, and how long the calling thread was kept from its events.
 * Run: node bench/conversations.ts [messages]
 */
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Branch } from "../src/core/conversation.ts";
import type { ConversationStore, SearchQuery } from "../src/core/conversation-store.ts";
import { asConversationId } from "../src/core/ids.ts";
import { assistant, user } from "../src/core/message.ts";
import { sqliteConversations } from "../src/stores/index.ts";

const messages = Number(process.argv[2] ?? 1_000_000);
const batch = 100;
const random = randomNumbers(7);
const vocabulary = Array.from({ length: 30_000 }, () => newWord());
const directory = await mkdtemp(join(tmpdir(), "bench-conversations-"));
const store = await sqliteConversations({ directory });
try {
  const [main] = (await store.open(asConversationId("long"))).branches;
  if (!main) throw new Error("There is no main branch.");
  const rawBytes = await fill(store, main);
  await measureSingle(store, main);
  await measureReads(store, main);
  await measureSearches(store, main);
  const bytes = await sizeOnDisk();
  print("on disk", `${mega(bytes)} MB for ${mega(rawBytes)} MB of text: ${(bytes / rawBytes).toFixed(2)} ×`);
} finally {
  await store.close();
  await rm(directory, { recursive: true });
}

async function fill(target: ConversationStore, main: Branch): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const times: number[] = [];
  let rawBytes = 0;
  const began = performance.now();
  for (let done = 0; done < messages; done += batch) {
    const texts = Array.from({ length: batch }, (_, index) => newText(done + index));
    rawBytes += texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    const news = texts.map((text, index) => ({ message: index % 2 ? assistant(text) : user(text) }));
    const start = performance.now();
    await target.messages.append(main, news);
    times.push((performance.now() - start) / batch);
    if ((done + batch) % (messages / 5) === 0) {
      print(`… ${done + batch}`, `${((performance.now() - began) / 1000).toFixed(0)} s`);
    }
  }
  delay.disable();
  print(`append, ${batch} at a time`, `${spread(times)} each`);
  print("event loop meanwhile", `p99 ${(delay.percentile(99) / 1e6).toFixed(1)} ms`);
  return rawBytes;
}

async function measureSingle(target: ConversationStore, main: Branch): Promise<void> {
  const news = Array.from({ length: 500 }, (_, index) => user(newText(messages + index)));
  const times: number[] = [];
  for (const message of news) times.push(await timed(() => target.messages.append(main, [{ message }])));
  print("append, one at a time", spread(times));
}

/** What assembling a turn needs: the active context, its summaries, and all that came after. */
async function measureReads(target: ConversationStore, main: Branch): Promise<void> {
  const { head } = await target.branch(main);
  const tail = 200;
  const [end] = await Array.fromAsync(
    target.messages.read(main, { first: head.position - tail, last: head.position - tail }),
  );
  const covered = { first: 1, last: head.position - tail, hash: end?.hash ?? "" };
  const [summary] = await target.summaries.put(main, [
    {
      kind: "leaf",
      covers: covered,
      level: 1,
      origin: { type: "deterministic" },
      text: newText(0).repeat(20),
      tokens: 1000,
      needsRepair: true,
    },
  ]);
  if (!summary) throw new Error("The summary was not kept.");
  const items = [{ type: "summary" as const, id: summary.id }];
  const swap = { expectedVersion: 0, items, newSummaries: [], reason: "bench" };
  print("swap", `${(await timed(() => target.swap(main, swap))).toFixed(2)} ms`);
  const times: number[] = [];
  for (let i = 0; i < 200; i++) {
    times.push(
      await timed(async () => {
        const context = await target.context(main);
        const read = Array.fromAsync(target.messages.read(main, { first: context.through + 1 }));
        await Promise.all([read, target.summaries.get(main.conversationId, summary.id)]);
      }),
    );
  }
  print(`read context + ${tail} messages`, spread(times));
}

async function measureSearches(target: ConversationStore, main: Branch): Promise<void> {
  const searches: [string, SearchQuery][] = [
    ["rare piece", { type: "literal", text: `needle-${Math.floor(messages / 20_000) * 10_000}-x` }],
    ["absent piece", { type: "literal", text: "qqzzqqzz" }],
    ["common piece", { type: "literal", text: vocabulary[0] ?? "" }],
    [
      "common piece, any case",
      { type: "literal", text: (vocabulary[0] ?? "").toUpperCase(), ignoreCase: true },
    ],
    ["rare word", { type: "words", text: "needle" }],
    ["common words", { type: "words", text: `${vocabulary[0]} ${vocabulary[5000]}` }],
    ["pattern", { type: "regex", pattern: "needle-\\d+-[xyz]" }],
  ];
  for (const [name, query] of searches) {
    let hits = 0;
    const times: number[] = [];
    for (let i = 0; i < 20; i++) {
      times.push(await timed(async () => (hits = (await target.search(query, { in: main })).hits.length)));
    }
    print(`grep ${name}`, `${spread(times)}, ${hits} hits`);
  }
  const scan = await timed(() => target.search({ type: "literal", text: "~^" }, { in: main }));
  print("scan for two characters", `${scan.toFixed(0)} ms for all of it`);
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await act();
  return performance.now() - start;
}

async function sizeOnDisk(): Promise<number> {
  const sizes = await Promise.all(
    ["conversations.db", "conversations.db-wal"].map(
      async (file) => (await stat(join(directory, file))).size,
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Some forty words, the first of the vocabulary much more often than the last; each ten-thousandth has a needle. */
function newText(index: number): string {
  const words = Array.from(
    { length: 5 + Math.floor(random() * 70) },
    () => vocabulary[Math.floor(random() ** 3 * vocabulary.length)],
  );
  if (index % 10_000 === 0) words.push(`needle-${index}-x`);
  return words.join(" ");
}

function newWord(): string {
  return Array.from({ length: 2 + Math.floor(random() * 3) }, () => {
    const consonant = "bcdfghklmnprstvw"[Math.floor(random() * 16)] ?? "";
    return consonant + ("aeiou"[Math.floor(random() * 5)] ?? "");
  }).join("");
}

/** The same texts in every run. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function spread(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(3);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`;
}

function mega(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

function print(title: string, figures: string): void {
  console.log(`${title.padEnd(28)}${figures}`);
}
