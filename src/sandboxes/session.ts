/** A session over any guest process: one cell at a time, the kill of what won't stop, the restart with its context. */
import { messageOf, SandboxError } from "../core/errors.ts";
import type {
  ExecutionResult,
  FinalAnswer,
  SandboxOptions,
  SandboxSession,
  SandboxState,
} from "../core/sandbox.ts";
import type { Json } from "../core/json.ts";
import { CellRun, type CellEnd, type CellSettings } from "./cell-run.ts";
import type { Guest } from "./guest.ts";
import type { GuestFinal } from "./messages.ts";

export interface SessionSettings {
  /** From the first interrupt of a cell that has run out of time to the kill of its process. @default 2000 */
  readonly graceMs?: number;
  /** @param exited resolves once its process has ended */
  readonly onClose?: (exited: Promise<void>) => void;
}

export class GuestSession implements SandboxSession {
  readonly #options: SandboxOptions;
  readonly #graceMs: number;
  readonly #onClose: (exited: Promise<void>) => void;
  readonly #takeGuest: () => Promise<Guest>;
  /** The guest of the next cell; being restarted, where the last one was killed. */
  #guest: Promise<Guest>;
  /** Settles when the cell before has ended: cells run one after the other. */
  #before: Promise<unknown> = Promise.resolve();
  #variables: readonly string[] = [];
  #closing: Promise<void> | undefined;
  readonly #onAbort = (): void => void this.close();

  /** Opens with a guest from `takeGuest`, which is asked again after each kill. */
  static async open(
    takeGuest: () => Promise<Guest>,
    options: SandboxOptions,
    settings: SessionSettings = {},
  ): Promise<GuestSession> {
    options.signal.throwIfAborted();
    const session = new GuestSession(takeGuest, options, settings);
    await session.#guest;
    return session;
  }

  private constructor(takeGuest: () => Promise<Guest>, options: SandboxOptions, settings: SessionSettings) {
    this.#options = options;
    this.#takeGuest = takeGuest;
    this.#graceMs = settings.graceMs ?? 2_000;
    this.#onClose = settings.onClose ?? (() => {});
    this.#guest = this.#start();
    options.signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  async execute(code: string, options: { timeoutMs: number; signal: AbortSignal }): Promise<ExecutionResult> {
    const result = this.#before.then(() => this.#execute(code, options));
    this.#before = result.catch(() => {});
    return await orAborted(result, options.signal);
  }

  get isClosed(): boolean {
    return this.#closing !== undefined;
  }

  close(): Promise<void> {
    if (this.#closing) return this.#closing;
    this.#closing = this.#end();
    this.#onClose(this.#closing);
    return this.#closing;
  }

  async #end(): Promise<void> {
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    const guest = await this.#guest.catch(() => undefined);
    guest?.kill();
    await guest?.exited;
  }

  async #execute(
    code: string,
    { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
  ): Promise<ExecutionResult> {
    signal.throwIfAborted();
    const guest = await this.#ready();
    // A guest can die between two cells, for instance by the system's own memory guard.
    if (guest.hasExited)
      return this.#lost("crashed", {
        type: "exited",
        reason: "",
        timedOut: false,
        unawaited: 0,
        stdout: nothing,
      });
    const settings: CellSettings = { timeoutMs, graceMs: this.#graceMs };
    const cell = new CellRun(guest, this.#options.call, settings);
    const stop = (): void => cell.stop();
    signal.addEventListener("abort", stop, { once: true });
    try {
      return this.#result(await cell.run(code));
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  async #ready(): Promise<Guest> {
    if (this.isClosed) throw new SandboxError("closed", "The session is closed; open another one.");
    return await this.#guest;
  }

  #result(end: CellEnd): ExecutionResult {
    if (end.type === "exited") return this.#lost(end.timedOut ? "timeout" : "crashed", end);
    const { done, stdout } = end;
    this.#variables = done.variables;
    const final = done.final && finalAnswer(done.final);
    const common = {
      stdout,
      ...(final && { final }),
      ...(done.emptyFinal && { emptyFinal: true as const }),
      ...(end.unawaited > 0 && { unawaited: end.unawaited }),
    };
    if (done.status === "interrupted") return { ...common, status: "timeout", state: { kept: true } };
    if (done.status === "memory") return { ...common, status: "memory", state: { kept: true } };
    if (done.status === "threw" && done.error) return { ...common, status: "threw", error: done.error };
    return { ...common, status: "ok", ...(done.value !== undefined && { value: done.value }) };
  }

  #lost(status: "timeout" | "crashed", end: CellEnd): ExecutionResult {
    const state: SandboxState = { kept: false, lostVariables: this.#variables };
    this.#variables = [];
    if (!this.isClosed) this.#guest = this.#start();
    return { stdout: end.stdout, status, state, ...(end.unawaited > 0 && { unawaited: end.unawaited }) };
  }

  #start(): Promise<Guest> {
    const guest = this.#open();
    // Whoever needs the guest next meets the failure; until then it must not count as unhandled.
    guest.catch(() => {});
    return guest;
  }

  async #open(): Promise<Guest> {
    const guest = await this.#takeGuest();
    try {
      await guest.open(this.#options);
    } catch (error) {
      guest.kill();
      throw error instanceof SandboxError
        ? error
        : new SandboxError("crashed", messageOf(error), { cause: error });
    }
    if (this.isClosed) guest.kill();
    return guest;
  }
}

const nothing = { head: "", tail: "", characters: 0 };

/** Settles with the promise, or at once with the signal's reason; the cell is then wound down behind our back. */
async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function finalAnswer({ via, text = "", isJson }: GuestFinal): FinalAnswer {
  if (!isJson) return { via, text };
  try {
    return { via, text, json: JSON.parse(text) as Json };
  } catch {
    // The guest said it is JSON and it isn't: the text holds either way.
    return { via, text };
  }
}
