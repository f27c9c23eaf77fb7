/** What the tests of this folder share, no test itself: byte soups, a plain reference decoder, temporary directories. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import fc from "fast-check";

export const never: AbortSignal = new AbortController().signal;

/** Bytes as they occur: ASCII, line ends, whole characters of every length, and bytes that are no UTF-8. */
export const byteSoup: fc.Arbitrary<Buffer> = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.string({ minLength: 1, maxLength: 12 }).map((text) => Buffer.from(text)) },
      {
        weight: 2,
        arbitrary: fc
          .constantFrom("\n", "\r\n", "é", "日本", "🎉👩‍🚀", "\ufeff", "\0")
          .map((text) => Buffer.from(text)),
      },
      {
        weight: 2,
        arbitrary: fc.uint8Array({ minLength: 1, maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
      },
      {
        weight: 1,
        arbitrary: fc
          .constantFrom(
            [0xe2, 0x82],
            [0xed, 0xa0, 0x80],
            [0xf0, 0x9f, 0x8e],
            [0xc0, 0xaf],
            [0xf4, 0x90, 0x80, 0x80],
          )
          .map((bytes) => Buffer.from(bytes)),
      },
    ),
    { maxLength: 40 },
  )
  .map((pieces) => Buffer.concat(pieces));

/** Python's bytes.decode("utf-8", "surrogateescape"), the slow and obvious way: one string a code point. */
export function referenceCharacters(bytes: Uint8Array): string[] {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const characters: string[] = [];
  for (let i = 0; i < bytes.length;) {
    const lead = bytes[i] ?? 0;
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    const text = lead < 0x80 ? String.fromCharCode(lead) : decoder.decode(bytes.subarray(i, i + length));
    const isWhole =
      Array.from(text).length === 1 && Buffer.byteLength(text) === length && !isReplaced(text, bytes, i);
    characters.push(isWhole ? text : String.fromCharCode(0xdc00 + lead));
    i += isWhole ? length : 1;
  }
  return characters;
}

/** U+FFFD stands for what can't be decoded, unless the text itself holds it. */
function isReplaced(text: string, bytes: Uint8Array, at: number): boolean {
  return text === "\ufffd" && !(bytes[at] === 0xef && bytes[at + 1] === 0xbf && bytes[at + 2] === 0xbd);
}

/** A directory with the given files, removed after the test. */
export function directoryWith(
  test: TestContext,
  files: Readonly<Record<string, string | Uint8Array>>,
): string {
  const directory = mkdtempSync(join(tmpdir(), "unabridged-test-"));
  test.after(() => rmSync(directory, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
  return directory;
}
