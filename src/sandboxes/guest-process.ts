/** What an adapter provides: a process with the guest program in it, and bytes to and from it. All else is shared. */

export interface GuestProcess {
  /** Resolves once the bytes are taken, at the latest when the process has exited. Contract: never rejects. */
  write(bytes: Uint8Array): Promise<void>;
  /** Called once, before anything arrives. */
  listen(onData: (chunk: Uint8Array) => void): void;
  /** Stops and resumes taking in what the guest sends; meanwhile the guest blocks once its pipe is full. */
  pause(): void;
  resume(): void;
  /** Raises KeyboardInterrupt in the cell. Called again and again until the cell has ended. */
  interrupt(): void;
  /** Ends the process from outside; `exited` follows. */
  kill(): void;
  /** Whether it keeps the host's own process alive. */
  setReferenced(isReferenced: boolean): void;
  /** How it ended, for a person: exit code or signal, with the end of what it wrote to stderr. */
  readonly exited: Promise<string>;
}

export interface GuestLauncher {
  readonly name: string;
  /** True where the memory cap is fixed when a process starts, so that a spare fits only sessions with its own cap. */
  readonly fixesMemoryAtStart: boolean;
  /** See Sandbox.eagerBytes. */
  readonly eagerBytes?: number;
  /** Starts a process. Throws SandboxError "unavailable" with the reason and the remedy where it can't. */
  launch(options: { memoryMb: number }): Promise<GuestProcess>;
}
