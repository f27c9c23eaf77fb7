/** The outside of a run under way: numbers its events, hands them to who watches, and keeps it in the store. */
import { BudgetError, messageOf } from "../core/errors.ts";
import type { RunId } from "../core/ids.ts";
import { emitter } from "../core/scope.ts";
import type { NewRun, RunEnd, Store, StoredRun } from "../core/store.ts";
import type { TraceEvent, TraceEventBody } from "../core/trace.ts";
import { Recorder } from "./recorder.ts";

export class RecordedRun {
  readonly identity: { readonly runId: RunId; readonly parentRunId: undefined; readonly depth: 0 };
  readonly emit: (event: TraceEventBody) => void;
  readonly store: Store;
  /** The run as it is stored, where this is its continuation. */
  readonly resumed: StoredRun | undefined;
  readonly #watch: (event: TraceEvent) => void;
  #seq: number;
  #early: TraceEvent[] = [];
  #recorder: Recorder | undefined;
  #entering: Promise<void> | undefined;

  private constructor(
    runId: RunId,
    store: Store,
    watch: (event: TraceEvent) => void,
    resumed: StoredRun | undefined,
    seq: number,
  ) {
    this.identity = { runId, parentRunId: undefined, depth: 0 };
    this.store = store;
    this.resumed = resumed;
    this.#watch = watch;
    this.#seq = seq;
    this.emit = emitter(this.identity, this.nextSeq, this.publish);
  }

  /** Throws StoreError "not_found" where a run is to be resumed that is not there. */
  static async begin(
    runId: RunId,
    store: Store,
    watch: (event: TraceEvent) => void,
    isResume: boolean,
  ): Promise<RecordedRun> {
    if (!isResume) return new RecordedRun(runId, store, watch, undefined, 0);
    const stored = await store.runs.get(runId);
    let seq = 0;
    for await (const event of store.runs.events(runId)) seq = Math.max(seq, event.seq);
    return new RecordedRun(runId, store, watch, stored, seq);
  }

  readonly nextSeq = (): number => ++this.#seq;

  readonly publish = (event: TraceEvent): void => {
    this.#watch(event);
    if (this.#recorder) this.#recorder.record(event);
    else this.#early.push(event);
  };

  /** Once it resolves, the run is in the store. */
  enter(run: Omit<NewRun, "id">): Promise<void> {
    return (this.#entering = this.#enter(run));
  }

  async #enter(run: Omit<NewRun, "id">): Promise<void> {
    const { runId } = this.identity;
    if (!this.resumed) await this.store.runs.create({ id: runId, ...run });
    this.#recorder = new Recorder(this.store.runs, runId, (message) =>
      this.emit({
        type: "notice",
        text: `This run is no longer recorded, and can't be resumed past this point: ${message}`,
      }),
    );
    for (const event of this.#early.splice(0)) this.#recorder.record(event);
  }

  async end(end: Omit<RunEnd, "at">): Promise<void> {
    // A run that failed early may still be on its way into the store; one that never came there has no end.
    await this.#entering?.catch(() => {});
    if (!this.#recorder) return;
    // The store carries out what it is told in that order, so nothing is waited for in between.
    const flushed = this.#recorder.flush();
    try {
      await this.store.runs.finish(this.identity.runId, { at: Date.now(), ...end });
      await flushed;
    } catch (error) {
      // The answer is there and must reach who asked; only the record of it is missing.
      this.emit({ type: "notice", text: `The end of this run could not be recorded: ${messageOf(error)}` });
    }
  }

  async fail(error: unknown): Promise<void> {
    const status = error instanceof BudgetError ? "partial" : "failed";
    await this.end({ status, answer: "", result: { status, error: messageOf(error) } });
  }
}
