/** Whoever means harm to the server is refused, holds little of its memory, and the others are served meanwhile. */
import assert from "node:assert/strict";
import { request as send, type ClientRequest, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { hashKey, startHttp } from "../src/http/index.ts";
import { faults, type FakeReply, type FakeRequest } from "../src/testing/index.ts";
import { serveStage, type ServeStage } from "./serve-stage.ts";

const [mine, theirs, wrong] = [
  "my-key-of-some-length",
  "their-key-of-some-length",
  "some-other-key-entirely",
];
const keys = [hashKey(mine), hashKey(theirs)];
const mebibyte = 1024 * 1024;

function ask(
  { server }: ServeStage,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return fetch(`${server.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

const hello = { model: "fake-model", messages: [{ role: "user", content: "hello" }] };

/** Somebody well-meaning is answered, whatever else goes on. */
async function assertServed(stage: ServeStage, key?: string): Promise<void> {
  const response = await ask(stage, hello, key === undefined ? {} : { authorization: `Bearer ${key}` });
  assert.equal(response.status, 200);
  await response.arrayBuffer();
}

test("without a key nobody comes in from outside, and with keys only who has one", async () => {
  await using stage = await serveStage({ keys });
  for (const headers of [
    {},
    { authorization: `Bearer ${wrong}` },
    { authorization: `Bearer ${hashKey(mine)}` },
    { authorization: `Basic ${mine}` },
    { authorization: `Bearer ${mine}${"x".repeat(5000)}` },
    { "x-api-key": "" },
  ]) {
    const response = await ask(stage, hello, headers);
    assert.equal(response.status, 401, JSON.stringify(headers).slice(0, 80));
    const { error } = (await response.json()) as { error: { type: string } };
    assert.equal(error.type, "authentication_error");
  }
  for (const path of ["/v1/models", "/v1/messages", "/nowhere"])
    assert.equal((await fetch(`${stage.server.url}${path}`)).status, 401);
  assert.equal(stage.provider.calls, 0);
  await assertServed(stage, mine);
  assert.equal((await ask(stage, hello, { "x-api-key": theirs })).status, 200);
  assert.equal((await fetch(`${stage.server.url}/healthz`)).status, 200);
  const anthropic = await fetch(`${stage.server.url}/v1/messages`, {
    method: "POST",
    headers: { "anthropic-version": "2023-06-01" },
  });
  assert.equal(((await anthropic.json()) as { type: string }).type, "error");
  for (const host of ["0.0.0.0", "::", "192.0.2.1"])
    await assert.rejects(startHttp(stage.service, { host, port: 0 }), { code: "missing_key" });
});

test("where there are no keys, web pages are kept out: by their origin, and by the name that they reach us by", async () => {
  await using stage = await serveStage();
  assert.equal((await ask(stage, hello, { origin: "https://example.org" })).status, 403);
  const { port } = stage.server;
  const rebound = await raw(
    port,
    `GET /v1/models HTTP/1.1\r\nhost: rebound.example:${port}\r\nconnection: close\r\n\r\n`,
  );
  assert.match(rebound, /^HTTP\/1\.1 403 /);
  assert.equal((await ask(stage, JSON.stringify(hello), { "content-type": "text/plain" })).status, 415);
  const preflight = await fetch(`${stage.server.url}/v1/models`, {
    method: "OPTIONS",
    headers: { "access-control-request-method": "POST" },
  });
  assert.equal(preflight.status, 405);
  assert.equal(preflight.headers.get("access-control-allow-origin"), null);
  await assertServed(stage);
});

test("a body of a gigabyte is refused by what it announces, or once it is too much", async () => {
  await using stage = await serveStage({ limits: { bodyBytes: 4 * mebibyte } });
  const announced = await sendBody(stage, { "content-length": String(1024 * mebibyte) }, () => undefined);
  assert.equal(announced.status, 413);
  let sent = 0;
  const block = Buffer.alloc(mebibyte, " ");
  const streamed = await sendBody(stage, {}, () => (sent++ < 1024 ? block : undefined));
  assert.equal(streamed.status, 413);
  assert.ok(sent < 200, `${sent} MiB were taken`);
  assert.match(streamed.text, /4 MiB/);
  const expecting = await raw(
    stage.server.port,
    `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: ${1024 * mebibyte}\r\n\r\n`,
  );
  assert.match(expecting, /^HTTP\/1\.1 413 /);
  await assertServed(stage);
});

test("a million tiny chunks are a body like any other, and many large bodies at once no more than they may", async () => {
  await using stage = await serveStage({ limits: { allBodyBytes: 8 * mebibyte } });
  const text = JSON.stringify({ ...hello, padding: " ".repeat(1_000_000) });
  const tiny = Buffer.from(text.replace(/[^]/g, "1\r\n$&\r\n"));
  const head =
    "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
  const answer = await raw(
    stage.server.port,
    Buffer.concat([Buffer.from(head), tiny, Buffer.from("0\r\n\r\n")]),
  );
  assert.match(answer, /^HTTP\/1\.1 200 /);

  stage.provider.setReply(() => faults.hang());
  const stop = new AbortController();
  const large = JSON.stringify({ ...hello, padding: " ".repeat(3 * mebibyte) });
  const held = Array.from({ length: 2 }, () =>
    fetch(`${stage.server.url}/v1/chat/completions`, {
      ...{ method: "POST", body: large, signal: stop.signal },
      headers: { "content-type": "application/json" },
    }).catch(() => undefined),
  );
  while (stage.provider.inFlight < 2) await pause(10);
  const refused = await ask(stage, large);
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get("retry-after"), "2");
  stage.provider.setReply(() => "fine");
  // Who wants little still finds room.
  await assertServed(stage);
  stop.abort();
  await Promise.all(held);
  while (stage.provider.inFlight > 0) await pause(10);
  assert.equal((await ask(stage, large)).status, 200);
});

/** More than sockets hold for a client that doesn't read. */
const floods = Array.from({ length: 200 }, () => "words ".repeat(20_000));

test("clients that never end their headers or bodies, or never read, are cut off; the others are served", async () => {
  const limits = { headersMs: 400, arrivalMs: 800, stallMs: 400 };
  await using stage = await serveStage({ limits, reply: () => ({ pieces: floods, text: floods.join("") }) });
  const { port } = stage.server;
  const slow = Array.from({ length: 200 }, (_, index) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write(
      index % 2 === 0
        ? "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nx-slow: "
        : "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{",
    );
    const drip = setInterval(() => socket.write("a"), 50);
    return new Promise<void>((resolve) =>
      socket.resume().once("close", () => {
        clearInterval(drip);
        resolve();
      }),
    );
  });
  const unread = connect(port, "127.0.0.1");
  unread.pause();
  const body = JSON.stringify({ ...hello, stream: true });
  unread.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  unread.on("error", () => undefined);
  while (stage.provider.calls === 0) await pause(10);
  stage.provider.setReply(() => "fine");
  await assertServed(stage);
  await Promise.all(slow);
  // The provider's socket is let go once the client that doesn't read is cut off.
  while (stage.provider.inFlight > 0) await pause(10);
  unread.destroy();
  await assertServed(stage);
});

test("floods of headers, broken HTTP and HTTP/1.0 end nothing but their own connection", async () => {
  await using stage = await serveStage();
  const { port } = stage.server;
  const get = "GET /v1/models HTTP/1.1\r\nhost: localhost\r\n";
  const many = Array.from({ length: 5000 }, (_, index) => `x-${index}: ${"y".repeat(20)}\r\n`).join("");
  assert.match(await raw(port, `${get}${many}\r\n`), /^HTTP\/1\.1 431 /);
  assert.match(await raw(port, `${get}x-large: ${"y".repeat(100_000)}\r\n\r\n`), /^HTTP\/1\.1 431 /);
  for (const broken of [
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "NONSENSE\r\n\r\n",
    "GET /v1/models HTTP/1.1\r\n\r\n",
    `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
  ])
    assert.match(await raw(port, broken), /^HTTP\/1\.1 400 /);
  const body = JSON.stringify({ ...hello, stream: true });
  for (const model of ["fake-model", "ask/fake-model"]) {
    const own = body.replace("fake-model", model);
    const old = `POST /v1/chat/completions HTTP/1.0\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${own.length}\r\n\r\n${own}`;
    assert.match(await raw(port, old), /^HTTP\/1\.1 200 [\s\S]*data: /);
  }
  await assertServed(stage);
});

