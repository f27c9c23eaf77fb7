/** Tests of decoding and counting against a plain reference. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { byteSoup, referenceCharacters } from "./samples.test.ts";
import {
  bytesOfCharacters,
  characterStart,
  countCharacters,
  countNewlines,
  decodeText,
  encodeText,
} from "./utf8.ts";

test("any bytes decode as Python's surrogateescape does, and encode back to themselves", () => {
  fc.assert(
    fc.property(byteSoup, (bytes) => {
      const characters = referenceCharacters(bytes);
      assert.equal(decodeText(bytes), characters.join(""));
      assert.equal(countCharacters(bytes), characters.length);
      assert.deepEqual(encodeText(decodeText(bytes)), bytes);
    }),
  );
});

test("each character's bytes are found from its number and from any byte within it", () => {
  fc.assert(
    fc.property(byteSoup, (bytes) => {
      let start = 0;
      for (const [i, character] of referenceCharacters(bytes).entries()) {
        const end = start + encodeText(character).length;
        assert.equal(bytesOfCharacters(bytes, i), start);
        for (let byte = start; byte < end; byte++) assert.equal(characterStart(bytes, byte), start);
        start = end;
      }
    }),
  );
});

test("newlines are counted at any alignment", () => {
  fc.assert(
    fc.property(byteSoup, fc.nat(7), (bytes, skip) => {
      const view = bytes.subarray(Math.min(skip, bytes.length));
      assert.equal(countNewlines(view), view.filter((byte) => byte === 0x0a).length);
    }),
  );
});

test("a lone surrogate that stands for no byte becomes U+FFFD", () => {
  assert.equal(encodeText("a\ud800b").toString(), "a\ufffdb");
});

test("an astral character whose low half is in the range of escapes stays a character", () => {
  const text = "\u{1f480}\u{10fcff}\udc80";
  assert.deepEqual(encodeText(text), Buffer.concat([Buffer.from("\u{1f480}\u{10fcff}"), Buffer.of(0x80)]));
});
