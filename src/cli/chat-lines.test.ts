/** A terminal as it types: lines, pastes, Ctrl-C and Ctrl-D. */
import assert from "node:assert/strict";
import { PassThrough, Readable } from "node:stream";
import { test } from "node:test";
import { pipedLines, terminalLines, type Line } from "./chat-lines.ts";

interface Terminal {
  readonly input: PassThrough;
  /** What stands on the screen. */
  shown(): string;
  next(): Promise<Line>;
  type(keys: string): Promise<Line>;
}

function open(): Terminal {
  const input = new PassThrough();
  let shown = "";
  const output = new PassThrough().on("data", (piece: Buffer) => void (shown += piece.toString()));
  const lines = terminalLines(input, output);
  return {
    input,
    shown: () => shown,
    next: () => lines.next("> "),
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
  const { type } = open();
  assert.deepEqual(await type("half a li\u0003"), { type: "interrupted" });
  assert.deepEqual(await type("\u0004"), { type: "end" });
  const { input, next } = open();
  const line = next();
  input.end();
  assert.deepEqual(await line, { type: "end" });
});

test("each key is shown once, however many lines came before", async () => {
  const { type, shown } = open();
  for (const line of ["one", "two", "three"]) await type(`${line}\r`);
  assert.equal(shown().split("three").length - 1, 1);
});

test("piped lines end at line feeds alone, and the last one needs none", async () => {
  const lines = pipedLines(Readable.from([Buffer.from("one\u2028still\rone\r\ntw"), Buffer.from("o")]));
  assert.deepEqual(await lines.next(""), { type: "line", text: "one\u2028still\rone" });
  assert.deepEqual(await lines.next(""), { type: "line", text: "two" });
  assert.deepEqual(await lines.next(""), { type: "end" });
});
