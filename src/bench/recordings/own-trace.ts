/** Reads what a run of ours has kept, as JSON Lines of trace events, into calls and replies that can be played again. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { ConfigError } from "../../core/errors.ts";
import type { JsonObject } from "../../core/json.ts";
import { textOfMessage } from "../../core/message.ts";
import type { ModelRequest } from "../../core/model.ts";
import type { CallRole, TraceEvent } from "../../core/trace.ts";
import type { Usage } from "../../core/usage.ts";

export interface RecordedCall {
  readonly role: CallRole;
  readonly model: string;
  /** The question of the run that made it: children are told apart by it. */
  readonly question: string;
  readonly request: string;
  readonly text: string;
  readonly stopReason: string;
  readonly usage: Usage;
}

export interface OwnTrace {
  readonly question: string;
  /** What the prompts tell of, so that a replay has to have the same. */
  readonly limits: { readonly depth: number; readonly iterations?: number; readonly concurrency?: number };
  readonly calls: readonly RecordedCall[];
  readonly answer: string;
}

/** `unabridged runs show RUN --json` and the bench's traces are of this form. */
export function readOwnTrace(file: string): OwnTrace {
  const bytes = readFileSync(file);
  const text = (file.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
  const events = text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => JSON.parse(line) as TraceEvent);
  const questions = new Map<string, string>();
  const open = new Map<string, { readonly question: string; readonly request: string }>();
  const calls: RecordedCall[] = [];
  let answer: string | undefined;
  let settings: JsonObject = {};
  let deepest = 0;
  for (const event of events) {
    deepest = Math.max(deepest, event.depth);
    if (event.type === "run-start") questions.set(event.runId, event.query);
    if (event.type === "run-start" && event.depth === 0) settings = event.settings;
    if (event.type === "run-end" && event.depth === 0) answer = event.answer;
    if (event.type === "model-start")
      open.set(event.callId, {
        question: questions.get(event.runId) ?? "",
        request: requestText(event.request),
      });
    if (event.type !== "model-end") continue;
    const start = open.get(event.callId);
    if (!start) continue;
    const { role, model, text: reply, stopReason, usage } = event;
    calls.push({ role, model, ...start, text: reply, stopReason, usage });
  }
  const [question] = questions.values();
  if (question === undefined || answer === undefined)
    throw new ConfigError("invalid_input", `${file} is no whole trace: it needs a run-start and a run-end.`);
  const { depth, maxIterations: iterations } = settings;
  // No event says it, but the prompt does.
  const parallel = / (\d+) in parallel, answers in order/.exec(calls[0]?.request ?? "")?.[1];
  const limits = {
    depth: typeof depth === "number" ? depth : deepest + 1,
    ...(typeof iterations === "number" && { iterations }),
    ...(parallel !== undefined && { concurrency: Number(parallel) }),
  };
  return { question, limits, calls, answer };
}

/** What of a request is compared: its messages, in order. */
export function requestText({ messages }: ModelRequest): string {
  return messages.map((message) => `[${message.role}]\n${textOfMessage(message)}`).join("\n");
}
