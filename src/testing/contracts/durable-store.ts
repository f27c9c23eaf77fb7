/** What a store that outlives its process must do besides: tests that write from other processes and kill them. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { asRunId, newCallId, newRunId } from "../../core/ids.ts";
import type { Store } from "../../core/store.ts";

export interface DurableStore {
  /** URL of a module. */
  readonly module: string;
  /** Name of its function that opens a store, given `{ directory }`. */
  readonly factory: string;
}

export function durableStoreContract(subject: DurableStore): void {
  const durableTest = (title: string, check: (directory: string) => Promise<void>): void => {
    test(title, async () => {
      const directory = await mkdtemp(join(tmpdir(), "store-"));
      try {
        await check(directory);
      } finally {
        await rm(directory, { recursive: true });
      }
    });
  };

  durableTest(
    "closing carries out what was called, and all is there when it is opened again",
    async (directory) => {
      const store = await openStore(subject, directory);
      const runId = newRunId();
      const writes = [store.runs.create({ id: runId, at: 1, query: "?", recipe: {}, fingerprint: "" })];
      for (let seq = 1; seq <= 1000; seq++) writes.push(append(store, runId, seq));
      await store.close();
      await Promise.all(writes);
      await withStore(subject, directory, async (reopened) => {
        assert.deepEqual(
          await storedNumbers(reopened, runId),
          Array.from({ length: 1000 }, (_, index) => index + 1),
        );
      });
    },
  );

  durableTest("a process killed at any moment loses nothing that was acknowledged", async (directory) => {
    for (let round = 0; round < 5; round++) {
      const writer = startWriter(subject, directory, Infinity);
      const killAfter = Math.floor(Math.random() * 400);
      const { runId, acknowledged } = await follow(writer, (count) => {
        if (count >= killAfter) writer.kill("SIGKILL");
      });
      await withStore(subject, directory, (store) => assertHolds(store, runId, acknowledged));
    }
  });

  durableTest("several processes that begin one store at once lose nothing", async (directory) => {
    const writers = [0, 1, 2].map(() => startWriter(subject, directory, 300));
    const reports = await Promise.all(writers.map((writer) => follow(writer, () => {})));
    await withStore(subject, directory, async (store) => {
      for (const { runId, acknowledged } of reports) {
        assert.equal(acknowledged.length, 300);
        await assertHolds(store, runId, acknowledged);
      }
      assert.equal((await store.runs.list({ limit: 9 })).length, 3);
    });
  });

  durableTest("a store that is open but idle does not keep its process alive", async (directory) => {
    const program = `import(${JSON.stringify(subject.module)}).then(async (module) => {
      await module[${JSON.stringify(subject.factory)}]({ directory: ${JSON.stringify(directory)} });
      console.log("opened");
    })`;
    const process_ = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "pipe"] });
    const printed = await Promise.all([text(process_.stdout), text(process_.stderr)]);
    assert.deepEqual(printed, ["opened\n", ""]);
  });
}

async function withStore(
  subject: DurableStore,
  directory: string,
  use: (store: Store) => Promise<void>,
): Promise<void> {
  const store = await openStore(subject, directory);
  try {
    await use(store);
  } finally {
    await store.close();
  }
}

export async function openStore({ module, factory }: DurableStore, directory: string): Promise<Store> {
  const loaded: Record<string, (options: { directory: string }) => Promise<Store>> = await import(module);
  const open = loaded[factory];
  if (!open) throw new TypeError(`Expected "${module}" to export a function "${factory}".`);
  return open({ directory });
}

/** Starts a process that writes numbers from 1, and prints its run id, then each number once it is acknowledged. */
function startWriter(subject: DurableStore, directory: string, count: number): ChildProcess {
  const file = import.meta.url.endsWith(".ts") ? "./store-writer.ts" : "./store-writer.js";
  const program = fileURLToPath(new URL(file, import.meta.url));
  const values = [subject.module, subject.factory, directory, String(count)];
  return spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, ...values], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

interface Report {
  readonly runId: string;
  readonly acknowledged: readonly number[];
}

async function follow(writer: ChildProcess, onLine: (count: number) => void): Promise<Report> {
  assert.ok(writer.stdout);
  const lines: string[] = [];
  for await (const line of createInterface({ input: writer.stdout })) {
    lines.push(line);
    onLine(lines.length - 1);
  }
  const [runId, ...numbers] = lines;
  assert.ok(runId !== undefined, "the writer ended before it had created its run");
  return { runId, acknowledged: numbers.map(Number) };
}

async function assertHolds(store: Store, runId: string, acknowledged: readonly number[]): Promise<void> {
  const stored = new Set(await storedNumbers(store, runId));
  assert.deepEqual(
    acknowledged.filter((number) => !stored.has(number)),
    [],
  );
  for (const number of acknowledged) {
    const answer = await store.answers.find(`request ${number}`, 0, asRunId(runId));
    assert.equal(answer?.reply.text, textOf(number));
  }
}

async function storedNumbers(store: Store, runId: string): Promise<number[]> {
  return Array.fromAsync(store.runs.events(asRunId(runId)), (event) => {
    assert.equal(event.type === "notice" && event.text, textOf(event.seq));
    return event.seq;
  });
}

/** Writes the facts of one number: an answer and an event. */
export async function writeNumber(store: Store, runId: string, number: number): Promise<void> {
  const content = textOf(number);
  const usage = { inputTokens: 1, cachedInputTokens: 0, outputTokens: 1, reasoningTokens: 0 };
  await store.answers.save({
    callId: newCallId(),
    runId: asRunId(runId),
    requestHash: `request ${number}`,
    ordinal: 0,
    reply: { content: [{ type: "text", text: content }], text: content, stopReason: "stop", usage },
    costUsd: null,
    at: 1,
  });
  await append(store, runId, number);
}

function append(store: Store, runId: string, seq: number): Promise<void> {
  const id = asRunId(runId);
  return store.runs.append(id, [{ type: "notice", text: textOf(seq), runId: id, depth: 0, seq, at: 1 }]);
}

/** Some texts are long enough to be kept apart from their event, some are not. */
function textOf(number: number): string {
  return `${number} `.repeat(1 + (number % 5) * 300);
}

async function text(stream: AsyncIterable<unknown>): Promise<string> {
  let whole = "";
  for await (const piece of stream) whole += String(piece);
  return whole;
}
