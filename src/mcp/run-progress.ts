/** How far a run is, read from its events: a number that only grows, and a line for a person. */
import { grouped } from "../core/grouped.ts";
import type { JobId } from "../core/ids.ts";
import type { TraceEvent } from "../core/trace.ts";

export class RunProgress {
  readonly notices: string[] = [];
  #steps = 0;
  #items: { readonly done: number; readonly all: number | undefined } | undefined;
  #turn = 0;
  #doing = "beginning";
  #calls = 0;
  #costUsd: number | null = 0;
  #jobId: JobId | undefined;

  take(event: TraceEvent): void {
    switch (event.type) {
      case "notice":
        this.notices.push(event.text);
        return;
      case "corpus-progress":
        this.#doing = `opening ${grouped(event.documents)} documents`;
        return;
      case "turn-start":
        if (event.depth > 0) return;
        this.#steps++;
        this.#turn = event.turn;
        this.#doing = "thinking";
        return;
      case "code-start":
        if (event.depth === 0) this.#doing = "running a cell";
        return;
      case "batch-start":
        if (event.depth === 0 && event.items > 1) this.#doing = `${event.items} sub-calls`;
        return;
      case "model-end":
        this.#steps++;
        this.#calls++;
        this.#spend(event.costUsd);
        return;
      case "job-start":
        this.#jobId = event.jobId;
        this.#doing = "labelling";
        return;
      case "item-end":
        this.#steps++;
        return;
      case "job-progress":
        this.#items = { done: event.done + event.failed, all: event.complete ? event.items : undefined };
        return;
      default:
        return;
    }
  }

  get jobId(): JobId | undefined {
    return this.#jobId;
  }

  /** In items where they are counted, else in steps. */
  get amount(): { readonly progress: number; readonly total?: number } {
    if (!this.#items) return { progress: this.#steps };
    const { done, all } = this.#items;
    return { progress: done, ...(all !== undefined && { total: all }) };
  }

  get line(): string {
    const { progress, total } = this.amount;
    const parts = [
      this.#turn > 0 ? `turn ${this.#turn}` : undefined,
      this.#items ? `${progress}${total === undefined ? "" : ` of ${total}`} items` : this.#doing,
      this.#calls > 0 ? `${this.#calls} model ${this.#calls === 1 ? "call" : "calls"}` : undefined,
      this.#calls > 0 && this.#costUsd !== null ? `$${this.#costUsd.toFixed(3)}` : undefined,
    ];
    return parts.filter((part) => part !== undefined).join(" · ");
  }

  #spend(costUsd: number | null): void {
    this.#costUsd = this.#costUsd === null || costUsd === null ? null : this.#costUsd + costUsd;
  }
}