test("paths lead nowhere but to what is served", async () => {
  await using stage = await serveStage();
  const { port } = stage.server;
  for (const path of [
    "/../../etc/passwd",
    "/v1/../../../etc/passwd",
    "/v1/models/..%2f..%2f..%2fetc%2fpasswd",
    "/v1/models/%00",
    "/v1/models/%E0%A4%A",
    "//evil.example/v1/models",
    "http://evil.example/v1/files",
    "/v1/files/file-123",
    "/v1/responses/resp_1",
    `/${"a".repeat(10_000)}`,
  ]) {
    const answer = await raw(port, `GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`);
    assert.match(answer, /^HTTP\/1\.1 40[04] /, path.slice(0, 60));
    assert.doesNotMatch(answer, /root:/);
  }
  assert.equal(stage.provider.calls, 0);
  for (const body of [
    "",
    "null",
    "[]",
    "{",
    '{"model":7}',
    '{"model":""}',
    `{"model":"${"m".repeat(300)}"}`,
    '{"model":"ask/"}',
    '{"model":"ask/fake-model"}',
    '{"model":"ask/fake-model","messages":{}}',
    '{"model":"ask/fake-model","messages":[{"role":"__proto__","content":"x"}]}',
    '{"model":"ask/fake-model","messages":[{"role":"user","content":[{"type":"file","file":{"file_data":"file:///etc/passwd"}}]}]}',
    `{"model":"ask/fake-model","messages":${"[".repeat(200_000)}${"]".repeat(200_000)}}`,
    `{"model":"ask/fake-model","messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_schema","json_schema":{"schema":${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}}}}`,
  ]) {
    const { status } = await ask(stage, body);
    assert.ok(status >= 400 && status < 500, `${status} for ${body.slice(0, 100)}`);
  }
  await assertServed(stage);
  assert.deepEqual(stage.log, []);
});

