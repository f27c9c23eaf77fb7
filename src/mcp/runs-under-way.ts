/** Runs that go on in this process, so that one call may begin them and others follow, await or end them. */
import { ConfigError } from "../core/errors.ts";
import type { Run } from "../core/run.ts";
import { RunProgress } from "./run-progress.ts";

export interface RunUnderWay<Result> {
  readonly id: string;
  readonly progress: RunProgress;
  readonly result: Promise<Result>;
  cancel(): void;
  /** @returns stops telling */
  onProgress(listener: () => void): () => void;
}

/** Each has an interpreter of its own. */
const mostRuns = 16;
const mostFailures = 64;

export class RunsUnderWay {
  readonly #runs = new Map<string, RunUnderWay<unknown>>();
  readonly #ending = new Set<Promise<unknown>>();
  readonly #failures = new Map<string, unknown>();

  /** @param start is given the signal that `cancel` fires. Throws ConfigError where too many are under way. */
  begin<Result>(start: (signal: AbortSignal) => Run<Result>): RunUnderWay<Result> {
    if (this.#ending.size >= mostRuns)
      throw new ConfigError(
        "invalid_input",
        `${mostRuns} runs are under way, as many as may be. Wait for one of them (run_status), then try again.`,
      );
    const controller = new AbortController();
    const run = start(controller.signal);
    const progress = new RunProgress();
    const listeners = new Set<() => void>();
    const result = run.result();
    // In the background nobody may await it; who asks later is told.
    result.catch((error: unknown) => this.#keepFailure(run.id, error));
    const underWay: RunUnderWay<Result> = {
      ...{ id: run.id, progress, result },
      cancel: () => controller.abort(new DOMException("The client cancelled it.", "AbortError")),
      onProgress(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
    this.#runs.set(run.id, underWay);
    const end = this.#watch(run, underWay, listeners);
    this.#ending.add(end);
    void end.finally(() => this.#ending.delete(end));
    return underWay;
  }

  /** By the id of a run or of a job; undefined once it has ended. */
  find(id: string): RunUnderWay<unknown> | undefined {
    return (
      this.#runs.get(id) ??
      [...this.#runs.values()].find(({ progress: { jobId } }) => jobId !== undefined && jobId === id)
    );
  }

  /** Why a run ended without a result, where that was not long ago. */
  failureOf(id: string): unknown {
    return this.#failures.get(id);
  }

  async close(): Promise<void> {
    for (const run of this.#runs.values()) run.cancel();
    await Promise.allSettled(this.#ending);
  }

  #keepFailure(id: string, error: unknown): void {
    this.#failures.set(id, error);
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > mostFailures && oldest !== undefined) this.#failures.delete(oldest);
  }

  async #watch(
    run: Run<unknown>,
    { progress, id }: RunUnderWay<unknown>,
    listeners: ReadonlySet<() => void>,
  ): Promise<void> {
    try {
      for await (const event of run) {
        progress.take(event);
        for (const listener of listeners) listener();
      }
    } catch {
      // Whoever awaits the result is told, and the store keeps it for who asks later.
    } finally {
      this.#runs.delete(id);
      for (const listener of listeners) listener();
    }
  }
}
