/** A terminal as it types: lines, pastes, Ctrl-C and Ctrl-D. */
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { terminalLines, type Line } from "./chat-lines.ts";

function open(): { readonly input: PassThrough; type(keys: string): Promise<Line> } {
  const input = new PassThrough();
  const lines = terminalLines(input, new PassThrough().resume());
  return {
    input,
    type: (keys) => {
      const line = lines.next("> ");
      input.write(keys);
      return line;
    },
  };
}

test("a line is handed over when it is finished, and the next one after it", async () => {
  const { type } = open();
  assert.deepEqual(await type("hello\r"), { type: "line", text: "hello" });
  assert.deepEqual(await type("again\r"), { type: "line", text: "again" });
});

test("what was typed before is a key away", async () => {
  const { type } = open();
  await type("hello\r");
  assert.deepEqual(await type("\u001b[A!\r"), { type: "line", text: "hello!" });
});

test("a paste waits for Enter and is one text", async () => {
  const { type } = open();
  const pasted = "\u001b[200~one\rtwo\rthree\u001b[201~";
  assert.deepEqual(await type(`see: ${pasted}!\r`), { type: "line", text: "see: one\ntwo\nthree!" });
});

test("lines that come at once from a terminal that tells of no paste are one text", async () => {
  const { type } = open();
  assert.deepEqual(await type("one\rtwo\rthree\r"), { type: "line", text: "one\ntwo\nthree" });
});

test("Ctrl-C is told apart from the end", async () => {
  const { type, input } = open();
  assert.deepEqual(await type("half a li\u0003"), { type: "interrupted" });
  assert.deepEqual(await type("\u0004"), { type: "end" });
  const lines = open();
  lines.input.end();
  assert.deepEqual(await lines.type(""), { type: "end" });
  input.end();
});
