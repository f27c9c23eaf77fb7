/** The one thread that touches the database: takes batches of calls, answers each with its outcomes. */
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { failureOf, runBatch } from "./batch.ts";
import type { FromWorker, ToWorker, WorkerData } from "./batch.ts";
import { openDatabase } from "./database.ts";
import { loadSchema } from "./schema.ts";

const port = parentPort;
if (isMainThread || !port) throw new Error("This file is the store's worker and can't be run by itself.");

// The channel gives it.
const { name, path } = workerData as WorkerData;
try {
  const loaded = await loadSchema(name);
  const database = openDatabase(path, loaded.migrations);
  database.exec(loaded.settings);
  const schema = loaded.open(database);
  port.on("message", (message: ToWorker) => {
    if (message === "close") {
      database.close();
      port.close();
    } else {
      answer({ outcomes: runBatch(database, schema, path, message) });
    }
  });
  answer({ outcomes: [{ value: undefined }] });
} catch (error) {
  answer({ outcomes: [{ failure: failureOf(error, path) }] });
}

function answer(message: FromWorker): void {
  port?.postMessage(message);
}
