/** A program for the contract of durable stores: writes numbers, eight at a time, and prints each once it is kept. */
import { writeSync } from "node:fs";
import { newRunId } from "../../core/ids.ts";
import { openStore, writeNumber } from "./durable-store.ts";

const [module = "", factory = "", directory = "", count = ""] = process.argv.slice(2);
const store = await openStore({ module, factory }, directory);
const runId = newRunId();
await store.runs.create({ id: runId, at: Date.now(), query: "Count.", recipe: {}, fingerprint: "" });
print(runId);

let next = 1;
await Promise.all(
  Array.from({ length: 8 }, async () => {
    while (next <= Number(count)) {
      const number = next++;
      await writeNumber(store, runId, number);
      print(String(number));
    }
  }),
);
await store.close();

/** Written before the next step, so that what was acknowledged was seen when this process is killed. */
function print(line: string): void {
  writeSync(1, `${line}\n`);
}
