/**
 * What `serve` adds to each piece of a stream: 200 streams at once through it, against the same streams from the provider
 * itself. Provider, server and clients are processes of their own. `node bench/serve.ts [streams] [pieces] [pieces a second]`.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, request } from "undici";
import { startHttp } from "../src/http/index.ts";
import { openaiCompatible } from "../src/models/index.ts";
import { BuiltInParts } from "../src/setup/open-engine.ts";
import { serviceOf } from "../src/setup/service.ts";

const given = process.argv.slice(2);
const isRole = given[0] === "provider" || given[0] === "server";
const [streams = 200, pieces = 200, rate = 20] = given.slice(isRole ? 1 : 0).map(Number);
const roles: Readonly<Record<string, () => Promise<void>>> = { provider, server };

await (isRole ? roles[given[0] ?? ""] : measure)?.();

/** Speaks as a model does: a piece at a steady pace, each with the time when it was sent. */
async function provider(): Promise<void> {
  const paceMs = 1000 / rate;
  const listener = createServer(async (incoming, response) => {
    for await (const _ of incoming);
    response.writeHead(200, { "content-type": "text/event-stream" });
    const begun = now() + Math.random() * paceMs;
    let sent = 0;
    const say = (): void => {
      if (sent === pieces) return void response.end("data: [DONE]\n\n");
      const delta = { content: ` at ${now().toFixed(3)};` };
      const finish = sent === pieces - 1 ? "stop" : null;
      const choices = [{ index: 0, delta, finish_reason: finish }];
      response.write(
        `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices })}\n\n`,
      );
      sent++;
      setTimeout(say, Math.max(0, begun + sent * paceMs - now()));
    };
    setTimeout(say, Math.max(0, begun - now()));
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  // Where it listens on a port there is an address.
  process.send?.(`http://127.0.0.1:${(listener.address() as AddressInfo).port}/v1`);
}

/** Hands on to the provider; "answered" is the same model without a provider that a request may be handed on to. */
async function server(): Promise<void> {
  const baseUrl = process.env["BENCH_PROVIDER"] ?? "";
  const home = process.env["BENCH_HOME"] ?? "";
  const model = openaiCompatible({ baseUrl, id: "m", apiKey: "key", contextWindow: 128_000 });
  const models = { model, subModel: model, modelsByDepth: undefined, notices: [] };
  const upstream = { baseUrl, dialects: ["openai-chat" as const], modelId: "m", headers: {} };
  const service = serviceOf({
    homeFolder: home,
    models: {
      find: (name) => Promise.resolve({ models, upstream: name === "m" ? upstream : undefined }),
      names: () => Promise.resolve(["m", "answered"]),
    },
    limits: { concurrency: streams },
    parts: (folder) => new BuiltInParts({ home: folder }, () => Promise.resolve(models)),
  });
  const { url } = await startHttp(service, { port: 0 });
  // Asked for the processor time that it has taken, in microseconds.
  process.on("message", () => {
    const { user, system } = process.cpuUsage();
    process.send?.(String(user + system));
  });
  process.send?.(`${url}/v1`);
}

interface Sample {
  readonly latencies: readonly number[];
  readonly firstMs: readonly number[];
}

async function measure(): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), "unabridged-bench-"));
  const own = [String(streams), String(pieces), String(rate)];
  const providerProcess = fork(import.meta.filename, ["provider", ...own]);
  const direct = await firstMessage(providerProcess);
  const serverProcess = fork(import.meta.filename, ["server", ...own], {
    env: { ...process.env, BENCH_PROVIDER: direct, BENCH_HOME: home },
  });
  const served = await firstMessage(serverProcess);
  const dispatcher = new Agent({ connections: streams, headersTimeout: 0, bodyTimeout: 0 });
  try {
    for (const [baseUrl, model] of [
      [direct, "m"],
      [served, "m"],
      [served, "answered"],
    ] as const)
      await all(streams, (n) => stream(baseUrl, model, n, dispatcher));
    console.log(`${streams} streams at once, ${pieces} pieces each, ${rate} a second`);
    for (let round = 1; round <= 3; round++) {
      const bare = await sample(direct, "m", dispatcher);
      for (const [model, name] of [
        ["m", "handed on"],
        ["answered", "answered by the server"],
      ] as const) {
        const before = await cpuOf(serverProcess);
        const ours = await sample(served, model, dispatcher);
        const cpuUs = ((await cpuOf(serverProcess)) - before) / (streams * pieces);
        report(name, ours, bare, cpuUs);
      }
    }
  } finally {
    serverProcess.kill();
    providerProcess.kill();
    await dispatcher.destroy();
    rmSync(home, { recursive: true, force: true });
  }
}

async function sample(baseUrl: string, model: string, dispatcher: Agent): Promise<Sample> {
  const ended = await all(streams, (n) => stream(baseUrl, model, n, dispatcher));
  const latencies = ended.flatMap((each) => each.latencies).sort((a, b) => a - b);
  const firstMs = ended.flatMap((each) => each.firstMs).sort((a, b) => a - b);
  return { latencies, firstMs };
}

/** One request; each piece says when it was sent, and the clock is the machine's. */
async function stream(baseUrl: string, model: string, n: number, dispatcher: Agent): Promise<Sample> {
  const latencies: number[] = [];
  const messages = [
    { role: "system", content: "Be brief." },
    { role: "user", content: `Conversation ${n}, ${process.hrtime.bigint()}: tell me of the harbour.` },
  ];
  const began = now();
  const { body } = await request(`${baseUrl}/chat/completions`, {
    ...{ method: "POST", dispatcher },
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model, stream: true, messages }),
  });
  let [rest, firstMs] = ["", 0];
  for await (const chunk of body) {
    const at = now();
    rest += String(chunk);
    const end = rest.lastIndexOf("\n\n") + 1;
    for (const [, sentAt = ""] of rest.slice(0, end).matchAll(/ at ([\d.]+);/g)) {
      if (firstMs === 0) firstMs = at - began;
      latencies.push(at - Number(sentAt));
    }
    rest = rest.slice(end);
  }
  if (latencies.length !== pieces) throw new Error(`${latencies.length} of ${pieces} pieces came`);
  return { latencies, firstMs: [firstMs] };
}

function report(name: string, ours: Sample, bare: Sample, cpuUs: number): void {
  const [ms, bareMs] = [middle(ours.latencies), middle(bare.latencies)];
  const [late, bareLate] = [at(ours.latencies, 0.99), at(bare.latencies, 0.99)];
  const first = middle(ours.firstMs) - middle(bare.firstMs);
  console.log(
    `${name}: ${(ms - bareMs).toFixed(2)} ms added to a piece at the median (bar 5 ms; ${ms.toFixed(2)} against ${bareMs.toFixed(2)} ms, ${(ms / bareMs).toFixed(1)} ×), at the 99th percentile ${late.toFixed(1)} against ${bareLate.toFixed(1)} ms; ${first.toFixed(0)} ms added to the first; ${cpuUs.toFixed(0)} µs of processor time for each piece`,
  );
}

function middle(sorted: readonly number[]): number {
  return at(sorted, 0.5);
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function all<Value>(count: number, act: (n: number) => Promise<Value>): Promise<readonly Value[]> {
  return Promise.all(Array.from({ length: count }, (_, n) => act(n)));
}

/** Milliseconds on the clock that all processes of this machine share. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

async function cpuOf(child: ChildProcess): Promise<number> {
  const told = firstMessage(child);
  child.send("cpu");
  return Number(await told);
}

async function firstMessage(child: ChildProcess): Promise<string> {
  const [message] = await once(child, "message");
  return String(message);
}
