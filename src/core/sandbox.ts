/** Port: a cage in which code that a model wrote runs, with its state kept from cell to cell. */
import type { Json, JsonObject } from "./json.ts";

export interface Sandbox {
  readonly name: string;
  /** Texts up to this many bytes in all can be held in the guest; undefined where only its memory limits that. */
  readonly eagerBytes?: number;
  /** Opens a fresh interpreter. Throws SandboxError "unavailable" with the reason where the cage can't hold here. */
  open(options: SandboxOptions): Promise<SandboxSession>;
  /** Begins to boot an interpreter so that the next `open` finds it ready. Failures show up at `open`. */
  warm(): void;
  /** Ends every process of the pool. Open sessions end too. */
  close(): Promise<void>;
}

export interface SandboxOptions {
  readonly context: GuestContext;
  /** Answers every call that guest code makes to the host. What it throws is raised in the guest as HostError. */
  readonly call: HostCall;
  readonly limits: SandboxLimits;
  /** Names the cell may use besides the built-in API: functions with these names call the host with their arguments. */
  readonly tools?: readonly GuestTool[];
  /** Closes the session when it fires. */
  readonly signal: AbortSignal;
}

/**
 * One call from the guest. `args` is what the guest sent: untrusted. The signal fires when the cell is stopped.
 */
export type HostCall = (name: string, args: Json, signal: AbortSignal) => Promise<Json>;

export interface GuestTool {
  readonly name: string;
  readonly description: string;
}

export interface SandboxLimits {
  /** Most memory of the interpreter, in MiB. */
  readonly memoryMb: number;
}

/** What the variable `context` is in the guest. */
export interface GuestContext {
  /** One text (`context` is a str) or several (`context` is a list of str). */
  readonly shape: "text" | "documents";
  readonly documents: readonly GuestDocument[];
  /**
   * The bytes of one document, to be held in the guest as a Python str (UTF-8 with surrogateescape). Undefined where the whole
   * is too large for that: the guest then holds lazy texts that read windows through the host call "read".
   */
  readonly load: ((index: number) => Promise<Uint8Array>) | undefined;
}

export interface GuestDocument {
  readonly id: string;
  readonly path?: string;
  readonly title?: string;
  readonly metadata?: JsonObject;
  /** Where this text begins in the document `id`, in code points: above 0 for a slice handed to a child. */
  readonly start: number;
  /** Length in code points; undefined where the text is lazy and was not counted yet. */
  readonly characters: number | undefined;
}

export interface SandboxSession {
  /**
   * Runs one cell. Contract: throws only SandboxError or the signal's reason. `timeoutMs` counts the guest's own
   * work, not the time in which it waits for the host. After a timeout or a memory kill the session goes on with
   * the next call; `state` says whether the variables are still there.
   */
  execute(code: string, options: { timeoutMs: number; signal: AbortSignal }): Promise<ExecutionResult>;
  close(): Promise<void>;
}

export type ExecutionResult = {
  readonly stdout: CellOutput;
  /** Set once guest code ended the run: FINAL, FINAL_VAR or answer["ready"]. */
  readonly final?: FinalAnswer;
  /** The cell declared `answer` ready while its content was empty: the run doesn't end, and "ready" was taken back. */
  readonly emptyFinal?: true;
  /** Host calls that no one waited for when the cell ended; they were cancelled. */
  readonly unawaited?: number;
} & (
  | { readonly status: "ok"; /** repr of a bare last expression. */ readonly value?: string }
  | { readonly status: "threw"; readonly error: GuestError }
  | { readonly status: "timeout" | "memory" | "crashed"; readonly state: SandboxState }
);

/** What is left after a cell was stopped: everything, or nothing but `context` and the functions. */
export type SandboxState =
  { readonly kept: true } | { readonly kept: false; readonly lostVariables: readonly string[] };

/** What a cell printed. Where it printed more than the guest keeps, the middle is missing. */
export interface CellOutput {
  readonly head: string;
  /** Empty where nothing is missing. */
  readonly tail: string;
  /** Characters printed in all. */
  readonly characters: number;
}

export interface GuestError {
  /** Python's class name, for instance "KeyError" or "SyntaxError". */
  readonly type: string;
  readonly message: string;
  /** Lines of the cell only, frames of our own left out. */
  readonly traceback: string;
}

export interface FinalAnswer {
  readonly via: "FINAL" | "FINAL_VAR" | "answer";
  readonly text: string;
  /** The value as JSON where it is one and is not just the text. */
  readonly json?: Json;
}
