/**
 * The one model server that all peers and we are driven against, in a process of its own: plays the root replies it was given, in
 * order, answers sub-calls after a delay, and fails where it was told to. `POST /control` sets the scene, `GET /stats` tells of it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

interface Scene {
  /** Played in order; the last one again and again. */
  readonly root: readonly string[];
  readonly subDelayMs?: number;
  readonly rootDelayMs?: number;
  readonly subReply?: string;
  /** In a peer of two stages: the last of `root` is for requests that hold this, and the others are for the rest. */
  readonly lastWhen?: string;
  /** Tokens that each call is said to have taken, and dollars that each sub-call is said to have cost. */
  readonly usage?: { readonly input: number; readonly output: number; readonly costUsd?: number };
  /** What goes wrong with the first calls of a kind. */
  readonly fault?: {
    readonly on: "root" | "sub";
    readonly kind: "429" | "500" | "broken-json" | "empty-choices" | "null-content" | "hang" | "reset";
    readonly times: number;
  };
}

interface Stats {
  root: number;
  sub: number;
  faults: number;
  inFlight: number;
  maxInFlight: number;
  subBytes: number;
  /** Of the last request that a root LM was sent. */
  lastRootBytes: number;
  spentUsd: number;
  /** The first bytes of the last requests, for a person. */
  last: string[];
}

let scene: Scene = { root: [""] };
let stats = emptyStats();
let played = 0;
/** In the query of every root call, and in every sub-prompt. */
const rootMark = "ROOTMARK";

const server = createServer((request, response) => {
  handle(request, response).catch((error: unknown) => {
    if (!response.headersSent) json(response, 500, { error: { message: String(error) } });
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1\n`);
});
process.stdin.resume();
process.stdin.once("end", () => process.exit(0));

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  const path = request.url ?? "";
  if (path.endsWith("/control")) {
    scene = JSON.parse(bytes.toString("utf8")) as Scene;
    stats = emptyStats();
    played = 0;
    return json(response, 200, {});
  }
  if (path.endsWith("/stats")) return json(response, 200, stats);
  if (path.endsWith("/models"))
    return json(response, 200, { object: "list", data: [{ id: "root" }, { id: "leaf" }] });
  await complete(bytes, response);
}

async function complete(bytes: Buffer, response: ServerResponse): Promise<void> {
  const isRoot = bytes.includes(rootMark);
  if (isRoot) {
    stats.root++;
    stats.lastRootBytes = bytes.length;
  } else {
    stats.sub++;
    stats.subBytes += bytes.length;
  }
  stats.inFlight++;
  stats.maxInFlight = Math.max(stats.maxInFlight, stats.inFlight);
  response.once("close", () => stats.inFlight--);
  if (process.env["PEERS_LOG"])
    stats.last = [...stats.last.slice(-4), bytes.toString("utf8").slice(0, 60_000)];
  const { fault } = scene;
  if (fault && (fault.on === "root") === isRoot && stats.faults < fault.times) {
    stats.faults++;
    if (fail(fault.kind, response)) return;
  }
  const delay = isRoot ? scene.rootDelayMs : scene.subDelayMs;
  if (delay !== undefined && delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
  // A call that failed has played nothing.
  const text = isRoot ? rootReply(bytes) : (scene.subReply ?? "yes");
  const costUsd = isRoot ? 0 : (scene.usage?.costUsd ?? 0);
  stats.spentUsd += costUsd;
  const said = text.includes("@evidence") ? text.replace("@evidence", evidenceIn(bytes)) : text;
  send(response, said, wantsStream(bytes), costUsd);
}

/** By what is asked and not by turns alone where a peer has two stages: one of them may ask again after a fault. */
function rootReply(bytes: Buffer): string {
  const { root, lastWhen } = scene;
  const last = root.at(-1) ?? "";
  if (lastWhen !== undefined && bytes.includes(lastWhen)) return last;
  const replies = lastWhen === undefined ? root : root.filter((reply) => reply !== last);
  return replies[Math.min(played++, replies.length - 1)] ?? "";
}

/** Who asks for a stream says so in the body; it is looked for as bytes, since bodies may be large. */
function wantsStream(bytes: Buffer): boolean {
  return bytes.includes('"stream":true') || bytes.includes('"stream": true');
}

/** A model that writes its answer from what a cell handed on: the member "value" in the last of the prompt. */
function evidenceIn(bytes: Buffer): string {
  const found = [
    ...bytes
      .toString("utf8")
      .slice(-20_000)
      .matchAll(/value(?:\\*")?:\s*(?:\\*")?([^"\\\n]*)/g),
  ];
  return found.at(-1)?.[1]?.trim() ?? "no evidence";
}

/** @returns false where the answer goes on as usual */
function fail(kind: NonNullable<Scene["fault"]>["kind"], response: ServerResponse): boolean {
  switch (kind) {
    case "429":
      response.setHeader("retry-after", "0");
      json(response, 429, { error: { message: "Rate limit reached", type: "rate_limit_error" } });
      return true;
    case "500":
      json(response, 500, { error: { message: "The server had an error" } });
      return true;
    case "broken-json":
      raw(response, '{"choices": [{"message": {"content": "ab');
      return true;
    case "empty-choices":
      json(response, 200, {
        id: "x",
        object: "chat.completion",
        created: 1,
        model: "root",
        choices: [],
        usage: usage(),
      });
      return true;
    case "null-content":
      json(response, 200, whole(null));
      return true;
    case "reset":
      response.socket?.resetAndDestroy();
      return true;
    case "hang":
      return true;
  }
}

function usage(costUsd = 0): object {
  const { input = 100, output = 20 } = scene.usage ?? {};
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    ...(scene.usage?.costUsd !== undefined && { cost: costUsd }),
  };
}

function whole(content: string | null, costUsd = 0): object {
  const choices = [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }];
  return { id: "x", object: "chat.completion", created: 1, model: "root", choices, usage: usage(costUsd) };
}

function send(response: ServerResponse, text: string, stream: boolean, costUsd: number): void {
  if (!stream) return json(response, 200, whole(text, costUsd));
  const chunk = (delta: object, finish_reason: string | null): string =>
    `data: ${JSON.stringify({ id: "x", object: "chat.completion.chunk", created: 1, model: "root", choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
  response.writeHead(200, { "content-type": "text/event-stream" });
  const last = `data: ${JSON.stringify({ id: "x", object: "chat.completion.chunk", model: "root", choices: [], usage: usage(costUsd) })}\n\n`;
  response.end(
    `${chunk({ role: "assistant", content: text }, null)}${chunk({}, "stop")}${last}data: [DONE]\n\n`,
  );
}

function json(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

function raw(response: ServerResponse, text: string): void {
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}

function emptyStats(): Stats {
  return {
    ...{ root: 0, sub: 0, faults: 0, inFlight: 0, maxInFlight: 0 },
    ...{ subBytes: 0, lastRootBytes: 0, spentUsd: 0, last: [] },
  };
}
