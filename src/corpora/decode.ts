/** Text in other encodings than UTF-8, as a stream of strings. */
import type { Encoding } from "./inspect-file.ts";

/** @param encoding one of ours, or any label that TextDecoder knows */
export async function* decodeStream(
  stream: AsyncIterable<unknown>,
  encoding: Encoding | (string & {}),
): AsyncGenerator<string> {
  const decoder = encoding.startsWith("utf-32")
    ? new Utf32Decoder(encoding === "utf-32le")
    : new TextDecoder(encoding);
  for await (const chunk of stream) {
    if (chunk instanceof Uint8Array) yield decoder.decode(chunk, { stream: true });
  }
  yield decoder.decode();
}

export async function isUtf8Stream(stream: AsyncIterable<unknown>): Promise<boolean> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    for await (const chunk of stream) {
      if (chunk instanceof Uint8Array) decoder.decode(chunk, { stream: true });
    }
    decoder.decode();
    return true;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}

/** The one that TextDecoder lacks. */
class Utf32Decoder {
  readonly #littleEndian: boolean;
  #rest: Uint8Array = new Uint8Array();
  #atStart = true;

  constructor(littleEndian: boolean) {
    this.#littleEndian = littleEndian;
  }

  decode(chunk: Uint8Array = new Uint8Array(), options: { readonly stream?: boolean } = {}): string {
    const bytes = Buffer.concat([this.#rest, chunk]);
    const whole = bytes.length - (bytes.length % 4);
    this.#rest = bytes.subarray(whole);
    let text = "";
    for (let i = 0; i < whole; i += 4) {
      const code = this.#littleEndian ? bytes.readUInt32LE(i) : bytes.readUInt32BE(i);
      const isMark = this.#atStart && code === 0xfeff;
      this.#atStart = false;
      if (!isMark) text += isScalar(code) ? String.fromCodePoint(code) : "\ufffd";
    }
    return !options.stream && this.#rest.length > 0 ? `${text}\ufffd` : text;
  }
}

function isScalar(code: number): boolean {
  return code < 0xd800 || (code > 0xdfff && code <= 0x10ffff);
}
