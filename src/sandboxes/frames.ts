/** The bytes between host and guest: length, kind, payload. It knows no message; what comes from the guest is untrusted. */

/** JSON in UTF-8. */
const jsonKind = 0;
/** Raw bytes that belong to the JSON frame before them. */
const rawKind = 1;
const headerBytes = 5;

/** Most bytes of a JSON frame that a guest may send. The guest refuses above 64 MiB itself, with words. */
export const maxJsonBytes: number = 64 * 1024 * 1024;
/** Most bytes of a raw frame that a guest may send: a final answer of 256 M characters. */
export const maxRawBytes: number = 512 * 1024 * 1024;

export type Frame =
  { readonly kind: "json"; readonly value: unknown } | { readonly kind: "raw"; readonly bytes: Buffer };

/** The guest broke the protocol. Its process is ended; the error never leaves this folder. */
export class ProtocolViolation extends Error {
  override name = "ProtocolViolation";
}

export function jsonFrame(message: object): Buffer {
  const text = JSON.stringify(message);
  const size = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(headerBytes + size);
  writeHeader(frame, size, jsonKind);
  frame.write(text, headerBytes);
  return frame;
}

/** The header of a raw frame; its bytes follow as they are. */
export function rawHeader(size: number): Buffer {
  if (size > 0xffff_ffff) throw new RangeError(`Expected a document of at most 4 GiB, got ${size} bytes.`);
  const header = Buffer.allocUnsafe(headerBytes);
  writeHeader(header, size, rawKind);
  return header;
}

function writeHeader(frame: Buffer, size: number, kind: number): void {
  frame.writeUInt32LE(size, 0);
  frame.writeUInt8(kind, 4);
}

/** Cuts what arrives into frames. Nothing is copied until a frame is whole, so large ones cost one copy. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #available = 0;

  /** Contract: throws only ProtocolViolation; after that the reader is of no use. */
  *push(chunk: Uint8Array): Generator<Frame> {
    this.#chunks.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    this.#available += chunk.byteLength;
    while (this.#available >= headerBytes) {
      const header = this.#peek(headerBytes);
      const size = header.readUInt32LE(0);
      const kind = header.readUInt8(4);
      checkSize(kind, size);
      if (this.#available < headerBytes + size) return;
      this.#take(headerBytes);
      const payload = this.#take(size);
      yield kind === jsonKind ? { kind: "json", value: parse(payload) } : { kind: "raw", bytes: payload };
    }
  }

  #peek(size: number): Buffer {
    const [first] = this.#chunks;
    if (first !== undefined && first.length >= size) return first;
    this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  #take(size: number): Buffer {
    const parts: Buffer[] = [];
    let missing = size;
    while (missing > 0) {
      const first = this.#chunks[0];
      if (first === undefined) break;
      const part = first.subarray(0, missing);
      if (part.length === first.length) this.#chunks.shift();
      else this.#chunks[0] = first.subarray(part.length);
      parts.push(part);
      missing -= part.length;
    }
    this.#available -= size;
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
  }
}

function checkSize(kind: number, size: number): void {
  if (kind !== jsonKind && kind !== rawKind) throw new ProtocolViolation(`a frame of unknown kind ${kind}`);
  const limit = kind === jsonKind ? maxJsonBytes : maxRawBytes;
  if (size > limit) throw new ProtocolViolation(`a frame of ${size} bytes, over the limit of ${limit}`);
}

function parse(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString("utf8"));
  } catch (error) {
    throw new ProtocolViolation("a frame that is not JSON", { cause: error });
  }
}
