/** `ask/NAME`: a Recursive Language Model behind the dialects of chat. Its progress is its thinking, its answer the reply. */
import { ModelError } from "../core/errors.ts";
import type { Json, JsonObject } from "../core/json.ts";
import type { TraceEvent } from "../core/trace.ts";
import { parseJson, schemaCheck } from "../core/typed-call.ts";
import type { AskResult } from "../engine/index.ts";
import type { Service } from "../setup/service.ts";
import { askedOf } from "./asked.ts";
import type { Dialect } from "./dialect.ts";
import type { Exchange } from "./exchange.ts";
import { newHead } from "./reply-head.ts";
import { serveRun, type Piece } from "./served-run.ts";

export const askPrefix = "ask/";

export async function answerAsk(
  service: Service,
  exchange: Exchange,
  dialect: Dialect,
  json: JsonObject,
  name: string,
): Promise<void> {
  const request = dialect.read(json);
  const bare = name.slice(askPrefix.length);
  const { contextWindow } = await service.model(bare);
  const { query, documents } = askedOf(request, contextWindow);
  const engine = await service.engine(exchange.tenant, bare);
  const context = documents.length === 1 && documents[0] ? documents[0] : documents;
  const schema = request.settings.output?.schema;
  // Checked before anything is paid for.
  const faultOf = schema && (await schemaCheck(schema));
  const cache = !/\bno-cache\b/i.test(exchange.request.headers["cache-control"] ?? "");
  const run = engine.ask({ query, context }, { cache, signal: exchange.signal, caller: { served: name } });
  let answer: string | undefined;
  await serveRun<AskResult>(exchange, {
    ...{ run, dialect, head: newHead(name, request.wantsUsage), isStream: json["stream"] === true },
    showsReasoning: request.showsReasoning,
    piecesOf: progressOf,
    async prepare(result) {
      answer = faultOf ? await asJson(result, faultOf) : result.answer;
    },
    endOf(result) {
      exchange.signal.throwIfAborted();
      const { usage, costUsd, citations, limit, status, runId } = result;
      const text = answer ?? result.answer;
      if (limit && text === "") throw new ModelError("refused", limit.message, { retryable: false });
      const extra: JsonObject = {
        ...{ runId, status, costUsd, citations: citations.map((citation): JsonObject => ({ ...citation })) },
        ...(limit && { limit: { code: limit.code, message: limit.message } }),
      };
      const end = { toolCalls: [], stopReason: limit ? "length" : "stop", usage, extra } as const;
      return { pieces: piecesOfAnswer(text), end, costUsd };
    },
    tell: () => exchange.tell("run", run.id),
  });
}

/** What the root LM does, a line for each step. */
function progressOf(event: TraceEvent): readonly Piece[] {
  const line = lineOf(event);
  return line === undefined ? [] : [{ type: "reasoning", text: `${line}\n` }];
}

function lineOf(event: TraceEvent): string | undefined {
  const where = event.depth === 0 ? "" : `${"  ".repeat(event.depth)}child: `;
  switch (event.type) {
    case "corpus-progress":
      return undefined;
    case "turn-start":
      return `${where}turn ${event.turn}`;
    case "look-up":
      return `${where}${event.name} "${event.query.slice(0, 80)}": ${event.found} found`;
    case "batch-start":
      return `${where}${event.items} sub-calls (${event.name})`;
    case "batch-end":
      return event.failed > 0 ? `${where}${event.failed} of ${event.items} sub-calls failed` : undefined;
    case "notice":
      return `${where}${event.text}`;
    default:
      return undefined;
  }
}

/** In pieces, so that a slow client takes an answer of megabytes as it can. */
function piecesOfAnswer(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  for (let start = 0; start < text.length; start += pieceLength)
    pieces.push({ type: "text", text: text.slice(start, start + pieceLength) });
  return pieces;
}

const pieceLength = 4096;

/** Throws ModelError "bad_response" where the answer is no value of the schema. */
async function asJson(
  { value, answer }: AskResult,
  faultOf: (value: Json) => string | undefined,
): Promise<string> {
  if (value !== undefined && faultOf(value) === undefined) return JSON.stringify(value);
  const parsed = await parseJson(answer);
  const fault = parsed.type === "json" ? faultOf(parsed.value) : parsed.fault;
  if (parsed.type === "json" && fault === undefined) return JSON.stringify(parsed.value);
  throw new ModelError("bad_response", `The answer does not satisfy the schema: ${fault ?? ""}`, {
    retryable: false,
  });
}
