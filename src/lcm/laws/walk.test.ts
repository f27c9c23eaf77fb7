/** The laws along random histories, walked through whole conversations. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import fc from "fast-check";
import { Findings, walk, type WalkInput } from "./walk.fixture.ts";

// Each history is walked once, and every law looked at on its way: by hand, two thousand per law would be one each.
const histories = Number(process.env["LCM_HISTORIES"] ?? 2_000);
const findings = new Findings();

before(async () => {
  const input = fc.record<WalkInput>({
    seed: fc.integer({ min: 0, max: 0xffff_ffff }),
    steps: fc.integer({ min: 1, max: 10 }),
    window: fc.constantFrom(1_600, 2_400, 4_000, 8_000),
    summariser: fc.constantFrom("none", "good", "faulty"),
  });
  const property = fc.asyncProperty(input, async (given) => {
    const known = findings.broken.size;
    await walk(given, findings);
    return findings.broken.size === known;
  });
  // Findings are asserted law by law; the first of a law is the one that is told.
  await fc.check(property, { numRuns: histories });
});

const laws: readonly (readonly [number, string])[] = [
  [1, "the active context has each message once, in order"],
  [2, "every message is reached from the labels that are shown"],
  [3, "what is behind a label is what was said, byte for byte"],
  [4, "the request fits, whatever the history, even with one message larger than the window"],
  [5, "each compaction makes the request shorter, and a second one without news does nothing"],
  [6, "a label keeps its cap and is no longer than its source; what failed is never stored"],
  [7, "a call of a tool and its results are never split"],
  [8, "without a swap a request is a prefix of the next; with one, up to the swap point"],
  [9, "opened anew, the same store gives the same request"],
  [12, "what is said again under its key is known"],
  [13, "nothing that was said is changed or removed"],
  [14, "below the soft threshold the request is the plain one, and no model was called for it"],
  [15, "the user's latest message and the instructions are there to the letter"],
  [16, "whatever the summariser does, the model answers"],
  [18, "a label ends where its frame says, and holds no sign that a model could obey"],
];

for (const [law, sentence] of laws) {
  test(`law ${law}: ${sentence}`, () => {
    assert.equal(findings.broken.get(law), undefined);
    assert.ok((findings.histories.get(law)?.size ?? 0) > histories / 10, "too few histories came by it");
  });
}
