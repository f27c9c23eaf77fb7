/** What is typed into a chat and what is meant by it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EntryReader, type ChatEntry } from "./chat-input.ts";

function read(...lines: readonly string[]): readonly ChatEntry[] {
  const reader = new EntryReader();
  return lines.flatMap((line) => reader.add(line) ?? []);
}

const text = (said: string): ChatEntry => ({ type: "text", text: said });
const command = (name: string, argument = ""): ChatEntry => ({ type: "command", name, argument });

for (const { about, lines, entries } of [
  { about: "each line is a text", lines: ["one", "", "  ", "two"], entries: [text("one"), text("two")] },
  {
    about: "a line that ends in a backslash goes on",
    lines: ["one\\", "two\\", "three"],
    entries: [text("one\ntwo\nthree")],
  },
  {
    about: "two backslashes at the end are two backslashes",
    lines: ["C:\\\\", "x"],
    entries: [text("C:\\\\"), text("x")],
  },
  {
    about: "quotes hold lines together, empty ones too",
    lines: ['"""', "a", "", "b\\", '"""'],
    entries: [text("a\n\nb\\")],
  },
  { about: "quotes may stand on one line", lines: ['"""/help"""'], entries: [text("/help")] },
  {
    about: "lines that come at once are one text",
    lines: ["def f():\n    return 1\n"],
    entries: [text("def f():\n    return 1\n")],
  },
  {
    about: "a word after a slash is a command",
    lines: ["/context", "/recall the port", "/QUIT "],
    entries: [command("context"), command("recall", "the port"), command("quit")],
  },
  {
    about: "a path is no command",
    lines: ["/etc/hosts is empty", "/ what"],
    entries: [text("/etc/hosts is empty"), text("/ what")],
  },
  { about: "a command in a pasted text is text", lines: ["/help\nme"], entries: [text("/help\nme")] },
])
  test(about, () => assert.deepEqual(read(...lines), entries));

test("what was begun when the input ends is said", () => {
  const reader = new EntryReader();
  assert.equal(reader.add('"""a'), undefined);
  assert.equal(reader.isOpen, true);
  assert.deepEqual(reader.end(), text("a"));
  assert.equal(reader.add("b\\"), undefined);
  reader.clear();
  assert.equal(reader.end(), undefined);
});
