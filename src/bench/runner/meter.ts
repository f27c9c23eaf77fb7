/** Adds up what a task consumed, from the events of its run: root and sub-calls apart, and where the time went. */
import type { TraceEvent } from "../../core/trace.ts";
import { addUsage, noUsage, type RunUsage, type Usage } from "../../core/usage.ts";

export interface RoleUsage extends Usage {
  calls: number;
}

export interface Measured {
  readonly root: RoleUsage;
  readonly sub: RoleUsage;
  /** Whole millionths of a US dollar; null where a price is not known. */
  readonly costMicroUsd: number | null;
  readonly turns: number;
  readonly cells: number;
  readonly failedCells: number;
  readonly failedCalls: number;
  readonly retries: number;
  /** Input tokens of the largest sub-call. */
  readonly largestSubPrompt: number;
  readonly depth: number;
  /** Sums over calls that may have run at once. */
  readonly llmMs: number;
  readonly cellMs: number;
}

export class Meter {
  #root: RoleUsage = { ...noUsage, calls: 0 };
  #sub: RoleUsage = { ...noUsage, calls: 0 };
  #costUsd: number | null = 0;
  #turns = 0;
  #cells = 0;
  #failedCells = 0;
  #failedCalls = 0;
  #retries = 0;
  #largest = 0;
  #depth = 0;
  #llmMs = 0;
  #cellMs = 0;

  readonly watch = (event: TraceEvent): void => {
    this.#depth = Math.max(this.#depth, event.depth);
    switch (event.type) {
      case "model-end":
        if (event.role === "root") this.#root = plus(this.#root, event.usage);
        else this.#sub = plus(this.#sub, event.usage);
        if (event.role !== "root") this.#largest = Math.max(this.#largest, event.usage.inputTokens);
        this.#costUsd =
          this.#costUsd === null || event.costUsd === null ? null : this.#costUsd + event.costUsd;
        this.#llmMs += event.durationMs;
        return;
      case "model-error":
        this.#failedCalls++;
        return;
      case "model-retry":
        this.#retries++;
        return;
      case "turn-start":
        this.#turns++;
        return;
      case "code-end":
        this.#cells++;
        this.#cellMs += event.durationMs;
        if (event.result.status !== "ok") this.#failedCells++;
        return;
      default:
        return;
    }
  };

  /** Adds calls that were made without events. */
  readonly addUnseen = (usage: RunUsage, costUsd: number | null): void => {
    this.#sub = { ...addUsage(this.#sub, usage), calls: this.#sub.calls + usage.calls };
    this.#failedCalls += usage.failedCalls;
    this.#costUsd = this.#costUsd === null || costUsd === null ? null : this.#costUsd + costUsd;
  };

  get costUsd(): number | null {
    return this.#costUsd;
  }

  read(): Measured {
    return {
      root: this.#root,
      sub: this.#sub,
      costMicroUsd: this.#costUsd === null ? null : Math.round(this.#costUsd * 1e6),
      turns: this.#turns === 0 ? this.#root.calls : this.#turns,
      cells: this.#cells,
      failedCells: this.#failedCells,
      failedCalls: this.#failedCalls,
      retries: this.#retries,
      largestSubPrompt: this.#largest,
      depth: this.#depth,
      llmMs: Math.round(this.#llmMs),
      cellMs: Math.round(this.#cellMs),
    };
  }
}

function plus(sum: RoleUsage, usage: Usage): RoleUsage {
  return { ...addUsage(sum, usage), calls: sum.calls + 1 };
}
