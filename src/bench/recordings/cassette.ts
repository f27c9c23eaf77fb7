/**
 * A model that says again what a trace has recorded. strict: a request gets the reply to the equal request. ordered: each run's
 * calls get its replies in order, and must still be alike. A request that was not recorded is a failure with a diff, never a live call.
 */
import { ModelError } from "../../core/errors.ts";
import type { Model, ModelReply } from "../../core/model.ts";
import { requestText, type OwnTrace, type RecordedCall } from "./own-trace.ts";

export type CassetteMode = "strict" | "ordered";

export interface Cassette {
  readonly model: Model;
  readonly subModel: Model;
  /** Requests that were not as recorded, each with its diff. */
  readonly divergences: readonly string[];
  /** Recorded calls that were not asked for. */
  unused(): number;
}

export function cassette(trace: OwnTrace, mode: CassetteMode): Cassette {
  const left = [...trace.calls];
  const divergences: string[] = [];
  const diverge = (message: string): ModelError => {
    divergences.push(message);
    return new ModelError("bad_request", message, { retryable: false });
  };
  // The prompt tells the root of the sub-model and its window, so the cassette's are those of the trace.
  const told = /A sub-LM \((.+?)\) sees only [\s\S]*? Its window is ([\d,]+) tokens/.exec(
    trace.calls[0]?.request ?? "",
  );
  const contextWindow = Number(told?.[2]?.replaceAll(",", "") ?? 128_000);
  const modelNamed = (id: string): Model => ({
    id,
    provider: "cassette",
    endpoint: "cassette",
    contextWindow,
    maxOutputTokens: undefined,
    price: undefined,
    reasoning: false,
    structuredOutputs: false,
    async generate(request) {
      const text = requestText(request);
      const index = left.findIndex((call) =>
        mode === "strict" ? call.request === text : isSamePlace(call, text),
      );
      const [call] = index < 0 ? [] : left.splice(index, 1);
      if (!call) throw diverge(`This request was not recorded.\n${diff(nearest(left, text), text)}`);
      if (mode === "ordered" && alike(call.request, text) < 0.9)
        throw diverge(`The next request is unlike the recorded one.\n${diff(call.request, text)}`);
      return replyOf(call);
    },
  });
  const model = modelNamed(trace.calls[0]?.model ?? "cassette");
  return { model, subModel: modelNamed(told?.[1] ?? model.id), divergences, unused: () => left.length };
}

/** A turn of the same run by its question and number; a sub-call by the beginning of its prompt. */
function isSamePlace(call: RecordedCall, text: string): boolean {
  const turnsOf = (request: string): number => request.split("\n[assistant]\n").length;
  if (call.role !== "root") return !text.startsWith("[system]") && alike(call.request, text) >= 0.9;
  return (
    text.startsWith("[system]") &&
    text.includes(`# Question\n${call.question}\n`) &&
    turnsOf(call.request) === turnsOf(text)
  );
}

function replyOf({ text, stopReason, usage }: RecordedCall): ModelReply {
  const reasons = ["stop", "length", "tool-calls", "refused"] as const;
  return {
    content: [{ type: "text", text }],
    text,
    stopReason: reasons.find((reason) => reason === stopReason) ?? "other",
    usage,
  };
}

/** The share of lines that two texts have in common. */
function alike(a: string, b: string): number {
  const [one, other] = [a.split("\n"), new Set(b.split("\n"))];
  return one.filter((line) => other.has(line)).length / Math.max(one.length, 1);
}

function nearest(calls: readonly RecordedCall[], text: string): string {
  let best = "";
  for (const { request } of calls)
    if (best === "" || alike(request, text) > alike(best, text)) best = request;
  return best;
}

/** From the first line that differs: five lines of each. */
export function diff(recorded: string, now: string): string {
  const [before, after] = [recorded.split("\n"), now.split("\n")];
  let at = 0;
  while (at < before.length && at < after.length && before[at] === after[at]) at++;
  const show = (sign: string, lines: readonly string[]): string[] =>
    lines.slice(at, at + 5).map((line) => `${sign} ${line.slice(0, 300)}`);
  return [`line ${at + 1}:`, ...show("-", before), ...show("+", after)].join("\n");
}
