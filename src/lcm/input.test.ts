/** What callers may say as messages: a part that no request can hold is refused before it is kept for ever. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../core/errors.ts";
import { toMessage, type MessageInput } from "./input.ts";

test("a text is a message of one part", () => {
  assert.deepEqual(toMessage({ role: "user", content: "hello" }), {
    role: "user",
    content: [{ type: "text", text: "hello" }],
  });
});

for (const { about, message, says } of [
  { about: "an unknown role", message: { role: "robot", content: "x" }, says: /"robot"/ },
  { about: "content that is no text", message: { role: "user", content: 7 }, says: /a text or a list/ },
  {
    about: "a part that is nothing",
    message: { role: "user", content: [null] },
    says: /part 1 .* text, file/,
  },
  {
    about: "a part of an unknown type",
    message: { role: "user", content: [{ type: "text", text: "a" }, { type: "hologram" }] },
    says: /part 2 .*"hologram"/,
  },
  {
    about: "a part of another role",
    message: { role: "user", content: [{ type: "tool-call", toolCallId: "1", toolName: "a", input: {} }] },
    says: /text, file, got "tool-call"/,
  },
  {
    about: "a text without text",
    message: { role: "assistant", content: [{ type: "text" }] },
    says: /"text"/,
  },
  {
    about: "a file without bytes",
    message: { role: "user", content: [{ type: "file", mediaType: "image/png" }] },
    says: /"data"/,
  },
  {
    about: "a result that says nothing",
    message: { role: "tool", content: [{ type: "tool-result", toolCallId: "1", toolName: "a" }] },
    says: /a value "output"/,
  },
])
  test(`${about} is refused`, () => {
    assert.throws(
      // What JavaScript lets through.
      () => toMessage(message as unknown as MessageInput),
      (error) => error instanceof ConfigError && error.code === "invalid_input" && says.test(error.message),
    );
  });
