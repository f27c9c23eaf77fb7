/** The contract of conversation stores: bytes kept beside the messages. */
import assert from "node:assert/strict";
import { asBlobId } from "../../core/ids.ts";
import { user } from "../../core/message.ts";
import { isError } from "./conversation-harness.ts";
import type { ConversationTest } from "./conversation-harness.ts";

export function conversationBlobTests(storeTest: ConversationTest): void {
  storeTest("bytes come back as they were put, whole or in part, and are kept once", async (store) => {
    const bytes = Uint8Array.from({ length: 700_001 }, (_, index) => (index * 7 + (index >> 8)) & 0xff);
    const pieces = (size: number) =>
      Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.slice(i * size, (i + 1) * size));
    const facts = { mediaType: "application/x", name: "a.bin" };
    const blob = await store.blobs.put(pieces(100_003), facts);
    assert.equal(blob.bytes, bytes.length);
    assert.deepEqual(await store.blobs.put(pieces(1_000_000), { mediaType: "other" }), blob);
    assert.deepEqual(await store.blobs.describe(blob.id), blob);
    for (const [start, end] of [
      [0, bytes.length],
      [262_143, 262_145],
      [262_144, 524_288],
      [699_999, 9e9],
      [5, 5],
    ] as const) {
      const read = await Array.fromAsync(store.blobs.read(blob.id, { start, end }));
      assert.deepEqual(Buffer.concat(read), Buffer.from(bytes.slice(start, end)));
    }
    const empty = await store.blobs.put([], { mediaType: "text/plain" });
    assert.deepEqual(await Array.fromAsync(store.blobs.read(empty.id)), []);
  });

  storeTest(
    "bytes that are unknown are refused, and a stream that fails leaves nothing",
    async (store, main) => {
      const unknown = asBlobId(`blob_${"0".repeat(64)}`);
      assert.equal(await store.blobs.describe(unknown), undefined);
      await assert.rejects(Array.fromAsync(store.blobs.read(unknown)), isError("not_found"));
      const refused = store.messages.append(main, [{ message: user("x"), blobs: [unknown] }]);
      await assert.rejects(refused, isError("not_found", /Put its bytes/));
      async function* failing(): AsyncIterable<Uint8Array> {
        yield new Uint8Array(300_000);
        throw new RangeError("no more");
      }
      await assert.rejects(store.blobs.put(failing(), { mediaType: "x" }), RangeError);
      const controller = new AbortController();
      controller.abort();
      const aborted = store.blobs.put([new Uint8Array(1)], { mediaType: "x", signal: controller.signal });
      await assert.rejects(aborted, { name: "AbortError" });
    },
  );
}
