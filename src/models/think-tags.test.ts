/** Thinking told apart from the answer, wherever the stream is cut. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { splitThinking, ThinkSplitter, type ThinkPiece } from "./think-tags.ts";

const joined = (pieces: readonly ThinkPiece[], type: ThinkPiece["type"]): string =>
  pieces
    .filter((piece) => piece.type === type)
    .map((piece) => piece.text)
    .join("");

test("only a tag at the very start is thinking", () => {
  assert.deepEqual(splitThinking("  <think>a</think>\n\nb"), [
    { type: "reasoning", text: "a" },
    { type: "text", text: "b" },
  ]);
  assert.deepEqual(splitThinking("Use <think>a</think>"), [{ type: "text", text: "Use <think>a</think>" }]);
  assert.deepEqual(splitThinking("<thin"), [{ type: "text", text: "<thin" }]);
});

test("a reply cut while thinking is all reasoning", () => {
  assert.deepEqual(splitThinking("<think>still at i"), [{ type: "reasoning", text: "still at i" }]);
});

test("however a text is cut into pieces, it splits the same", () => {
  const fragment = fc.constantFrom("<think>", "</think>", "<", "/", "think>", "\n", " ", "a", "bc", "é😀");
  fc.assert(
    fc.property(
      fc.array(fragment, { maxLength: 12 }),
      fc.array(fc.nat(5), { maxLength: 40 }),
      (fragments, cuts) => {
        const text = fragments.join("");
        const splitter = new ThinkSplitter();
        const pieces: ThinkPiece[] = [];
        let at = 0;
        for (const cut of cuts) {
          pieces.push(...splitter.push(text.slice(at, at + cut)));
          at += cut;
        }
        pieces.push(...splitter.push(text.slice(at)), ...splitter.end());
        const whole = splitThinking(text);
        assert.equal(joined(pieces, "text"), joined(whole, "text"));
        assert.equal(joined(pieces, "reasoning"), joined(whole, "reasoning"));
      },
    ),
  );
});

test("a text without thinking comes through unchanged", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      fc.pre(!text.trimStart().startsWith("<think>"));
      assert.equal(joined(splitThinking(text), "text"), text);
      const splitter = new ThinkSplitter();
      assert.equal(joined([...splitter.push(text), ...splitter.end()], "text"), text);
    }),
  );
});
