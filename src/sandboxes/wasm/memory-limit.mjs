/** Holds the interpreter's memory below a limit. It can be lowered, never raised; a reserve opens for reports of cells. */

const page = 65_536;
const mebibyte = 1_048_576;
const reserve = 32 * mebibyte;
/** What the wasm file itself allows. */
const most = 512 * mebibyte;

export class MemoryLimit {
  #hard = most;
  #soft = most - reserve;
  #isRelaxed = true;
  #memory;

  get buffer() {
    return this.#memory.buffer;
  }

  /** Takes over the growth of this memory. */
  guard(memory) {
    this.#memory = memory;
    const grow = memory.grow.bind(memory);
    Object.defineProperty(memory, "grow", { value: (pages) => grow(Math.min(pages, this.#room())) });
  }

  /** Whether the memory may grow to this size. Whoever asks may then take more, as far as there is room. */
  permits(bytes) {
    return bytes <= this.#now();
  }

  /** From here on at most this much besides what is in use already, and the reserve. */
  limit(mebibytes) {
    if (!(mebibytes > 0)) return;
    const wanted = this.#memory.buffer.byteLength + mebibytes * mebibyte + reserve;
    this.#hard = Math.min(this.#hard, wanted);
    this.#soft = this.#hard - reserve;
    this.#isRelaxed = false;
  }

  relax() {
    this.#isRelaxed = true;
  }

  tighten() {
    this.#isRelaxed = false;
  }

  #now() {
    return this.#isRelaxed ? this.#hard : this.#soft;
  }

  #room() {
    return Math.max(0, Math.floor((this.#now() - this.#memory.buffer.byteLength) / page));
  }
}
