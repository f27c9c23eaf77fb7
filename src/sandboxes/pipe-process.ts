/** A guest in a child process, over two pipes. It knows neither the cage around the command nor the frames inside. */
import { spawn, type ChildProcess } from "node:child_process";
import { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import type { GuestProcess } from "./guest-process.ts";

export interface PipeCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** Further descriptors that the command reads once, from 5 on. */
  readonly inputs?: readonly Uint8Array[];
  /** Open descriptors that the command inherits, from 5 on, after the inputs. */
  readonly descriptors?: readonly number[];
  /** Reads where to send signals from what the command writes to the descriptor after the last of these. @default the child */
  readonly readPid?: (report: string) => number | undefined;
  /** Adds the remedy to how the process ended, where it is known. */
  readonly explain?: (reason: string) => string;
}

const keptStderrCharacters = 2_000;
const guestReads = 3;
const guestWrites = 4;

/** Starts the command with an empty environment. The guest reads descriptor 3 and writes descriptor 4. */
export function startPipeProcess({
  command,
  args,
  inputs = [],
  descriptors = [],
  readPid,
  explain = (reason) => reason,
}: PipeCommand): GuestProcess {
  const pipes = Array.from({ length: 2 + inputs.length }, () => "pipe" as const);
  const child = spawn(command, args, {
    env: {},
    cwd: "/",
    // In a session of its own: Ctrl-C in a terminal ends the run, and the run then still asks the guest for its draft.
    detached: process.platform !== "win32",
    stdio: ["ignore", "ignore", "pipe", ...pipes, ...descriptors, ...(readPid ? ["pipe" as const] : [])],
  });
  inputs.forEach((bytes, index) => {
    const input = writable(child, 5 + index);
    ignoreErrors(input);
    input.end(bytes);
  });
  let report = "";
  if (readPid)
    readable(child, 5 + inputs.length + descriptors.length)
      .setEncoding("utf8")
      .on("data", (text: string) => (report += text));
  return new PipeProcess(child, () => (readPid ? readPid(report) : child.pid), explain);
}

class PipeProcess implements GuestProcess {
  readonly exited: Promise<string>;
  readonly #child: ChildProcess;
  readonly #pid: () => number | undefined;
  readonly #explain: (reason: string) => string;
  #hasExited = false;
  #stderr = "";
  #mayFlood = true;

  constructor(child: ChildProcess, pid: () => number | undefined, explain: (reason: string) => string) {
    this.#child = child;
    this.#pid = pid;
    this.#explain = explain;
    ignoreErrors(writable(child, guestReads));
    ignoreErrors(readable(child, guestWrites));
    readable(child, 2)
      .setEncoding("utf8")
      .on("data", (text: string) => this.#keepStderr(text));
    this.exited = new Promise((resolve) => {
      child.once("error", (error) => resolve(this.#ended(error.message)));
      // "close" comes after the pipes have been read to their end, so no last message is lost to the race.
      child.once("exit", () => {
        readable(child, guestWrites).resume();
        this.#mayFlood = false;
        readable(child, 2).resume();
      });
      child.once("close", (code, signal) =>
        resolve(this.#ended(signal ? `ended by ${signal}` : `exit code ${code}`)),
      );
    });
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#hasExited) return;
    const stream = writable(this.#child, guestReads);
    if (stream.destroyed || stream.write(bytes)) return;
    await Promise.race([new Promise((resolve) => stream.once("drain", resolve)), this.exited]);
  }

  listen(onData: (chunk: Uint8Array) => void): void {
    readable(this.#child, guestWrites).on("data", onData);
  }

  pause(): void {
    readable(this.#child, guestWrites).pause();
  }

  resume(): void {
    readable(this.#child, guestWrites).resume();
  }

  interrupt(): void {
    const pid = this.#pid();
    if (this.#hasExited || pid === undefined) return;
    try {
      process.kill(pid, "SIGINT");
    } catch {
      // It has just exited; `exited` says so.
    }
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  setReferenced(isReferenced: boolean): void {
    const method = isReferenced ? "ref" : "unref";
    this.#child[method]();
    for (const stream of this.#child.stdio) {
      // They are sockets, though typed as streams; the ones that were closed have nothing to hold on to.
      if (stream instanceof Socket && !stream.destroyed) stream[method]();
    }
  }

  /** Of a flood only the beginning is read; the guest then blocks in its write. */
  #keepStderr(text: string): void {
    this.#stderr += text.slice(0, keptStderrCharacters - this.#stderr.length);
    if (this.#stderr.length >= keptStderrCharacters && this.#mayFlood) readable(this.#child, 2).pause();
  }

  #ended(reason: string): string {
    this.#hasExited = true;
    const stderr = this.#stderr.trim();
    return this.#explain(stderr ? `${reason}: ${stderr}` : reason);
  }
}

function writable(child: ChildProcess, descriptor: number): Writable {
  const stream = child.stdio[descriptor];
  if (!stream || !("write" in stream)) throw new Error(`descriptor ${descriptor} was not opened for writing`);
  return stream;
}

function readable(child: ChildProcess, descriptor: number): Readable {
  const stream = child.stdio[descriptor];
  if (!stream || !("read" in stream)) throw new Error(`descriptor ${descriptor} was not opened for reading`);
  return stream;
}

/** A pipe breaks when the process dies; how it died is told by `exited`. */
function ignoreErrors(stream: Readable | Writable): void {
  stream.on("error", () => {});
}
