/** Follows a run and tells its client: text and thinking as they come, then how it ended. It decides nothing of either. */
import { ModelError } from "../core/errors.ts";
import type { Run } from "../core/run.ts";
import type { ModelReply } from "../core/model.ts";
import type { TraceEvent } from "../core/trace.ts";
import { noUsage, type Usage } from "../core/usage.ts";
import type { Dialect, ReplyEnd, ReplyHead, ReplyStream } from "./dialect.ts";
import type { Exchange } from "./exchange.ts";
import { failureOf } from "./failure.ts";

/** What comes of a run while it goes on. */
export interface Piece {
  readonly type: "text" | "reasoning";
  readonly text: string;
}

export interface Served<Result> {
  readonly run: Run<Result>;
  readonly dialect: Dialect;
  readonly head: ReplyHead;
  readonly isStream: boolean;
  readonly showsReasoning: boolean;
  /** What of an event a client is shown. Throws what ends the reply. */
  piecesOf(event: TraceEvent): readonly Piece[];
  /** What is still to be said once it has ended, and how. Throws where there is nothing to answer. */
  endOf(result: Result): {
    readonly pieces: readonly Piece[];
    readonly end: ReplyEnd;
    readonly costUsd: number | null;
  };
  /** Work on a result before it is told. */
  prepare?(result: Result): Promise<void>;
  /** Told before the response begins or ends, whichever is first. */
  tell(): void;
}

export async function serveRun<Result>(exchange: Exchange, served: Served<Result>): Promise<void> {
  if (served.isStream) await serveStream(exchange, served);
  else await serveWhole(exchange, served);
}

async function serveWhole<Result>(exchange: Exchange, served: Served<Result>): Promise<void> {
  const { run, dialect, head } = served;
  const said = { text: "", reasoning: "" };
  for await (const event of run) for (const { type, text } of served.piecesOf(event)) said[type] += text;
  const result = await run.result();
  await served.prepare?.(result);
  const { pieces, end, costUsd } = served.endOf(result);
  for (const { type, text } of pieces) said[type] += text;
  served.tell();
  exchange.tell("cost-usd", costUsd);
  const reasoning = served.showsReasoning ? said.reasoning : "";
  exchange.json(200, dialect.whole({ ...head, ...end, text: said.text, reasoning }));
}

/** The response begins with the first piece, so that what fails before it has a status of its own. */
async function serveStream<Result>(exchange: Exchange, served: Served<Result>): Promise<void> {
  const { run, dialect, head } = served;
  let stream: ReplyStream | undefined;
  const begin = (): ReplyStream => {
    if (stream) return stream;
    served.tell();
    exchange.beginEvents();
    return (stream = dialect.stream(head, (event) => exchange.send(event)));
  };
  const say = ({ type, text }: Piece): void => {
    if (text === "") return;
    if (type === "text") begin().text(text);
    else if (served.showsReasoning) begin().reasoning(text);
  };
  const alive = setInterval(() => {
    begin();
    exchange.comment("still at work");
  }, keepAliveMs);
  try {
    for await (const event of run) {
      for (const piece of served.piecesOf(event)) say(piece);
      if (exchange.mustWait) await exchange.drained();
    }
    const result = await run.result();
    await served.prepare?.(result);
    const { pieces, end, costUsd } = served.endOf(result);
    for (const piece of pieces) {
      say(piece);
      await exchange.drained();
    }
    begin().end(end);
    exchange.endEvents(costUsd);
  } catch (error) {
    // Nothing was sent yet: the failure is a response of its own.
    if (!stream || exchange.signal.aborted) throw error;
    exchange.send(dialect.failureEvent(failureOf(error)));
    exchange.endEvents();
  } finally {
    clearInterval(alive);
  }
}

/** Proxies close what is silent for a minute; clients do so for less. */
const keepAliveMs = 15_000;

/** The calls of the root LM, as a client counts: what it saw last, and all that it wrote. */
export class RootCalls {
  #own = new Set<string>();
  #spoken = new Map<string, number>();
  #input = noUsage;
  #output = { outputTokens: 0, reasoningTokens: 0 };
  stopReason: ModelReply["stopReason"] = "other";

  get usage(): Usage {
    return { ...this.#input, ...this.#output };
  }

  /** Pieces of what the root LM says; nothing for calls that only serve it. */
  read(event: TraceEvent): Piece | undefined {
    switch (event.type) {
      case "model-start":
        if (event.role === "root" && event.depth === 0) this.#own.add(event.callId);
        return undefined;
      case "model-delta": {
        if (!this.#own.has(event.callId)) return undefined;
        if (event.kind === "text")
          this.#spoken.set(event.callId, (this.#spoken.get(event.callId) ?? 0) + event.text.length);
        return { type: event.kind, text: event.text };
      }
      case "model-retry":
        // What was said can't be unsaid, and would be said twice.
        if ((this.#spoken.get(event.callId) ?? 0) > 0)
          throw new ModelError("bad_response", `The provider's reply broke off: ${event.error.message}`);
        return undefined;
      case "model-end":
        if (this.#own.has(event.callId)) this.#ended(event.usage, event.stopReason);
        return undefined;
      default:
        return undefined;
    }
  }

  #ended(usage: Usage, stopReason: string): void {
    this.#input = usage;
    this.#output.outputTokens += usage.outputTokens;
    this.#output.reasoningTokens += usage.reasoningTokens;
    this.stopReason = isStopReason(stopReason) ? stopReason : "other";
  }
}

function isStopReason(text: string): text is ModelReply["stopReason"] {
  return ["stop", "length", "tool-calls", "refused", "other"].includes(text);
}
