/**
 * CPython in WebAssembly in a process of its own: the sandbox that works on every machine. Cells have no files,
 * network, processes or environment, because the interpreter can't express them (see wasm/system-calls.mjs).
 *
 * Behind that wall the process itself is poor: Node's permission model leaves it reading three folders of this package,
 * without writing, child processes, workers, addons or WASI; its environment is empty; its JavaScript can't be made from strings.
 */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SandboxError } from "../core/errors.ts";
import type { Sandbox } from "../core/sandbox.ts";
import { BootImage, type ImageUse } from "./boot-image.ts";
import { jsonFrame } from "./frames.ts";
import type { GuestProcess } from "./guest-process.ts";
import type { HostMessage } from "./messages.ts";
import { Mailbox } from "./mailbox.ts";
import { startPipeProcess } from "./pipe-process.ts";
import { pooled, type PoolSettings } from "./pool.ts";

export interface WasmOptions extends PoolSettings {
  /** The Node to run it in. @default the one that runs this */
  readonly node?: string;
}

/** A corpus up to this size fits as a Python str even where every character takes four bytes, and leaves room to work. */
const eagerBytes = 32 * 1024 * 1024;

/**
 * A sandbox that needs nothing but Node. An interpreter has 512 MiB at most: where a session's limit is
 * higher, it is that. There are no threads, ctypes or sqlite3.
 */
export function wasm(options: WasmOptions = {}): Sandbox {
  return pooled(
    { name: "wasm", fixesMemoryAtStart: false, eagerBytes, launch: async () => launch(options) },
    options,
  );
}

const folder = (name: string): string => fileURLToPath(new URL(`./${name}/`, import.meta.url));
const program = fileURLToPath(new URL("./wasm/child.mjs", import.meta.url));

/** Shared by all sandboxes of this process: what is in it depends on none of their options. */
const image = new BootImage();

function launch({ node = process.execPath }: WasmOptions): GuestProcess {
  checkFiles();
  const mailbox = new Mailbox();
  const use = image.use();
  const args = [...flags(), program, use.how];
  const descriptors = [mailbox.descriptor, ...(use.descriptor === undefined ? [] : [use.descriptor])];
  return new WasmProcess(startPipeProcess({ command: node, args, descriptors }), mailbox, use);
}

/** By their sizes, which is all there is time for. A test compares their sums. */
function checkFiles(): void {
  const manifest: unknown = JSON.parse(readFileSync(join(folder("cpython"), "manifest.json"), "utf8"));
  const { files } = manifest as { files: Readonly<Record<string, { readonly bytes: number }>> };
  for (const [name, { bytes }] of Object.entries(files)) {
    const path = join(folder("cpython"), name);
    const size = statSync(path, { throwIfNoEntry: false })?.size;
    if (size === bytes) continue;
    const found = size === undefined ? "it is missing" : `it has ${size}`;
    throw new SandboxError(
      "unavailable",
      `Expected ${path} to have ${bytes} bytes, ${found}. Install unabridged again.`,
    );
  }
}

function flags(): string[] {
  return [
    "--permission",
    ...["wasm", "cpython", "guest"].map((name) => `--allow-fs-read=${folder(name)}*`),
    "--disallow-code-generation-from-strings",
    "--no-warnings",
    // Python's recursion goes deeper than Node's usual stack; the system gives a main thread 8 MiB.
    "--stack-size=3900",
    // Of JavaScript's own heap. The interpreter's memory is not in it.
    "--max-old-space-size=128",
  ];
}

const wake = jsonFrame({ type: "wake" } satisfies HostMessage);

/** Adds to the pipes what makes up for signals: a mailbox to look into, and a message for a guest that waits. */
class WasmProcess implements GuestProcess {
  readonly exited: Promise<string>;
  readonly #process: GuestProcess;
  readonly #mailbox: Mailbox;
  readonly #image: ImageUse;

  constructor(process: GuestProcess, mailbox: Mailbox, image: ImageUse) {
    this.#process = process;
    this.#mailbox = mailbox;
    this.#image = image;
    this.exited = process.exited.finally(() => {
      mailbox.close();
      image.settle(false);
    });
  }

  write(bytes: Uint8Array): Promise<void> {
    this.#mailbox.countSent(bytes.byteLength);
    return this.#process.write(bytes);
  }

  interrupt(): void {
    this.#mailbox.interrupt();
    void this.write(wake);
  }

  listen(onData: (chunk: Uint8Array) => void): void {
    this.#process.listen((chunk) => {
      this.#image.settle(true);
      onData(chunk);
    });
  }

  pause(): void {
    this.#process.pause();
  }

  resume(): void {
    this.#process.resume();
  }

  kill(): void {
    this.#process.kill();
  }

  setReferenced(isReferenced: boolean): void {
    this.#process.setReferenced(isReferenced);
  }
}
