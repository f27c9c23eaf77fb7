/** A thread that counts blocks of large texts. */
import { parentPort } from "node:worker_threads";
import { countBlocks } from "./count-blocks.ts";
import type { CountRequest, CountResponse } from "./counting-threads.ts";

parentPort?.on("message", ({ range, first, end }: CountRequest) => {
  let response: CountResponse;
  try {
    response = { ok: true, counted: countBlocks(range, first, end) };
  } catch {
    response = { ok: false };
  }
  parentPort?.postMessage(response);
});
parentPort?.postMessage("ready");
