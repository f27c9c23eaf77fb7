/** One cell while it runs: its output, its host calls, its clock, and how it is stopped. It restarts nothing. */
import { randomInt } from "node:crypto";
import { isUnabridgedError, messageOf } from "../core/errors.ts";
import type { CellOutput, HostCall } from "../core/sandbox.ts";
import { ProtocolViolation } from "./frames.ts";
import type { Guest } from "./guest.ts";
import type { CellDone, GuestMessage, Reply } from "./messages.ts";

export type CellEnd = {
  readonly stdout: CellOutput;
  /** Host calls that were still under way. */
  readonly unawaited: number;
} & (
  | { readonly type: "done"; readonly done: CellDone }
  | { readonly type: "exited"; readonly reason: string; readonly timedOut: boolean }
);

export interface CellSettings {
  readonly timeoutMs: number;
  /** From the first interrupt to the kill. */
  readonly graceMs: number;
}

const interruptEveryMs = 50;
const maxCallsUnderWay = 100_000;
/** What a guest streams before it only counts, with some slack: more comes from forged frames and is dropped. */
const maxHeadCharacters = 600 * 1024;

export class CellRun {
  readonly #guest: Guest;
  readonly #call: HostCall;
  readonly #settings: CellSettings;
  readonly #id = randomInt(2 ** 47);
  readonly #calls = new Map<number, AbortController>();
  readonly #ended = Promise.withResolvers<CellDone>();
  #head: string[] = [];
  #headCharacters = 0;
  #replies = 0;
  #remainingMs: number;
  #clockStartedAt: number | undefined;
  #clock: NodeJS.Timeout | undefined;
  #stopping: NodeJS.Timeout[] = [];
  #timedOut = false;

  constructor(guest: Guest, call: HostCall, settings: CellSettings) {
    this.#guest = guest;
    this.#call = call;
    this.#settings = settings;
    this.#remainingMs = settings.timeoutMs;
  }

  /** Runs the cell to its end, whichever it is. Contract: never rejects. */
  async run(code: string): Promise<CellEnd> {
    const exited = this.#guest.exited.then((reason) => ({ type: "exited", reason }) as const);
    this.#guest.attend((message) => this.#take(message));
    void this.#guest.send({ type: "execute", id: this.#id, code });
    this.#startClock();
    const end = await Promise.race([
      this.#ended.promise.then((done) => ({ type: "done", done }) as const),
      exited,
    ]);
    this.#stopClock();
    for (const timer of this.#stopping) clearInterval(timer);
    const unawaited = this.#calls.size;
    this.#abortCalls();
    this.#guest.rest();
    if (end.type === "exited") {
      const head = this.#head.join("");
      return {
        type: "exited",
        reason: end.reason,
        timedOut: this.#timedOut,
        unawaited,
        stdout: { head, tail: "", characters: head.length },
      };
    }
    return { type: "done", done: end.done, unawaited, stdout: this.#output(end.done) };
  }

  /** Interrupts the cell, again and again, and kills the process where that does not help. */
  stop(): void {
    if (this.#stopping.length > 0) return;
    this.#stopClock();
    this.#guest.interrupt();
    this.#stopping.push(setInterval(() => this.#guest.interrupt(), interruptEveryMs));
    this.#stopping.push(setTimeout(() => this.#guest.kill(), this.#settings.graceMs));
  }

  #take(message: GuestMessage): void {
    switch (message.type) {
      case "stdout":
        if (this.#headCharacters > maxHeadCharacters) return;
        this.#headCharacters += message.text.length;
        this.#head.push(message.text);
        return;
      case "call":
        this.#waits(message.waits, 1);
        return this.#answer(message.id, message);
      case "cancel":
        for (const id of message.ids) this.#cancel(id);
        return;
      case "waiting":
        return this.#waits(message.waits, 0);
      case "done":
        // Another id is a forgery, or late; the cell's own end is still to come.
        if (message.id === this.#id) this.#ended.resolve(message);
        return;
      case "ready":
      case "opened":
        throw new ProtocolViolation(`"${message.type}" in the middle of a cell`);
    }
  }

  /** Stops the clock while the guest can do nothing but wait for us. */
  #waits(repliesSeen: number | undefined, callsComing: number): void {
    if (repliesSeen === this.#replies && this.#calls.size + callsComing > 0) this.#stopClock();
  }

  #answer(id: number, { name, args }: { name: string; args: Parameters<HostCall>[1] }): void {
    if (this.#calls.has(id)) throw new ProtocolViolation("two calls with one id");
    if (this.#calls.size >= maxCallsUnderWay)
      throw new ProtocolViolation(`more than ${maxCallsUnderWay} calls at once`);
    const controller = new AbortController();
    this.#calls.set(id, controller);
    void this.#reply(id, controller, () => this.#call(name, args, controller.signal));
  }

  async #reply(id: number, controller: AbortController, call: () => ReturnType<HostCall>): Promise<void> {
    let reply: Reply;
    try {
      reply = { ok: true, value: await call() };
    } catch (error) {
      reply = { ok: false, error: describe(error) };
    }
    if (this.#calls.get(id) !== controller) return;
    this.#calls.delete(id);
    this.#replies++;
    if (this.#stopping.length === 0) this.#startClock();
    await this.#guest.send({ type: "reply", id, ...reply });
  }

  #cancel(id: number): void {
    const controller = this.#calls.get(id);
    this.#calls.delete(id);
    controller?.abort(new DOMException("The cell cancelled this call.", "AbortError"));
  }

  #abortCalls(): void {
    const reason = new DOMException("The cell ended before this call.", "AbortError");
    for (const [id, controller] of this.#calls) {
      this.#calls.delete(id);
      controller.abort(reason);
    }
  }

  #startClock(): void {
    if (this.#clockStartedAt !== undefined) return;
    this.#clockStartedAt = performance.now();
    this.#clock = setTimeout(() => {
      this.#timedOut = true;
      this.stop();
    }, this.#remainingMs);
  }

  #stopClock(): void {
    if (this.#clockStartedAt === undefined) return;
    clearTimeout(this.#clock);
    this.#remainingMs = Math.max(0, this.#remainingMs - (performance.now() - this.#clockStartedAt));
    this.#clockStartedAt = undefined;
  }

  #output({ characters, tail }: CellDone): CellOutput {
    const head = this.#head.join("");
    // The guest streams the first 512 Ki characters and keeps the last 64 Ki of what follows.
    return characters <= streamedCharacters + tailCharacters
      ? { head: head + tail, tail: "", characters }
      : { head, tail, characters };
  }
}

const streamedCharacters = 512 * 1024;
const tailCharacters = 64 * 1024;

function describe(error: unknown): { type: string; message: string; code: string } {
  const known = isUnabridgedError(error);
  return {
    type: known ? error.kind : "error",
    message: messageOf(error),
    code: known ? error.code : "failed",
  };
}