const window = 4000;
const filler = "This and that was said about the weather on the quay, and some more of it. ".repeat(12);

/** Looks up what it is asked for and says all that it found. */
function looksUp(request: FakeRequest): FakeReply {
  const { messages, text } = request;
  if (messages[0]?.text.includes("You write labels")) return { text: "Talk about the weather." };
  if (text === "What was the secret?")
    return { toolCalls: [{ id: "r1", name: "recall_grep", input: { pattern: "secret is" } }] };
  return { text: messages.at(-1)?.role === "tool" ? `Found: ${text}` : "Noted." };
}

test("a tenant finds nothing of another's, though both say the same and name each other's ids", async () => {
  await using stage = await serveStage({ keys, window, reply: looksUp });
  type Said = { role: string; content: string };
  const talk = async (key: string, messages: Said[], content: string): Promise<Response> => {
    messages.push({ role: "user", content });
    const headers = { authorization: `Bearer ${key}`, "x-unabridged-conversation": "served_0 main" };
    const response = await ask(stage, { model: "fake-model", messages, user: "somebody" }, headers);
    const { choices } = (await response.json()) as { choices: { message: Said }[] };
    messages.push({ role: "assistant", content: choices[0]?.message.content ?? "" });
    return response;
  };
  const said: Record<string, Said[]> = { [mine]: [], [theirs]: [] };
  const ids = new Set<string | null>();
  for (const [key, secret] of [
    [mine, "My secret is HERON-12. "],
    [theirs, ""],
  ] as const) {
    const messages = said[key] ?? [];
    await talk(key, messages, `The first words are the same. ${filler}`);
    for (let turn = 2; turn <= 12; turn++)
      await talk(key, messages, `${turn}. ${turn === 2 ? secret : ""}${filler}`);
    const last = await talk(key, messages, "What was the secret?");
    ids.add(last.headers.get("x-unabridged-conversation"));
  }
  assert.match(said[mine]?.at(-1)?.content ?? "", /^Found: [\s\S]*HERON-12/);
  assert.match(said[theirs]?.at(-1)?.content ?? "", /^Found: /);
  assert.doesNotMatch(said[theirs]?.at(-1)?.content ?? "", /HERON/);
  // It is named by its first words, so the name is the same and says nothing.
  assert.equal(ids.size, 1);
});

/** Sends bytes and resolves with all that comes back until the connection ends. */
async function raw(port: number, bytes: string | Buffer): Promise<string> {
  const socket: Socket = connect(port, "127.0.0.1");
  let answer = "";
  socket.setEncoding("latin1").on("data", (text: string) => void (answer += text));
  socket.on("error", () => undefined);
  socket.write(bytes);
  return new Promise((resolve) => socket.once("close", () => resolve(answer)));
}

async function sendBody(
  { server }: ServeStage,
  headers: Readonly<Record<string, string>>,
  next: () => Buffer | undefined,
): Promise<{ readonly status: number | undefined; readonly text: string }> {
  const outgoing = send(`${server.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
  });
  outgoing.on("error", () => undefined);
  let isOpen = true;
  // By the event alone: what is sent on after the refusal may fail, and that is no failure of the test's.
  const answered = new Promise<IncomingMessage>((resolve) => outgoing.once("response", resolve)).then(
    async (response) => {
      isOpen = false;
      let text = "";
      for await (const chunk of response) text += String(chunk);
      return { status: response.statusCode, text };
    },
  );
  outgoing.flushHeaders();
  for (let block = next(); block && isOpen; block = next())
    if (!outgoing.write(block)) await Promise.race([drained(outgoing), answered]);
  const answer = await answered;
  outgoing.destroy();
  return answer;
}

function drained(outgoing: ClientRequest): Promise<void> {
  return new Promise((resolve) => outgoing.once("drain", resolve).once("close", resolve));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
