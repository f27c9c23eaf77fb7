/** What a fake provider may answer, faults included, and how each is put on the wire. It knows no vendor. */
import type { ServerResponse } from "node:http";
import { estimateTokens } from "../core/tokens.ts";
import type { Dialect, WireEvent, WireMessage, WireReply, WireToolCall, WireUsage } from "./wire/dialect.ts";

/** What the server was asked. */
export interface FakeRequest {
  readonly dialect: Dialect["name"];
  readonly model: string;
  readonly stream: boolean;
  readonly messages: readonly WireMessage[];
  /** The text of the last message: what most tests answer to. */
  readonly text: string;
  /** The parsed body as it was sent. */
  readonly body: Readonly<Record<string, unknown>>;
  /** The same to the letter. */
  readonly raw: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/** A reply, or a fault. A bare string is a reply of that text. */
export interface FakeReply {
  /** null is sent as null. @default "" */
  readonly text?: string | null;
  readonly reasoning?: string;
  readonly toolCalls?: readonly WireToolCall[];
  /** @default "stop", or "tool_calls" where there are some */
  readonly finishReason?: WireReply["finishReason"];
  /** null sends none. @default estimated from the texts */
  readonly usage?: WireUsage | null;
  /** The pieces of a streamed text. @default words */
  readonly pieces?: readonly string[];
  /** Wait before answering. @default 0 */
  readonly delayMs?: number;
  /** Above 399 a failure whose message is `text`. @default 200 */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as the body instead of anything else. */
  readonly raw?: string;
  /** Never answers; with "mid-stream", stops after the first pieces. */
  readonly hang?: boolean | "mid-stream";
  /** Closes the socket instead of answering, or in the middle of the answer. */
  readonly reset?: boolean | "mid-stream";
  /** Ends the answer properly but half-way. */
  readonly breakOff?: boolean;
}

/** Faults as replies, ready to be returned from `reply`. */
export const faults = {
  /** 429 with Retry-After in seconds. */
  rateLimited: (retryAfterSeconds?: number): FakeReply => ({
    ...{ status: 429, text: "Rate limit reached" },
    ...(retryAfterSeconds !== undefined && { headers: { "retry-after": String(retryAfterSeconds) } }),
  }),
  serverError: (): FakeReply => ({ status: 500, text: "The server had an error" }),
  overloaded: (): FakeReply => ({ status: 529, text: "Overloaded" }),
  wrongKey: (): FakeReply => ({ status: 401, text: "Incorrect API key provided" }),
  unknownModel: (model: string): FakeReply => ({
    status: 404,
    text: `The model \`${model}\` does not exist`,
  }),
  contextOverflow: (): FakeReply => ({
    ...{ status: 400 },
    text: "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
  }),
  hang: (): FakeReply => ({ hang: true }),
  reset: (): FakeReply => ({ reset: true }),
  brokenJson: (): FakeReply => ({ raw: '{"choices": [{"message": {"content": "ab' }),
  emptyChoices: (): FakeReply => ({ raw: '{"id": "x", "object": "chat.completion", "choices": []}' }),
  nullContent: (): FakeReply => ({ text: null }),
  /** A stream that ends without saying that it does. */
  brokenOff: (text: string): FakeReply => ({ text, breakOff: true }),
} as const;

/** Sends a reply, or does what its fault says, in a dialect. */
export async function sendReply(
  response: ServerResponse,
  dialect: Dialect,
  request: FakeRequest,
  reply: FakeReply,
): Promise<void> {
  if (reply.delayMs !== undefined && reply.delayMs > 0)
    await new Promise((resolve) => setTimeout(resolve, reply.delayMs));
  if (response.destroyed || reply.hang === true) return;
  if (reply.reset === true) return void response.socket?.resetAndDestroy();
  const status = reply.status ?? 200;
  for (const [name, value] of Object.entries(reply.headers ?? {})) response.setHeader(name, value);
  if (reply.raw !== undefined)
    return send(
      response,
      status,
      request.stream && status < 400 ? `data: ${reply.raw}\n\n` : reply.raw,
      request.stream,
    );
  if (status >= 400) return sendJson(response, status, dialect.failure(status, reply.text ?? ""));
  const wire = fillIn(reply, request);
  if (request.stream) return sendStream(response, dialect.events(wire, request.model), reply);
  sendWhole(response, JSON.stringify(dialect.whole(wire, request.model)), reply);
}

function sendStream(response: ServerResponse, events: readonly WireEvent[], reply: FakeReply): void {
  const lines = events.map(({ event, data }) => {
    const name = event === undefined ? "" : `event: ${event}\n`;
    return `${name}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;
  });
  response.writeHead(200, { "content-type": "text/event-stream" });
  if (!isCut(reply)) return void response.end(lines.join(""));
  const begun = lines.slice(0, Math.max(1, Math.floor(lines.length / 2))).join("");
  if (reply.breakOff === true) return void response.end(begun);
  writeAndStop(response, begun, reply);
}

function sendWhole(response: ServerResponse, body: string, reply: FakeReply): void {
  if (!isCut(reply)) return send(response, 200, body, false);
  const begun = body.slice(0, Math.floor(body.length / 2));
  if (reply.breakOff === true) return send(response, 200, begun, false);
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  writeAndStop(response, begun, reply);
}

function isCut(reply: FakeReply): boolean {
  return reply.hang === "mid-stream" || reply.reset === "mid-stream" || reply.breakOff === true;
}

function writeAndStop(response: ServerResponse, begun: string, reply: FakeReply): void {
  response.write(begun, () => {
    if (reply.reset === "mid-stream") response.socket?.resetAndDestroy();
  });
}

function fillIn(reply: FakeReply, request: FakeRequest): WireReply {
  const text = reply.text === undefined ? "" : reply.text;
  const toolCalls = reply.toolCalls ?? [];
  const estimated = {
    inputTokens: estimateInput(request),
    outputTokens: Math.max(1, estimateTokens(text ?? "")),
  };
  return {
    text: text === "" && toolCalls.length > 0 ? null : text,
    reasoning: reply.reasoning,
    toolCalls,
    finishReason: reply.finishReason ?? (toolCalls.length > 0 ? "tool_calls" : "stop"),
    usage: reply.usage === null ? undefined : (reply.usage ?? estimated),
    pieces: reply.pieces ?? (text ?? "").match(/\s*\S+\s*/g) ?? [],
  };
}

function estimateInput(request: FakeRequest): number {
  return request.messages.reduce((sum, message) => sum + 4 + estimateTokens(message.text), 0);
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, JSON.stringify(body), false);
}

function send(response: ServerResponse, status: number, body: string, streamed: boolean): void {
  const type = streamed && status < 400 ? "text/event-stream" : "application/json";
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) });
  response.end(body);
}
