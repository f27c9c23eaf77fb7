/**
 * The way to the host: bytes on descriptors 3 and 4, and a mailbox, a little file on descriptor 5 into which the host
 * writes how many bytes it has sent and how often it has interrupted. It knows no frames.
 *
 * Everything here runs while Python waits for it: the process has no event loop to speak of. A pipe can't be asked
 * whether it holds anything without one, and a signal wouldn't be delivered; the mailbox answers both.
 */
import { readSync, writeSync } from "node:fs";

const fromHost = 3;
const toHost = 4;
const mailbox = 5;
/** How old a look into the mailbox may be, so that Python can ask as often as it likes. */
const freshMs = 2;
const interruptSignal = 2;

export class HostLine {
  /** Set while whoever polls waits without end: then a read may block, and it is what wakes up at once. */
  mayBlock = false;
  #mail = new Uint32Array(2);
  #interruptsSeen = 0;
  #bytesRead = 0;
  #lookedAt = 0;
  #parent = process.ppid;
  #bell = new Int32Array(new SharedArrayBuffer(4));

  read(buffer) {
    const size = this.#patiently(() => readSync(fromHost, buffer));
    this.#bytesRead = (this.#bytesRead + size) >>> 0;
    return size;
  }

  write(buffer) {
    let written = 0;
    while (written < buffer.length) written += this.#patiently(() => writeSync(toHost, buffer, written));
  }

  #patiently(attempt) {
    for (;;) {
      try {
        return attempt();
      } catch (error) {
        // Where the host is gone, this process has no reason to live either.
        if (error.code !== "EAGAIN") process.exit(0);
        this.sleep(1);
      }
    }
  }

  /** Whether a read would not block, or at least not for longer than bytes take that are on their way. */
  get hasBytes() {
    if (this.mayBlock) return true;
    this.#look();
    return this.#mail[0] !== this.#bytesRead;
  }

  /** Whether the host has interrupted since the last `takeInterrupt`. */
  get isInterrupted() {
    this.#look();
    return this.#mail[1] !== this.#interruptsSeen;
  }

  /** The signal that the interpreter shall raise now, or 0. It asks at loops and calls, so it has to be cheap. */
  takeInterrupt() {
    if (performance.now() - this.#lookedAt < freshMs && !this.#isMarked()) return 0;
    if (!this.isInterrupted) return 0;
    this.#interruptsSeen = this.#mail[1];
    return interruptSignal;
  }

  /** Drops interrupts that were meant for an earlier cell and came too late for it. */
  forgetInterrupts() {
    this.#look();
    this.#interruptsSeen = this.#mail[1];
  }

  sleep(milliseconds) {
    Atomics.wait(this.#bell, 0, 0, milliseconds);
  }

  #isMarked() {
    return this.#mail[1] !== this.#interruptsSeen;
  }

  #look() {
    // A cell that loops reads nothing, so it would not see the pipe end where the host was killed.
    if (process.ppid !== this.#parent) process.exit(0);
    readSync(mailbox, this.#mail, 0, 8, 0);
    this.#lookedAt = performance.now();
  }
}
