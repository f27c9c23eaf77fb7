/**
 * What a map costs through a zero-latency local server, durable: `node bench/map.ts [items] [batch] [lanes]`, with a file
 * written. Prints items a second, processor time for each (the main thread's part, and beside it that of the model call
 * alone in the same minute), and memory at ten moments. 100000 1, 100000 20 and 1000000 50 are the trials.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Budget } from "../src/core/budget.ts";
import { newRunId } from "../src/core/ids.ts";
import type { InputEntry } from "../src/core/job-store.ts";
import { CallLimiter } from "../src/core/limiter.ts";
import { user } from "../src/core/message.ts";
import type { Model } from "../src/core/model.ts";
import { emitter, type RunScope } from "../src/core/scope.ts";
import { TokenCalibration } from "../src/core/tokens.ts";
import { runMap } from "../src/map/index.ts";
import { openaiCompatible } from "../src/models/index.ts";
import { sqliteJobs } from "../src/stores/index.ts";

const prompt = "Classify the question: {{question}}";
const output = {
  type: "object",
  properties: { label: { type: "string", enum: ["A", "B"] } },
  required: ["label"],
};

if (process.argv[2] === "serve") serve();
else
  await measure(
    Number(process.argv[2] ?? 100_000),
    Number(process.argv[3] ?? 1),
    Number(process.argv[4] ?? 96),
  );

async function measure(items: number, batch: number, lanes: number): Promise<void> {
  const server = fork(import.meta.filename, ["serve"]);
  const directory = await mkdtemp(join(tmpdir(), "bench-map-"));
  const jobs = await sqliteJobs({ directory });
  try {
    const model = openaiCompatible({ baseUrl: await firstMessage(server), id: "fake-model", apiKey: "key" });
    const bareUs = await bareCall(model, lanes);
    const memory: number[] = [];
    const watch = setInterval(() => memory.push(process.memoryUsage().rss), 500);
    const [cpu, main, began] = [process.cpuUsage(), process.threadCpuUsage(), performance.now()];
    const { status, counts, file } = await runMap({
      ...{ scope: newScope(lanes), jobs, model, prompt, output, pace: { batch } },
      items: questions(items),
      file: { path: join(directory, "out.jsonl") },
    });
    const wall = performance.now() - began;
    clearInterval(watch);
    memory.push(process.memoryUsage().rss);
    const each = ({ user, system }: NodeJS.CpuUsage): string => ((user + system) / items).toFixed(0);
    const size = file ? (await stat(file.path)).size : 0;
    print("status", `${status}: ${counts.done} of ${items} done, ${batch} to a prompt, ${lanes} lanes`);
    print("throughput", `${((items * 1000) / wall).toFixed(0)} items/s (${(wall / 1000).toFixed(1)} s)`);
    print(
      "processor",
      `${each(process.cpuUsage(cpu))} µs for each item, ${each(process.threadCpuUsage(main))} of it on the main thread`,
    );
    print("the model call alone", `${bareUs.toFixed(0)} µs on the main thread`);
    const tenths = memory.filter((_, index) => index % Math.ceil(memory.length / 10) === 0);
    const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);
    print("memory", `${tenths.map(megabytes).join(" ")} MB, at most ${megabytes(Math.max(...memory))} MB`);
    const database = await stat(join(directory, "jobs.db"));
    print(
      "on disk",
      `${(database.size / 1e6).toFixed(0)} MB of store, ${(size / 1e6).toFixed(0)} MB of results`,
    );
  } finally {
    await jobs.close();
    server.kill();
    await rm(directory, { recursive: true });
  }
}

function* questions(count: number): Generator<InputEntry> {
  for (let n = 0; n < count; n++) {
    yield {
      type: "item",
      item: { question: `What is the answer to question number ${n} of all that were ever asked?` },
    };
  }
}

async function bareCall(model: Model, lanes: number): Promise<number> {
  const calls = 5000;
  for (const count of [1000, calls]) {
    const before = process.threadCpuUsage();
    let left = count;
    const lane = async (): Promise<void> => {
      while (left-- > 0)
        await model.generate({ messages: [user(prompt)] }, { signal: new AbortController().signal });
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    const { user: userUs, system } = process.threadCpuUsage(before);
    if (count === calls) return (userUs + system) / calls;
  }
  return 0;
}

function newScope(concurrency: number): RunScope {
  const run = { runId: newRunId(), parentRunId: undefined, depth: 0 };
  let seq = 0;
  const nextSeq = (): number => ++seq;
  const publish = (): void => undefined;
  return {
    ...{ ...run, budget: new Budget(), occurrences: new Map(), signal: new AbortController().signal },
    emit: emitter(run, nextSeq, publish),
    tree: {
      ...{ rootRunId: run.runId, publish, nextSeq, limiter: new CallLimiter(concurrency) },
      ...{ calibration: new TokenCalibration(), answers: undefined, useCache: false, resumed: false },
      ...{ accounted: new Set(), callTimeoutMs: 60_000 },
    },
  };
}

/** The least that a server can do: finds where a request ends, and answers as many items as it asks about. */
function serve(): void {
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy());
    let rest: Buffer = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      rest = answerAll(socket, rest);
    });
  });
  server.listen(0, "127.0.0.1", () => {
    // A server that listens on TCP has such an address.
    process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`);
  });
  process.on("disconnect", () => process.exit());
}

function answerAll(socket: Socket, bytes: Buffer): Buffer {
  let rest = bytes;
  for (;;) {
    const head = rest.indexOf("\r\n\r\n");
    if (head < 0) return rest;
    const length = Number(/content-length: (\d+)/i.exec(rest.toString("latin1", 0, head))?.[1] ?? 0);
    const end = head + 4 + length;
    if (rest.length < end) return rest;
    const items = /for each of (\d+) items/.exec(
      rest.toString("latin1", head, Math.min(end, head + 400)),
    )?.[1];
    socket.write(responses.get(items ?? "") ?? response(items));
    rest = rest.subarray(end);
  }
}

const responses = new Map<string, Buffer>();

function response(items: string | undefined): Buffer {
  const answer = { label: "A" };
  const results = Array.from({ length: Number(items ?? 0) }, (_, index) => ({
    id: index + 1,
    result: answer,
  }));
  const content = JSON.stringify(items === undefined ? answer : { results });
  const body = JSON.stringify({
    ...{ id: "1", object: "chat.completion", created: 1, model: "fake-model" },
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
    usage: { prompt_tokens: 60, completion_tokens: 6, total_tokens: 66 },
  });
  const made = Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  responses.set(items ?? "", made);
  return made;
}

async function firstMessage(child: ChildProcess): Promise<string> {
  const [message] = await once(child, "message");
  return String(message);
}

function print(title: string, figures: string): void {
  console.log(`${title.padEnd(24)}${figures}`);
}
