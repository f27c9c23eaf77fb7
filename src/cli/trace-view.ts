/** A run's trajectory as a person reads it: turns, cells, outputs, sub-calls, and what the root LM was told. */
import { grouped } from "../core/grouped.ts";
import type { Json } from "../core/json.ts";
import type { ExecutionResult } from "../core/sandbox.ts";
import type { TraceEvent } from "../core/trace.ts";
import { dollars } from "./show-answer.ts";

export class TraceView {
  readonly #out: NodeJS.WritableStream;

  constructor(out: NodeJS.WritableStream) {
    this.#out = out;
  }

  note(text: string): void {
    this.#out.write(`${text}\n`);
  }

  show(event: TraceEvent): void {
    const text = describe(event);
    if (text !== undefined) this.#out.write(`${indent(text, "  ".repeat(event.depth))}\n`);
  }

  end(): void {}
}

function describe(event: TraceEvent): string | undefined {
  switch (event.type) {
    case "run-start":
      return event.depth === 0 ? `question: ${event.query}` : `child ${event.runId}: ${event.query}`;
    case "turn-start":
      return `\n── turn ${event.turn} ──`;
    case "model-end":
      return event.role === "root"
        ? event.text.trim()
        : `  ${event.model}: ${cut(event.text.replace(/\s+/g, " "), 160)}${from(event.source)}`;
    case "model-error":
      return `  ${event.model} failed (${event.error.code}): ${event.error.message}`;
    case "model-retry":
      return `  attempt ${event.attempt} failed (${event.error.code}), next in ${(event.waitMs / 1000).toFixed(1)} s`;
    case "code-end":
      return `${resultOf(event.result)}\n(${(event.durationMs / 1000).toFixed(2)} s)`;
    case "batch-end":
      return event.items > 1
        ? `  ${event.name}: ${event.items} done, ${event.failed} failed, ${(event.durationMs / 1000).toFixed(1)} s`
        : undefined;
    case "look-up":
      return `  ${event.name} ${JSON.stringify(event.query)}: ${grouped(event.found)} found`;
    case "tool-end":
      return `  ${event.name}: ${cut(textOf(event.output).replace(/\s+/g, " "), 160)}${event.isError ? " (failed)" : ""}`;
    case "feedback":
      return `  told: ${event.text}`;
    case "notice":
      return event.text;
    case "run-end":
      return `\n${event.depth === 0 ? "" : `child ${event.runId} `}${event.status} · ${grouped(event.usage.calls)} model calls · ${dollars(event.costUsd)} · ${(event.durationMs / 1000).toFixed(1)} s`;
    default:
      return undefined;
  }
}

function resultOf(result: ExecutionResult): string {
  const { head, tail, characters } = result.stdout;
  const printed =
    characters === 0
      ? ""
      : `» ${indent(cut(`${head}${tail === "" ? "" : `\n…\n${tail}`}`.trimEnd(), 4_000), "  ").trimStart()}`;
  const end =
    result.status === "ok"
      ? (result.value ?? "")
      : result.status === "threw"
        ? result.error.traceback
        : `the cell was stopped (${result.status})`;
  const final = result.final ? `final answer by ${result.final.via}` : "";
  return [printed, end, final].filter((part) => part !== "").join("\n");
}

function from(source: "provider" | "cache" | "journal"): string {
  return source === "provider" ? "" : ` (${source})`;
}

function textOf(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function cut(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit)}… (${grouped(text.length)} characters)`;
}

function indent(text: string, by: string): string {
  return by === "" ? text : text.replace(/^/gm, by);
}
