/** Reads a request's body within limits: of its own, and of all bodies that are being read or worked on at once. */
import type { IncomingMessage } from "node:http";
import { isPlainObject } from "../core/json.ts";
import type { JsonObject } from "../core/json.ts";
import { Refusal } from "./failure.ts";

export interface Body {
  /** As it was sent. */
  readonly bytes: Buffer;
  readonly json: JsonObject;
  /** To be called once nobody needs it any more. */
  release(): void;
}

/** What all requests together may hold in memory. */
export class BodySpace {
  readonly #mostBytes: number;
  readonly #mostTogether: number;
  #held = 0;

  constructor({ mostBytes, mostTogether }: { readonly mostBytes: number; readonly mostTogether: number }) {
    this.#mostBytes = mostBytes;
    this.#mostTogether = mostTogether;
  }

  get held(): number {
    return this.#held;
  }

  /**
   * Throws Refusal: 413, 415, 400, and 503 where others hold all the room.
   * @param proceed called once nothing that the headers say speaks against it
   */
  async read(request: IncomingMessage, proceed: () => void): Promise<Body> {
    const type = request.headers["content-type"] ?? "";
    // A web page can't send this type to another origin without being asked first.
    if (!/^application\/json\b/i.test(type))
      throw new Refusal(
        415,
        "unsupported_media_type",
        `Expected content-type application/json, got "${type.slice(0, 80)}".`,
      );
    const encoding = request.headers["content-encoding"];
    if (encoding !== undefined && encoding !== "identity")
      throw new Refusal(415, "unsupported_encoding", "Compressed bodies are not taken. Send it as it is.");
    const stated = Number(request.headers["content-length"] ?? 0);
    if (stated > this.#mostBytes) throw this.#tooLarge();
    const room = new Room(this, stated);
    try {
      proceed();
      const bytes = await collect(request, room);
      return { bytes, json: parse(bytes), release: () => room.leave() };
    } catch (error) {
      room.leave();
      throw error;
    }
  }

  /** @param size of the body with them. Large ones leave some room for those who want little. */
  take(bytes: number, size: number): void {
    const most = size > smallBody ? this.#mostTogether * shareOfLarge : this.#mostTogether;
    if (this.#held + bytes > most)
      throw new Refusal(503, "busy", "The server holds as many large requests as it can. Try again.", {
        "retry-after": "2",
      });
    this.#held += bytes;
  }

  give(bytes: number): void {
    this.#held -= bytes;
  }

  /** Throws where one body may not be this large. */
  check(bytes: number): void {
    if (bytes > this.#mostBytes) throw this.#tooLarge();
  }

  get mostBytes(): number {
    return this.#mostBytes;
  }

  #tooLarge(): Refusal {
    const most = Math.floor(this.#mostBytes / 1024 / 1024);
    return new Refusal(
      413,
      "request_too_large",
      `The body is larger than the ${most} MiB that are taken. See --max-body.`,
      {
        connection: "close",
      },
    );
  }
}

const smallBody = 256 * 1024;
const shareOfLarge = 0.9;

/** One buffer that grows: a million tiny chunks take no more than their bytes. */
class Room {
  readonly #space: BodySpace;
  readonly #most: number;
  #buffer: Buffer;
  #length = 0;
  #isOpen = true;

  constructor(space: BodySpace, stated: number) {
    this.#space = space;
    this.#most = stated > 0 ? stated : space.mostBytes;
    // What is only announced takes no room yet.
    const first = Math.min(Math.max(stated, 16 * 1024), 1024 * 1024);
    space.take(first, first);
    this.#buffer = Buffer.allocUnsafe(first);
  }

  add(chunk: Buffer): void {
    const needed = this.#length + chunk.length;
    this.#space.check(needed);
    if (needed > this.#buffer.length) {
      // Twice the size, so that few copies are made, but no more than it can come to.
      const grown = Math.max(needed, Math.min(this.#buffer.length * 2, this.#most));
      this.#space.take(grown - this.#buffer.length, grown);
      this.#resize(grown);
    }
    chunk.copy(this.#buffer, this.#length);
    this.#length = needed;
  }

  /** What was taken beyond the body is given back. */
  bytes(): Buffer {
    const surplus = this.#buffer.length - this.#length;
    if (surplus > smallBody) {
      this.#resize(this.#length);
      this.#space.give(surplus);
    }
    return this.#buffer.subarray(0, this.#length);
  }

  #resize(size: number): void {
    const other = Buffer.allocUnsafe(size);
    this.#buffer.copy(other, 0, 0, this.#length);
    this.#buffer = other;
  }

  leave(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#space.give(this.#buffer.length);
  }
}

/** By events: leaving a `for await` would close the socket before the refusal is sent. */
function collect(request: IncomingMessage, room: Room): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      request.off("data", onData).off("end", onEnd).off("error", onBroken).off("close", onBroken);
      settle();
    };
    const onData = (chunk: Buffer): void => {
      try {
        room.add(chunk);
      } catch (error) {
        request.pause();
        end(() => reject(error));
      }
    };
    const onEnd = (): void => end(() => resolve(room.bytes()));
    const onBroken = (): void =>
      end(() => reject(new Refusal(400, "broken_off", "The body ended before its end.")));
    request.on("data", onData).on("end", onEnd).on("error", onBroken).on("close", onBroken);
  });
}

function parse(bytes: Buffer): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch {
    throw new Refusal(400, "invalid_json", "The body is no valid JSON.");
  }
  if (!isPlainObject(value)) throw new Refusal(400, "invalid_json", "Expected the body to be a JSON object.");
  return value as JsonObject;
}
