/** Counting against a plain filter, across the sizes at which the pieces of the program change. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { countBytes, countedMemory } from "./count-bytes.ts";

const lengths = fc.oneof(fc.nat(64), fc.constantFrom(4_079, 4_080, 4_081, 65_535, 65_536, 65_537, 140_000));
const filled = fc
  .tuple(lengths, fc.uint8Array({ minLength: 1, maxLength: 300 }))
  .map(([length, pattern]) => Uint8Array.from({ length }, (_, i) => pattern[i % pattern.length] ?? 0));

function plainCounts(bytes: Uint8Array): ReturnType<typeof countBytes> {
  return {
    continuations: bytes.filter((byte) => byte >= 0x80 && byte < 0xc0).length,
    newlines: bytes.filter((byte) => byte === 0x0a).length,
  };
}

const memory = countedMemory(150_000);

test("bytes are counted in texts of any length, at any alignment, copied or where they are", () => {
  fc.assert(
    fc.property(filled, fc.nat(40), (bytes, skip) => {
      const view = bytes.subarray(Math.min(skip, bytes.length));
      const wanted = plainCounts(view);
      assert.deepEqual(countBytes(view), wanted);
      memory.set(bytes);
      assert.deepEqual(countBytes(memory.subarray(bytes.length - view.length, bytes.length)), wanted);
    }),
  );
});

test("each value of a byte is counted for what it is", () => {
  for (let value = 0; value < 256; value++) {
    const bytes = new Uint8Array(48).fill(value);
    assert.deepEqual(countBytes(bytes), plainCounts(bytes), `0x${value.toString(16)}`);
  }
});

test("a text that is all of what is counted overflows nothing", () => {
  assert.deepEqual(countBytes(new Uint8Array(200_000).fill(0x0a)), { continuations: 0, newlines: 200_000 });
  assert.deepEqual(countBytes(new Uint8Array(200_000).fill(0x80)), { continuations: 200_000, newlines: 0 });
});

test("memory that is counted is given out once, and not beyond what there is", () => {
  const [one, other] = [countedMemory(100), countedMemory(10)];
  one.fill(0x0a);
  other.fill(0x80);
  assert.deepEqual(countBytes(one), { continuations: 0, newlines: 100 });
  assert.deepEqual(countBytes(other), { continuations: 10, newlines: 0 });
  assert.throws(() => countedMemory(2 ** 24), RangeError);
});
