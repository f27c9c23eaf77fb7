/** `unabridged serve` as a command: it starts, says where, keeps keys as hashes, and ends what is under way before it ends. */
import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { openCliStage, type CliStage, type Started } from "./cli-stage.ts";

async function urlOf(command: Started): Promise<string> {
  let url = "";
  command.process.stderr?.on("data", (text: string) => {
    url ||= /Listening at (http:\/\/\S+)\/v1/.exec(text)?.[1] ?? "";
  });
  await command.says("Models:");
  return url;
}

function ask(url: string, key?: string, stream = false): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
    },
    body: JSON.stringify({ model: "root", stream, messages: [{ role: "user", content: "hello" }] }),
  });
}

function serve({ start, models }: CliStage, ...flags: readonly string[]): Started {
  return start(["serve", "--port", "0", ...models, ...flags]);
}

test("a server ends by a signal only once the answers under way have ended, and takes nothing new", async () => {
  let answer: () => void = () => {};
  const waits = new Promise<void>((resolve) => (answer = resolve));
  await using stage = await openCliStage({ root: () => waits.then(() => "fine") });
  const command = serve(stage);
  const url = await urlOf(command);
  const health = (): Promise<number> => fetch(`${url}/healthz`).then(({ status }) => status);
  assert.equal(await health(), 200);
  const asked = ask(url, undefined, true);
  while (stage.provider.inFlight === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  command.process.kill("SIGTERM");
  await command.says("Stopping");
  await assert.rejects(fetch(`${url}/healthz`));
  answer();
  assert.match(await (await asked).text(), /fine[\s\S]*\[DONE\]/);
  const { code, stderr } = await command.ended;
  assert.equal(code, 0, stderr);
});

test("a key is shown once, its hash is what is kept, and only who has it comes in", async () => {
  await using stage = await openCliStage({ root: () => "fine" });
  const file = join(stage.folder, "keys.txt");
  const made = await stage.run(["serve", "--new-key", "--key-file", file]);
  const key = made.stdout.trim();
  assert.match(key, /^una_/);
  assert.doesNotMatch(await readFile(file, "utf8"), new RegExp(key));
  assert.equal((await stat(file)).mode & 0o077, 0);
  const command = serve(stage, "--key-file", file);
  const url = await urlOf(command);
  assert.equal((await ask(url)).status, 401);
  assert.equal((await ask(url, key)).status, 200);
  command.process.kill("SIGTERM");
  assert.equal((await command.ended).code, 0);
});

test("what would let strangers in, or can't be, is refused with what to do", async () => {
  await using stage = await openCliStage({ root: () => "fine" });
  for (const [flags, says] of [
    [["--host", "0.0.0.0"], /--new-key/],
    [["--key", "short"], /at least 16 characters/],
    [["--key-file", join(stage.folder, "none")], /can't be read/],
    [["--port", "70000"], /0 to 65535/],
  ] as const) {
    const { code, stderr } = await serve(stage, ...flags).ended;
    assert.equal(code, 2, stderr);
    assert.match(stderr, says);
  }
});

const onlyLinux =
  process.platform === "linux" ? false : "the peak of another process's memory is told by /proc";

test("its memory stays bounded, whatever is sent to it", { skip: onlyLinux }, async () => {
  await using stage = await openCliStage({ root: () => "fine" });
  const command = serve(stage);
  const url = await urlOf(command);
  const { port } = new URL(url);
  for (let n = 0; n < 20; n++) await (await ask(url)).text();
  const before = await peakMiB(command);
  const head =
    "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
  const tiny = "1\r\n \r\n".repeat(1_000_000);
  assert.match(await raw(port, [head, tiny, "2\r\n{}\r\n0\r\n\r\n"]), /^HTTP\/1\.1 400 /);
  const block = `100000\r\n${" ".repeat(0x100000)}\r\n`;
  const floods = Array.from({ length: 5 }, () => raw(port, [head, ...Array<string>(1024).fill(block)]));
  for (const answer of await Promise.all(floods)) assert.match(answer, /^HTTP\/1\.1 (413|503) /);
  assert.equal((await ask(url)).status, 200);
  const grown = (await peakMiB(command)) - before;
  // 5 GiB are sent. The room for all bodies is 256 MiB; as much again may be outgrown and wait for the collector.
  assert.ok(grown < 512, `${grown} MiB more at the peak`);
  command.process.kill("SIGTERM");
  await command.ended;
});

async function peakMiB({ process: { pid } }: Started): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

/** Sends as much as is taken, until there is an answer. */
async function raw(port: string, pieces: readonly string[]): Promise<string> {
  const socket = connect(Number(port), "127.0.0.1");
  let answer = "";
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.setEncoding("latin1").on("data", (text: string) => void (answer += text));
  socket.on("error", () => undefined);
  for (const piece of pieces) {
    if (answer !== "" || socket.destroyed) break;
    const taken = new Promise<void>((resolve) => socket.write(piece, () => resolve()));
    await Promise.race([taken, closed]);
  }
  await closed;
  return answer;
}
