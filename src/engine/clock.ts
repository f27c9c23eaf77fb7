/** The end of a run by its own clock or by its caller, as one signal. */
import { limitReached } from "../core/budget.ts";

export class Clock {
  readonly signal: AbortSignal;
  readonly #timer: NodeJS.Timeout | undefined;

  /** @param timeMs after this the signal fires with a BudgetError "time" */
  constructor(caller: AbortSignal | undefined, timeMs: number | undefined) {
    const deadline = new AbortController();
    this.signal = caller ? AbortSignal.any([caller, deadline.signal]) : deadline.signal;
    if (timeMs !== undefined)
      this.#timer = setTimeout(() => deadline.abort(limitReached("time", timeMs, timeMs)), timeMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
