/** Finds the line on which each place of a text begins, while the text streams by. */
import { placeAt, type Place } from "./places.ts";

const newline = 0x0a;

export class PlaceLines {
  readonly #places: readonly Place[];
  /** Those found so far, each starting at its line in place of its character. */
  readonly #byLine: Place[] = [];
  #characters = 0;
  #line = 1;

  constructor(places: readonly Place[]) {
    this.#places = places;
  }

  /** Hands on a stream of UTF-8 as it comes. */
  async *watch(stream: AsyncIterable<unknown>): AsyncGenerator<unknown> {
    for await (const chunk of stream) {
      if (this.#byLine.length < this.#places.length && chunk instanceof Uint8Array) this.#look(chunk);
      yield chunk;
    }
  }

  /** Where a line stood that has gone by; nothing where nothing is known of it. */
  at(line: number): Omit<Place, "start"> {
    const { start: _, ...place } = placeAt(this.#byLine, line) ?? { start: 0 };
    return place;
  }

  #look(bytes: Uint8Array): void {
    let next = this.#places[this.#byLine.length];
    for (const byte of bytes) {
      // A character begins here, unless its first byte went before.
      if ((byte & 0xc0) !== 0x80) {
        for (; next && next.start <= this.#characters; next = this.#places[this.#byLine.length])
          this.#byLine.push({ ...next, start: this.#line });
        this.#characters++;
      }
      if (byte === newline) this.#line++;
    }
  }
}
