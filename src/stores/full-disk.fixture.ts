/** A program for a test: fills the disk under a folder through the store, then prints what became of it. */
import { StoreError } from "../core/errors.ts";
import { newRunId } from "../core/ids.ts";
import { sqlite } from "./sqlite.ts";

const store = await sqlite({ directory: process.argv[2] ?? "" });
const runId = newRunId();
await store.runs.create({ id: runId, at: 1, query: "?", recipe: {}, fingerprint: "" });
let acknowledged = 0;
try {
  for (;;) {
    const text = Array.from({ length: 100 }, () => Math.random()).join();
    await store.runs.append(runId, [{ type: "notice", text, runId, depth: 0, seq: acknowledged + 1, at: 1 }]);
    acknowledged++;
  }
} catch (error) {
  if (!(error instanceof StoreError)) throw error;
  const stored = (await Array.fromAsync(store.runs.events(runId))).length;
  console.log(JSON.stringify({ code: error.code, message: error.message, acknowledged, stored }));
}
await store.close();
