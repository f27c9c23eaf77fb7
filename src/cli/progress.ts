/** How a run is getting on, on standard error: one live line on a terminal, a line per turn elsewhere. */
import { grouped } from "../core/grouped.ts";
import type { TraceEvent } from "../core/trace.ts";
import { dollars } from "./show-answer.ts";

export class Progress {
  readonly #out: NodeJS.WriteStream;
  readonly #quiet: boolean;
  readonly #isLive: boolean;
  readonly #startedAt = Date.now();
  #timer: NodeJS.Timeout | undefined;
  #turn = 0;
  #doing = "opening the context";
  #subCallsDone = 0;
  #batch: { readonly items: number; done: number } | undefined;
  #inFlight = 0;
  #tokens = 0;
  #costUsd: number | null = 0;
  #width = 0;

  constructor(out: NodeJS.WriteStream, { quiet }: { readonly quiet: boolean }) {
    this.#out = out;
    this.#quiet = quiet;
    this.#isLive = !quiet && out.isTTY && process.env["TERM"] !== "dumb";
    if (this.#isLive) this.#timer = setInterval(() => this.#draw(), 100);
  }

  /** A line that stays. */
  note(text: string): void {
    if (this.#quiet) return;
    this.#clear();
    this.#out.write(`${text}\n`);
  }

  show(event: TraceEvent): void {
    this.#take(event);
    if (event.type === "notice") this.note(event.text);
    if (event.type === "model-retry")
      this.note(`${event.error.message} Trying again in ${(event.waitMs / 1000).toFixed(1)} s.`);
    if (!this.#isLive && event.type === "turn-start" && event.depth === 0) this.note(this.#line());
  }

  end(): void {
    clearInterval(this.#timer);
    this.#clear();
  }

  #take(event: TraceEvent): void {
    switch (event.type) {
      case "corpus-progress":
        this.#doing = `opening the context: ${grouped(event.documents)} documents, ${(event.bytes / 1e6).toFixed(1)} MB`;
        return;
      case "turn-start":
        if (event.depth > 0) return;
        this.#turn = event.turn;
        this.#doing = "thinking";
        return;
      case "code-start":
        if (event.depth === 0) this.#doing = "running a cell";
        return;
      case "batch-start":
        if (event.depth === 0) this.#batch = { items: event.items, done: 0 };
        return;
      case "batch-end":
        if (event.depth === 0) this.#batch = undefined;
        return;
      case "item-end":
        this.#subCallsDone++;
        if (this.#batch) this.#batch.done++;
        this.#costUsd =
          this.#costUsd === null || event.costUsd === null ? null : this.#costUsd + event.costUsd;
        return;
      case "model-start":
        this.#inFlight++;
        return;
      case "model-error":
        this.#inFlight--;
        if (this.#batch) this.#batch.done++;
        return;
      case "model-end":
        this.#inFlight--;
        if (event.role === "sub") {
          this.#subCallsDone++;
          if (this.#batch) this.#batch.done++;
        }
        this.#tokens += event.usage.inputTokens + event.usage.outputTokens;
        this.#costUsd =
          this.#costUsd === null || event.costUsd === null ? null : this.#costUsd + event.costUsd;
        return;
      default:
        return;
    }
  }

  #line(): string {
    const seconds = Math.round((Date.now() - this.#startedAt) / 1000);
    const batch =
      this.#batch && this.#batch.items > 1
        ? `sub-calls ${this.#batch.done} of ${this.#batch.items}`
        : undefined;
    const parts = [
      this.#turn > 0 ? `turn ${this.#turn}` : undefined,
      batch ?? this.#doing,
      this.#inFlight > 1 ? `${this.#inFlight} in flight` : undefined,
      this.#subCallsDone > 0 ? `${grouped(this.#subCallsDone)} sub-calls` : undefined,
      this.#tokens > 0 ? `${grouped(this.#tokens)} tokens` : undefined,
      this.#tokens > 0 && this.#costUsd !== null ? dollars(this.#costUsd) : undefined,
      `${seconds} s`,
    ];
    return parts.filter((part) => part !== undefined).join(" · ");
  }

  #draw(): void {
    const line = this.#line().slice(0, Math.max(20, (this.#out.columns ?? 80) - 1));
    this.#out.write(`\r${line}${" ".repeat(Math.max(0, this.#width - line.length))}`);
    this.#width = line.length;
  }

  #clear(): void {
    if (this.#isLive && this.#width > 0) this.#out.write(`\r${" ".repeat(this.#width)}\r`);
    this.#width = 0;
  }
}
