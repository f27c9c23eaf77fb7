/** Makes labels ahead while nobody waits, one piece of work at a time. What fails is left for a later turn. */
import { messageOf } from "../core/errors.ts";
import type { Model } from "../core/model.ts";
import type { RunScope } from "../core/scope.ts";
import type { Compactor } from "./compact.ts";
import { Superseded } from "./make-nodes.ts";
import type { SummariserPatience } from "./patience.ts";
import type { Situation } from "./situation.ts";

export interface BackgroundParts {
  readonly patience: SummariserPatience;
  readonly signal: AbortSignal;
  /** Undefined where there is no model to write labels. */
  open(): Promise<
    { readonly compactor: Compactor; readonly model: Model; readonly situation: Situation } | undefined
  >;
  scope(signal: AbortSignal): RunScope | Promise<RunScope>;
}

export class Background {
  readonly #parts: BackgroundParts;
  #work: Promise<void> | undefined;
  #isWoken = false;
  #hasWarned = false;

  constructor(parts: BackgroundParts) {
    this.#parts = parts;
  }

  /** There may be something to do. */
  wake(): void {
    this.#isWoken = true;
    this.#work ??= this.#run().finally(() => (this.#work = undefined));
  }

  async idle(): Promise<void> {
    while (this.#work) await this.#work;
  }

  async #run(): Promise<void> {
    const { signal } = this.#parts;
    while (this.#isWoken && !signal.aborted) {
      this.#isWoken = false;
      try {
        await this.#once();
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Superseded) {
          // There may be something to do for the new context.
          this.#isWoken = true;
          continue;
        }
        // The conversation goes on without; whoever needs labels meets the same error where it can be told.
        this.#parts.patience.record("failed");
        this.#warn(error);
      }
    }
  }

  #warn(error: unknown): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    process.emitWarning(`Labels could not be made ahead: ${messageOf(error)}`, "UnabridgedWarning");
  }

  async #once(): Promise<void> {
    const { patience, signal } = this.#parts;
    if (!patience.isWorthTrying) return;
    const opened = await this.#parts.open();
    if (!opened) return;
    const { compactor, model, situation } = opened;
    const target = await compactor.planAhead(situation);
    if (target === undefined && !compactor.needsRepair) return;
    const summariser = { model, scope: await this.#parts.scope(signal), signal, patience };
    if (target !== undefined) await compactor.prepare(situation, target, summariser);
    if (compactor.needsRepair && patience.isWorthTrying) await compactor.repair(situation, summariser);
  }
}
