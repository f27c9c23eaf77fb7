/** How a job is getting on, on standard error: one live line on a terminal, now and then a line elsewhere. */
import { grouped } from "../core/grouped.ts";
import type { TraceEvent } from "../core/trace.ts";
import { dollars } from "./show-answer.ts";

type JobProgress = TraceEvent & { readonly type: "job-progress" };

const lineEveryMs = 10_000;

export class MapProgress {
  readonly #out: NodeJS.WriteStream;
  readonly #quiet: boolean;
  readonly #isLive: boolean;
  #width = 0;
  #toldAt = Date.now();

  constructor(out: NodeJS.WriteStream, { quiet }: { readonly quiet: boolean }) {
    this.#out = out;
    this.#quiet = quiet;
    this.#isLive = !quiet && out.isTTY && process.env["TERM"] !== "dumb";
  }

  /** A line that stays. */
  note(text: string): void {
    if (this.#quiet) return;
    this.#clear();
    this.#out.write(`${text}\n`);
  }

  show(event: TraceEvent): void {
    switch (event.type) {
      case "notice":
        return this.note(event.text);
      case "job-start":
        if (event.done > 0) this.note(`${event.jobId}: ${grouped(event.done)} done before.`);
        return;
      case "job-progress":
        return this.#tell(event);
      default:
        return;
    }
  }

  end(): void {
    this.#clear();
  }

  #tell(event: JobProgress): void {
    if (this.#quiet) return;
    if (this.#isLive) return this.#draw(progressLine(event));
    if (Date.now() - this.#toldAt < lineEveryMs) return;
    this.#toldAt = Date.now();
    this.note(progressLine(event));
  }

  #draw(text: string): void {
    const line = text.slice(0, Math.max(20, (this.#out.columns ?? 80) - 1));
    this.#out.write(`\r${line}${" ".repeat(Math.max(0, this.#width - line.length))}`);
    this.#width = line.length;
  }

  #clear(): void {
    if (this.#isLive && this.#width > 0) this.#out.write(`\r${" ".repeat(this.#width)}\r`);
    this.#width = 0;
  }
}

export function progressLine({ items, done, failed, itemsPerSecond, costUsd, etaMs }: JobProgress): string {
  const rate = itemsPerSecond < 10 ? itemsPerSecond.toFixed(1) : grouped(itemsPerSecond);
  return [
    `${grouped(done)} of ${grouped(items)} done`,
    ...(failed > 0 ? [`${grouped(failed)} failed`] : []),
    `${rate} items/s`,
    dollars(costUsd),
    ...(etaMs === null || etaMs === 0 ? [] : [`${durationOf(etaMs)} left`]),
  ].join(" · ");
}

function durationOf(milliseconds: number): string {
  const seconds = Math.max(1, Math.round(milliseconds / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}
