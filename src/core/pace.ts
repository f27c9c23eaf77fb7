/**
 * How many calls a second an endpoint takes, learned from its refusals: none until the first. After one the pace is a
 * little under what was last accepted, feels its way back to that within seconds, stays there a while, and then climbs
 * ever faster until the next refusal: the cubic curve by which networks share a line they know nothing of. Pure but for
 * the time it is told.
 */
export class Pace {
  /** Accepted calls of the last seconds, by second. */
  readonly #accepted = new Map<number, number>();
  #knownRate: number | undefined;
  #refusedAt = 0;
  /** When the next call may start. */
  #nextAt = 0;

  /** Milliseconds to wait before a call may start; 0 is now, and then the call counts as started. */
  take(now: number): number {
    const rate = this.rate(now);
    if (rate === undefined) return 0;
    if (this.#nextAt > now) return this.#nextAt - now;
    // A little may be made up for after a pause, never a burst.
    this.#nextAt = Math.max(this.#nextAt, now - 1000 / rate) + 1000 / rate;
    return 0;
  }

  accepted(now: number): void {
    const second = Math.floor(now / 1000);
    this.#accepted.set(second, (this.#accepted.get(second) ?? 0) + 1);
    if (this.#accepted.size > measuredSeconds * 4)
      for (const old of this.#accepted.keys()) if (old < second - measuredSeconds) this.#accepted.delete(old);
  }

  /** Refusals of calls that were under way together count once. */
  refused(now: number, startedAt: number, retryAfterMs: number): void {
    this.#nextAt = Math.max(this.#nextAt, now + retryAfterMs);
    if (startedAt < this.#refusedAt) return;
    this.#knownRate = Math.max(slowest, this.#measure(now));
    this.#refusedAt = now + retryAfterMs;
  }

  /** Calls a second; undefined while there is no limit to know of. */
  rate(now: number): number | undefined {
    if (this.#knownRate === undefined) return undefined;
    const seconds = Math.max(0, now - this.#refusedAt) / 1000;
    const bend = (seconds - plateauSeconds) / plateauSeconds;
    const rate = this.#knownRate * (1 + (1 - backOff) * bend ** 3);
    if (rate < fastest) return rate;
    this.#knownRate = undefined;
    return undefined;
  }

  /** The best of the last seconds, but never more than was tried, nor so little that one bad second decides. */
  #measure(now: number): number {
    const second = Math.floor(now / 1000);
    const counts = Array.from(
      { length: measuredSeconds },
      (_, back) => this.#accepted.get(second - back) ?? 0,
    );
    const best = Math.max(...counts);
    const tried = this.rate(now);
    // Where little was asked, little was accepted: that says nothing of a limit. Further refusals halve the guess.
    return tried === undefined ? Math.max(best, firstGuess) : Math.min(tried, Math.max(best, tried / 2));
  }
}

const measuredSeconds = 3;
const plateauSeconds = 6;
/** Where the pace falls to, of what was accepted. */
const backOff = 0.85;
/** Calls a second, at least: a server that wants fewer says so with each Retry-After, which is waited for besides. */
const slowest = 1;
/** Calls a second after a first refusal, at least. */
const firstGuess = 10;
/** A pace that no endpoint asks for: the limit was lifted. */
const fastest = 5_000;
