/** Two numbers that the host writes and a guest reads without waiting: a stand-in for signals and for polling a pipe. */
import { writeSync } from "node:fs";
import { namelessFile, type NamelessFile } from "./nameless-file.ts";

/** What it holds: how many bytes the host has sent, and how often it has interrupted; both modulo 2^32. */
export class Mailbox {
  readonly #file: NamelessFile = namelessFile();
  readonly #numbers = new Uint32Array(2);
  #isClosed = false;

  constructor() {
    this.#write();
  }

  /** For the guest: reading only. */
  get descriptor(): number {
    return this.#file.reading;
  }

  /** To be called before the bytes go out: a guest that knows of them waits for them. */
  countSent(bytes: number): void {
    this.#add(0, bytes);
  }

  interrupt(): void {
    this.#add(1, 1);
  }

  close(): void {
    this.#isClosed = true;
    this.#file.close();
  }

  #add(index: number, amount: number): void {
    if (this.#isClosed) return;
    this.#numbers[index] = (this.#numbers[index] ?? 0) + amount;
    this.#write();
  }

  #write(): void {
    writeSync(this.#file.writing, this.#numbers, 0, this.#numbers.byteLength, 0);
  }
}
