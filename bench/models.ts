/** What a model call costs this process: `node bench/models.ts [calls] [inFlight]`, against a fake provider in another process. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { request, Agent } from "undici";
import { user } from "../src/core/message.ts";
import { providerFetch } from "../src/models/http.ts";
import { openaiCompatible } from "../src/models/index.ts";
import { startFakeProvider } from "../src/testing/fake-provider.ts";

const prompt = "The quick brown fox jumps over the lazy dog. ".repeat(45); // 2 kB
const answer = "An answer of some length that a model may well give. ".repeat(13); // 0.7 kB

if (process.argv[2] === "serve") await serve();
else await measure(Number(process.argv[2] ?? 10_000), Number(process.argv[3] ?? 200));

async function serve(): Promise<void> {
  const provider = await startFakeProvider({ reply: () => ({ text: answer, delayMs: 50 }), record: 0 });
  process.send?.(provider.baseUrl);
}

async function measure(calls: number, inFlight: number): Promise<void> {
  const server = fork(import.meta.filename, ["serve"]);
  const baseUrl = await firstMessage(server);
  // A signal for each call, as the door makes them: a shared one would be slowed by its own list of listeners.
  const fresh = (): AbortSignal => new AbortController().signal;
  const model = openaiCompatible({ baseUrl, id: "fake-model", apiKey: "key" });
  const body = JSON.stringify({ model: "fake-model", messages: [{ role: "user", content: prompt }] });
  const headers = { "content-type": "application/json", authorization: "Bearer key" };
  const url = `${baseUrl}/chat/completions`;
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0 });
  const ways: Readonly<Record<string, () => Promise<unknown>>> = {
    "undici.request, JSON.parse": async () => {
      const response = await request(url, { method: "POST", headers, body, signal: fresh(), dispatcher });
      return response.body.json();
    },
    "global fetch": async () => (await fetch(url, { method: "POST", headers, body, signal: fresh() })).json(),
    "our fetch": async () =>
      (await providerFetch(url, { method: "POST", headers, body, signal: fresh() })).json(),
    "openaiCompatible.generate": () => model.generate({ messages: [user(prompt)] }, { signal: fresh() }),
    "openaiCompatible.generate, streamed": () =>
      model.generate({ messages: [user(prompt)] }, { signal: fresh(), onDelta: () => undefined }),
  };
  let bare: number | undefined;
  for (const [name, send] of Object.entries(ways)) {
    await run(send, Math.min(calls, 500), inFlight); // Warm up: sockets, compiler.
    const { cpuUs, wallMs } = await run(send, calls, inFlight);
    bare ??= cpuUs;
    const ratio = (cpuUs / bare).toFixed(2);
    console.log(
      `${name.padEnd(38)} ${cpuUs.toFixed(0).padStart(6)} µs CPU/call   ${ratio.padStart(5)} × bare   ${wallMs.toFixed(0)} ms wall`,
    );
  }
  server.kill();
  await dispatcher.close();
}

async function run(
  send: () => Promise<unknown>,
  calls: number,
  inFlight: number,
): Promise<{ cpuUs: number; wallMs: number }> {
  const before = process.cpuUsage();
  const begin = performance.now();
  let left = calls;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await send();
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  const { user: userUs, system } = process.cpuUsage(before);
  return { cpuUs: (userUs + system) / calls, wallMs: performance.now() - begin };
}

async function firstMessage(child: ChildProcess): Promise<string> {
  const [message] = await once(child, "message");
  return String(message);
}
