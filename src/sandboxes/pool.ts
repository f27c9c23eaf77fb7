/** A sandbox over any launcher of guest processes, with one booted interpreter kept in reserve. */
import { SandboxError } from "../core/errors.ts";
import type { Sandbox, SandboxOptions, SandboxSession } from "../core/sandbox.ts";
import { Guest } from "./guest.ts";
import type { GuestLauncher } from "./guest-process.ts";
import { GuestSession, type SessionSettings } from "./session.ts";

export interface PoolSettings extends Omit<SessionSettings, "onClose"> {
  /** Booted interpreters kept in reserve once a session was opened or `warm` was called. @default 1 */
  readonly spares?: number;
}

interface Spare {
  readonly memoryMb: number;
  readonly guest: Promise<Guest>;
}

/** Memory of a spare that is booted before any session said what it needs, in MiB. */
const warmMemoryMb = 1_024;

// Starting a process blocks this one for 10 ms and more, and booting it keeps a processor busy for a third of a second.
// Nobody's first cells or sub-calls should compete with that; a spare is for the next session, or for after a kill.
const runMs = 1_000;
const restMs = 20;

/** Makes the port Sandbox of a launcher. */
export function pooled(launcher: GuestLauncher, settings: PoolSettings = {}): Sandbox {
  return new Pool(launcher, settings);
}

class Pool implements Sandbox {
  readonly name: string;
  readonly eagerBytes?: number;
  readonly #launcher: GuestLauncher;
  readonly #settings: PoolSettings;
  readonly #sessions = new Set<SandboxSession>();
  /** Of sessions that were closed and whose processes are still ending. */
  readonly #exits = new Set<Promise<void>>();
  #spares: Spare[] = [];
  #refilling: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(launcher: GuestLauncher, settings: PoolSettings) {
    this.name = launcher.name;
    if (launcher.eagerBytes !== undefined) this.eagerBytes = launcher.eagerBytes;
    this.#launcher = launcher;
    this.#settings = settings;
  }

  async open(options: SandboxOptions): Promise<SandboxSession> {
    const { memoryMb } = options.limits;
    const onClose = (exited: Promise<void>): void => {
      if (session) this.#sessions.delete(session);
      this.#exits.add(exited);
      void exited.then(() => this.#exits.delete(exited));
      this.#refillAfter(restMs, memoryMb);
    };
    let session: GuestSession | undefined;
    session = await GuestSession.open(() => this.#take(memoryMb), options, { ...this.#settings, onClose });
    if (!session.isClosed) this.#sessions.add(session);
    return session;
  }

  warm(): void {
    this.#refill(warmMemoryMb);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#refilling);
    const spares = this.#spares.splice(0);
    for (const session of this.#sessions) void session.close();
    await Promise.all([...this.#exits, ...spares.map(discard)]);
  }

  async #take(memoryMb: number): Promise<Guest> {
    if (this.#isClosed) throw new SandboxError("closed", `The sandbox "${this.name}" is closed.`);
    const index = this.#spares.findIndex(
      (spare) => !this.#launcher.fixesMemoryAtStart || spare.memoryMb === memoryMb,
    );
    const [spare] = index < 0 ? [] : this.#spares.splice(index, 1);
    let guest = await spare?.guest.catch(() => undefined);
    if (guest === undefined || guest.hasExited) guest = await this.#boot(memoryMb);
    this.#refillAfter(runMs, memoryMb);
    return guest;
  }

  #refillAfter(waitMs: number, memoryMb: number): void {
    if (this.#isClosed) return;
    clearTimeout(this.#refilling);
    this.#refilling = setTimeout(() => this.#refill(memoryMb), waitMs).unref();
  }

  #refill(memoryMb: number): void {
    const wanted = this.#settings.spares ?? 1;
    if (this.#isClosed) return;
    while (this.#spares.length < wanted) {
      const guest = this.#boot(memoryMb);
      const spare = { memoryMb, guest };
      this.#spares.push(spare);
      guest.catch(() => {
        // It shows up at the next `open`, which boots again and meets the same failure.
        this.#spares = this.#spares.filter((other) => other !== spare);
      });
    }
  }

  async #boot(memoryMb: number): Promise<Guest> {
    const guest = new Guest(await this.#launcher.launch({ memoryMb }));
    await guest.boot();
    guest.rest();
    return guest;
  }
}

async function discard(spare: Spare): Promise<void> {
  const guest = await spare.guest.catch(() => undefined);
  guest?.kill();
  await guest?.exited;
}
