/** What a ConversationStore that outlives its process must do besides: tests that write from other processes and kill them. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Branch } from "../../core/conversation.ts";
import type { ConversationStore } from "../../core/conversation-store.ts";
import { asConversationId } from "../../core/ids.ts";
import { user } from "../../core/message.ts";
import { mainOf, say } from "./conversation-harness.ts";

export interface DurableConversations {
  /** URL of a module. */
  readonly module: string;
  /** Name of its function that opens a store, given `{ directory }`. */
  readonly factory: string;
}

/** How often a process is killed. UNABRIDGED_KILLS raises it for a longer search. */
const kills = Number(process.env["UNABRIDGED_KILLS"] ?? 20);

export function durableConversationsContract(subject: DurableConversations): void {
  const durableTest = (title: string, check: (directory: string) => Promise<void>): void => {
    test(title, async () => {
      const directory = await mkdtemp(join(tmpdir(), "conversations-"));
      try {
        await check(directory);
      } finally {
        await rm(directory, { recursive: true });
      }
    });
  };

  durableTest(
    "a process killed at any moment loses nothing that was acknowledged, and leaves no half swap",
    async (directory) => {
      const acknowledged = new Set<string>();
      // Four at a time: each is killed while others write, and all that is left is seen by the next four.
      for (let round = 0; round < kills; round += 4) {
        const reports = [0, 1, 2, 3].map((index) => {
          const writer = startWriter(subject, directory, `w${round + index}`, Infinity);
          const killAfter = Math.floor(Math.random() * 60);
          let seen = 0;
          return follow(writer, () => ++seen >= killAfter && writer.kill("SIGKILL"));
        });
        for (const line of (await Promise.all(reports)).flat()) acknowledged.add(line);
        await withStore(subject, directory, (store) => assertHolds(store, acknowledged));
      }
    },
  );

  durableTest("several processes write to one conversation at once and lose nothing", async (directory) => {
    const writers = ["a", "b", "c"].map((name) => startWriter(subject, directory, name, 60));
    const reports = await Promise.all(writers.map((writer) => follow(writer, () => {})));
    await withStore(subject, directory, async (store) => {
      await assertHolds(store, new Set(reports.flat()));
      const main = mainOf(await store.open(asConversationId("shared")));
      assert.equal(reports.flat().filter((line) => line.startsWith("message")).length, 180);
      assert.equal(main.head.position, 180);
      const swaps = reports.flat().filter((line) => line.startsWith("swap"));
      assert.equal((await store.context(main)).version, swaps.length, "each version was won once");
      assert.equal(new Set(swaps).size, swaps.length);
    });
  });

  durableTest("what is erased is nowhere in the files", async (directory) => {
    const word = "xyzzyplugh";
    await withStore(subject, directory, async (store) => {
      const main = mainOf(await store.open(asConversationId("shared")));
      await say(store, main, `the ${word} is 4711`, `${word} `.repeat(2000));
      for (let i = 0; i < 40; i++) await say(store, main, `other ${i} text`, `more ${i}`);
      const blob = await store.blobs.put([Buffer.from(word.repeat(5))], { mediaType: "text/plain" });
      await store.messages.append(main, [{ message: user("file"), blobs: [blob.id] }]);
      assert.ok(await isAnywhere(directory, word));
      await store.erase(main.conversationId, { type: "conversation" }, "asked for");
      assert.ok(!(await isAnywhere(directory, word)));
      assert.ok(!(await isAnywhere(directory, word.slice(2))), "the index of words shares beginnings");
      assert.deepEqual((await store.check("all")).problems, []);
    });
  });
}

async function isAnywhere(directory: string, text: string): Promise<boolean> {
  const files = await readdir(directory);
  const contents = await Promise.all(files.map((file) => readFile(join(directory, file))));
  return contents.some((content) => content.includes(text));
}

async function withStore(
  subject: DurableConversations,
  directory: string,
  use: (store: ConversationStore) => Promise<void>,
): Promise<void> {
  const store = await openConversations(subject, directory);
  try {
    await use(store);
  } finally {
    await store.close();
  }
}

export async function openConversations(
  { module, factory }: DurableConversations,
  directory: string,
): Promise<ConversationStore> {
  const loaded: Record<string, (options: { directory: string }) => Promise<ConversationStore>> = await import(
    module
  );
  const open = loaded[factory];
  if (!open) throw new TypeError(`Expected "${module}" to export a function "${factory}".`);
  return open({ directory });
}

function startWriter(
  subject: DurableConversations,
  directory: string,
  name: string,
  count: number,
): ChildProcess {
  const file = import.meta.url.endsWith(".ts") ? "./conversation-writer.ts" : "./conversation-writer.js";
  const program = fileURLToPath(new URL(file, import.meta.url));
  const values = [subject.module, subject.factory, directory, name, String(count)];
  return spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, ...values], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** The lines that a writer printed: what was acknowledged. */
async function follow(writer: ChildProcess, onLine: () => void): Promise<string[]> {
  assert.ok(writer.stdout);
  const lines: string[] = [];
  for await (const line of createInterface({ input: writer.stdout })) {
    lines.push(line);
    onLine();
  }
  return lines;
}

async function assertHolds(store: ConversationStore, acknowledged: ReadonlySet<string>): Promise<void> {
  const { problems } = await store.check("all");
  assert.deepEqual(problems, []);
  const main: Branch = mainOf(await store.open(asConversationId("shared")));
  const keys = new Set<string>();
  for await (const stored of store.messages.read(main)) {
    assert.deepEqual(stored.message, user(textOf(stored.key ?? "")));
    keys.add(`message ${stored.key}`);
  }
  const { version } = await store.context(main);
  for (const line of acknowledged) {
    if (line.startsWith("message")) assert.ok(keys.has(line), line);
    if (line.startsWith("swap")) assert.ok(Number(line.slice("swap ".length)) <= version, line);
  }
}

/** Some texts are long enough to be kept apart from their message, some are not. */
export function textOf(key: string): string {
  return `${key} needle `.repeat(key.length % 3 === 0 ? 300 : 3);
}
