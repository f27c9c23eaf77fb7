/** Frames and messages against bytes that no well-behaved guest would send. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FrameReader, jsonFrame, maxJsonBytes, ProtocolViolation, rawHeader, type Frame } from "./frames.ts";
import { parseGuestMessage } from "./messages.ts";

function read(bytes: Buffer, cuts: readonly number[] = []): Frame[] {
  const reader = new FrameReader();
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let start = 0;
  return ends.flatMap((end) => {
    const chunk = bytes.subarray(start, end);
    start = end;
    return [...reader.push(chunk)];
  });
}

test("frames come out as they went in, however the bytes are cut", () => {
  const message = fc.record({ text: fc.string({ unit: "binary" }), raw: fc.uint8Array() });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 8 }), fc.array(fc.nat(2_000)), (messages, cuts) => {
      const bytes = Buffer.concat(
        messages.flatMap(({ text, raw }) => [jsonFrame({ text }), rawHeader(raw.length), raw]),
      );
      const expected = messages.flatMap(({ text, raw }) => [
        { kind: "json", value: { text } },
        { kind: "raw", bytes: Buffer.from(raw) },
      ]);
      assert.deepEqual(read(bytes, cuts), expected);
    }),
  );
});

test("a lone surrogate survives the way to the guest", () => {
  assert.deepEqual(read(jsonFrame({ text: "a\udcff" })), [{ kind: "json", value: { text: "a\udcff" } }]);
});

test("bytes of any kind are read as frames or refused, never anything else", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        for (const frame of read(Buffer.from(bytes)))
          if (frame.kind === "json") parseGuestMessage(frame.value);
      } catch (error) {
        assert.ok(error instanceof ProtocolViolation);
      }
    }),
  );
});

test("a frame that is too long is refused by its header alone", () => {
  const header = Buffer.alloc(5);
  header.writeUInt32LE(maxJsonBytes + 1);
  assert.throws(() => read(header), ProtocolViolation);
});

test("any JSON is a message or refused, never anything else", () => {
  const type = fc.constantFrom("ready", "opened", "stdout", "call", "cancel", "waiting", "done", "other");
  const message = fc.oneof(
    fc.jsonValue(),
    fc
      .tuple(
        type,
        fc.dictionary(
          fc.constantFrom("id", "name", "args", "text", "ids", "waits", "status", "final"),
          fc.jsonValue(),
        ),
      )
      .map(([kind, rest]) => ({ ...rest, type: kind })),
  );
  fc.assert(
    fc.property(message, (value) => {
      try {
        parseGuestMessage(value);
      } catch (error) {
        assert.ok(error instanceof ProtocolViolation);
      }
    }),
  );
});
