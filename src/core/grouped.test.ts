/** Digits by threes, as in English texts, for any number. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { grouped } from "./grouped.ts";

test("numbers are grouped as English texts group them, and rounded", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.double({ noNaN: true, min: -1e15, max: 1e15 })),
      (n) => {
        assert.equal(grouped(n), Math.round(n).toLocaleString("en-US").replace(/^-0$/, "0"));
      },
    ),
  );
});
