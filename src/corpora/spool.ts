/** A private directory for texts that came without a file. Made on first use, removed on close. */
import { createHash } from "node:crypto";
import { appendFile, appendFileSync, closeSync, ftruncateSync, mkdtempSync, openSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ConfigError, messageOf } from "../core/errors.ts";
import { ownPrefix } from "./spool-owner.ts";
import type { TextRange } from "./text-source.ts";
import { encodeText } from "./utf8.ts";

export type TextInput = string | Uint8Array | AsyncIterable<string | Uint8Array>;

const newline = 0x0a;
const bufferedBytes = 1024 * 1024;
/** Written while everybody waits: that takes less than to wake one of the system's threads for it. */
const writtenAtOnce = 64 * 1024;
const appendAside = promisify(appendFile);

export class Spool {
  readonly #parent: string;
  #directory: string | undefined;
  #files = 0;

  constructor(parent: string = tmpdir()) {
    this.#parent = parent;
  }

  /** A file for several texts. */
  openPack(): Pack {
    const { file } = this.reserve();
    try {
      return new Pack(file);
    } catch (error) {
      throw this.#noFile(error);
    }
  }

  /** A file for one text. */
  async write(input: TextInput, signal: AbortSignal): Promise<SpooledText> {
    const pack = this.openPack();
    try {
      return { ...(await pack.add(input, signal)), wholeFile: true };
    } finally {
      await pack.close();
    }
  }

  /** A name for a file that someone else makes. */
  reserve(): { readonly directory: string; readonly file: string } {
    const directory = this.#ensureDirectory();
    return { directory, file: join(directory, String(++this.#files)) };
  }

  async close(): Promise<void> {
    if (!this.#directory) return;
    // A process that was just ended may still have made a file.
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 3 });
  }

  #ensureDirectory(): string {
    try {
      return (this.#directory ??= mkdtempSync(join(this.#parent, `${ownPrefix}-`)));
    } catch (error) {
      throw this.#noFile(error);
    }
  }

  #noFile(cause: unknown): ConfigError {
    return new ConfigError(
      "unreadable",
      `No temporary file can be made in ${this.#parent} (${messageOf(cause)}). Free some space there or name another directory.`,
      { cause },
    );
  }
}

export interface SpooledText extends TextRange {
  readonly from: number;
  /** SHA-256 of the bytes. */
  readonly hash: string;
}

/** How far a pack was written. */
export interface PackMark {
  readonly bytes: number;
  readonly lastByte: number;
}

/** Several texts one after the other in a file, each beginning on a line of its own. */
export class Pack {
  readonly file: string;
  readonly #descriptor: number;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #bytes = 0;
  #lastByte = newline;

  /** Makes the file; throws the system's error. */
  constructor(file: string) {
    this.file = file;
    // It is only appended to, so that what comes after a rewind follows what is left.
    this.#descriptor = openSync(file, "ax", 0o600);
  }

  async add(input: TextInput, signal: AbortSignal): Promise<SpooledText> {
    // A line that began in one text must not go on in the next, or `^` and `$` would fail between them.
    if (this.#lastByte !== newline) await this.#append(Buffer.of(newline));
    const from = this.#bytes;
    const hash = createHash("sha256");
    for await (const bytes of piecesOf(input, signal)) {
      signal.throwIfAborted();
      hash.update(bytes);
      await this.#append(bytes);
    }
    return {
      file: this.file,
      from,
      bytes: this.#bytes - from,
      wholeFile: false,
      hash: hash.digest("hex"),
    };
  }

  mark(): PackMark {
    return { bytes: this.#bytes, lastByte: this.#lastByte };
  }

  /** Drops what was added since. */
  async rewind({ bytes, lastByte }: PackMark): Promise<void> {
    await this.#flush();
    ftruncateSync(this.#descriptor, bytes);
    this.#bytes = bytes;
    this.#lastByte = lastByte;
  }

  async close(): Promise<void> {
    try {
      await this.#flush();
    } finally {
      closeSync(this.#descriptor);
    }
  }

  async #append(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    this.#bytes += bytes.length;
    this.#lastByte = bytes.at(-1) ?? newline;
    if (this.#pendingBytes >= bufferedBytes) await this.#flush();
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    try {
      if (bytes.length <= writtenAtOnce) appendFileSync(this.#descriptor, bytes);
      else await appendAside(this.#descriptor, bytes);
    } catch (error) {
      throw new ConfigError(
        "unreadable",
        `The context can't be kept in ${this.file} (${messageOf(error)}). Free some space there or name another directory.`,
        { cause: error },
      );
    }
  }
}

async function* piecesOf(input: TextInput, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  if (input instanceof Uint8Array) yield input;
  else if (typeof input === "string") yield* encodeInPieces(input);
  else {
    let held = "";
    for await (const chunk of untilAborted(input, signal)) {
      if (typeof chunk !== "string") {
        if (held !== "") yield encodeText(held);
        held = "";
        // The stream may use its buffer again, while ours waits to be written.
        yield Uint8Array.from(chunk);
        continue;
      }
      const text = held + chunk;
      // Half of a surrogate pair waits for the chunk that brings the other half.
      held = isHighSurrogate(text.charCodeAt(text.length - 1)) ? text.slice(-1) : "";
      yield* encodeInPieces(held === "" ? text : text.slice(0, -1));
    }
    if (held !== "") yield encodeText(held);
  }
}

/** A stream that has gone silent must not outlive the signal. */
async function* untilAborted<T>(stream: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = stream[Symbol.asyncIterator]();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  aborted.catch(() => {}); // Only the race below listens; without it nobody waits for this promise.
  signal.addEventListener("abort", abort);
  let ended = false;
  try {
    signal.throwIfAborted();
    for (;;) {
      const step = await Promise.race([iterator.next(), aborted]);
      ended = step.done === true;
      if (step.done) return;
      yield step.value;
    }
  } finally {
    signal.removeEventListener("abort", abort);
    // Not awaited: a generator that hangs would hold us up just as its next chunk did.
    if (!ended) void iterator.return?.()?.catch(() => {}); // What fails while it is dropped changes nothing.
  }
}

function* encodeInPieces(text: string): Generator<Uint8Array> {
  for (let from = 0; from < text.length;) {
    let to = Math.min(text.length, from + bufferedBytes);
    if (to < text.length && isHighSurrogate(text.charCodeAt(to - 1))) to--;
    yield encodeText(text.slice(from, to));
    from = to;
  }
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}
