/** Decides whether the summariser is asked at all: after failures only at every second, fourth, eighth turn. No clock. */

export class SummariserPatience {
  #failures = 0;
  #nextTurn = 0;
  #turn = 0;

  nextTurn(): void {
    this.#turn++;
  }

  get isWorthTrying(): boolean {
    return this.#turn >= this.#nextTurn;
  }

  record(outcome: "worked" | "failed"): void {
    this.#failures = outcome === "worked" ? 0 : this.#failures + 1;
    const wait = this.#failures === 0 ? 0 : 2 ** Math.min(this.#failures, mostDoublings);
    this.#nextTurn = this.#turn + wait;
  }
}

const mostDoublings = 4;
