/** Counting against a plain filter, across the sizes at which the pieces of the program change. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { countBytes } from "./count-bytes.ts";

const lengths = fc.oneof(fc.nat(64), fc.constantFrom(4_079, 4_080, 4_081, 65_535, 65_536, 65_537, 140_000));
const filled = fc
  .tuple(lengths, fc.uint8Array({ minLength: 1, maxLength: 300 }))
  .map(([length, pattern]) => Uint8Array.from({ length }, (_, i) => pattern[i % pattern.length] ?? 0));

test("bytes of any range of values are counted in texts of any length, at any alignment", () => {
  fc.assert(
    fc.property(filled, fc.nat(40), fc.nat(255), fc.nat(255), (bytes, skip, low, width) => {
      const view = bytes.subarray(Math.min(skip, bytes.length));
      const wanted = view.filter((byte) => ((byte - low) & 255) < width).length;
      assert.equal(countBytes(view, low, width), wanted);
    }),
  );
});

test("a text that is all of what is counted overflows nothing", () => {
  assert.equal(countBytes(new Uint8Array(200_000).fill(0x0a), 0x0a, 1), 200_000);
});
