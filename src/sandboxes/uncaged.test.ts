/** The guest in a bare interpreter: the smallest proof that frames, cells and host calls fit together. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { uncaged } from "./uncaged.ts";

test("a cell reads the context, calls the host and keeps its variables", async () => {
  await using sandbox = closing(uncaged());
  const { signal } = new AbortController();
  const session = await sandbox.open({
    context: {
      shape: "text",
      documents: [{ id: "d1", start: 0, characters: 12 }],
      load: async () => Buffer.from("hello\r\nworld"),
    },
    call: async (_name, args) => ({ results: [{ ok: true, text: JSON.stringify(args) }] }),
    limits: { memoryMb: 256 },
    signal,
  });
  await session.execute("n = len(context); reply = llm_query(context[:5])", { timeoutMs: 5_000, signal });
  const result = await session.execute("n, reply", { timeoutMs: 5_000, signal });
  assert.deepEqual(result, {
    status: "ok",
    stdout: { head: "", tail: "", characters: 0 },
    value: `(12, '{"items":[{"prompt":"hello"}]}')`,
  });
});

function closing<T extends { close(): Promise<void> }>(value: T): T & AsyncDisposable {
  return Object.assign(value, { [Symbol.asyncDispose]: () => value.close() });
}
