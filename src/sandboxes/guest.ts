/** One live interpreter: boots, takes in its context, hands on its messages. It knows neither timeouts nor restarts. */
import { messageOf, SandboxError } from "../core/errors.ts";
import type { SandboxOptions } from "../core/sandbox.ts";
import { FrameReader, jsonFrame, ProtocolViolation, type Frame } from "./frames.ts";
import type { GuestProcess } from "./guest-process.ts";
import {
  parseGuestMessage,
  withPrompts,
  type CellDone,
  type GuestCall,
  type GuestMessage,
  type HostMessage,
} from "./messages.ts";
import { sendTexts } from "./texts-to-guest.ts";

const bootTimeoutMs = 60_000;

export class Guest {
  readonly #process: GuestProcess;
  readonly #reader = new FrameReader();
  #listener: (message: GuestMessage) => void = () => {};
  /** A final answer, or a call, whose texts come in the next frame. */
  #unfinished: CellDone | GuestCall | undefined;
  #violation: string | undefined;
  #hasExited = false;
  /** Why it ended. Never rejects. */
  readonly exited: Promise<string>;

  constructor(process: GuestProcess) {
    this.#process = process;
    this.exited = process.exited.then((reason) => {
      this.#hasExited = true;
      return this.#violation ?? reason;
    });
    process.listen((chunk) => this.#take(chunk));
  }

  get hasExited(): boolean {
    return this.#hasExited;
  }

  /** Waits until the program runs and has looked at its cage from inside. */
  async boot(): Promise<void> {
    const ready = await this.#first("ready");
    if (ready.type !== "ready" || ready.openDoors.length === 0) return;
    this.kill();
    throw new SandboxError(
      "unavailable",
      `The cage does not hold here: from inside it was possible to ${ready.openDoors.join(", ")}. Use the sandbox "wasm" instead.`,
    );
  }

  /** Hands over the context. */
  async open(options: Pick<SandboxOptions, "context" | "limits" | "tools">): Promise<void> {
    const { context, limits, tools = [] } = options;
    this.#process.setReferenced(true);
    this.#process.resume();
    const opened = this.#first("opened");
    // It is awaited below; until then a failure must not count as unhandled.
    opened.catch(() => {});
    const { shape, documents, load } = context;
    await this.send({
      type: "open",
      shape,
      documents,
      eager: load !== undefined,
      tools,
      memoryMb: limits.memoryMb,
    });
    if (load !== undefined)
      await sendTexts({
        count: documents.length,
        load,
        write: (bytes) => this.#process.write(bytes),
        hasEnded: () => this.#hasExited,
      });
    try {
      await opened;
    } catch (error) {
      const hint = messageOf(error).includes("MemoryError")
        ? ` Its limit is ${limits.memoryMb} MiB; raise it.`
        : "";
      throw new SandboxError(
        "crashed",
        `The interpreter failed to take in its context.${hint} ${messageOf(error)}`,
        { cause: error },
      );
    }
    this.rest();
  }

  /** From here on until `rest`, messages go to the listener. */
  attend(listener: (message: GuestMessage) => void): void {
    this.#listener = listener;
    this.#process.setReferenced(true);
    this.#process.resume();
  }

  /** Between cells nothing is taken in, so that a guest can't keep the host busy. */
  rest(): void {
    this.#listener = () => {};
    this.#process.pause();
    this.#process.setReferenced(false);
  }

  send(message: HostMessage): Promise<void> {
    return this.#process.write(jsonFrame(message));
  }

  interrupt(): void {
    this.#process.interrupt();
  }

  kill(): void {
    // Whoever waits for `exited` must not see the host's process end first.
    this.#process.setReferenced(true);
    this.#process.kill();
  }

  #take(chunk: Uint8Array): void {
    if (this.#violation !== undefined) return;
    try {
      for (const frame of this.#reader.push(chunk)) this.#takeFrame(frame);
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error;
      this.#violation = `it sent ${error.message}`;
      this.kill();
    }
  }

  #takeFrame(frame: Frame): void {
    const unfinished = this.#unfinished;
    if (frame.kind === "raw") {
      if (unfinished === undefined) throw new ProtocolViolation("raw bytes that belong to nothing");
      this.#unfinished = undefined;
      if (unfinished.type === "call") return this.#listener(withPrompts(unfinished, frame.bytes));
      if (unfinished.final === undefined) throw new ProtocolViolation("raw bytes that belong to no answer");
      this.#listener({
        ...unfinished,
        final: { ...unfinished.final, text: frame.bytes.toString("utf16le") },
      });
      return;
    }
    if (unfinished) throw new ProtocolViolation("a message where the text of another was due");
    const message = parseGuestMessage(frame.value);
    const isFollowed =
      (message.type === "done" && message.final !== undefined && message.final.text === undefined) ||
      (message.type === "call" && message.prompts !== undefined);
    if (isFollowed) this.#unfinished = message;
    else this.#listener(message);
  }

  /** The next message, which must be of this type. */
  async #first(type: GuestMessage["type"]): Promise<GuestMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<GuestMessage>();
    this.#listener = (message) => {
      if (message.type === type) resolve(message);
      else
        reject(
          new SandboxError("crashed", `The interpreter said "${message.type}" where "${type}" was due.`),
        );
    };
    const timer = setTimeout(() => {
      this.kill();
      reject(
        new SandboxError(
          "unavailable",
          `The interpreter gave no sign of life within ${bootTimeoutMs / 1000} s.`,
        ),
      );
    }, bootTimeoutMs);
    const ended = this.exited.then((reason) => {
      throw new SandboxError("unavailable", `The interpreter did not start: ${reason}.`);
    });
    try {
      return await Promise.race([promise, ended]);
    } finally {
      clearTimeout(timer);
    }
  }
}
