/** The thread in which passages are indexed and found, so that a large index holds nobody up. */
import { parentPort } from "node:worker_threads";
import { PassageIndex } from "./passage-index.ts";
import type { PassageRequest, PassageResponse } from "./passage-client.ts";

const indexes = new Map<number, PassageIndex>();

parentPort?.on("message", (request: PassageRequest) => {
  const { id } = request;
  let response: PassageResponse;
  try {
    response = { id, ok: true, hits: answer(request) };
  } catch (error) {
    response = { id, ok: false, message: error instanceof Error ? error.message : String(error) };
  }
  parentPort?.postMessage(response);
});

function answer(request: PassageRequest): ReturnType<PassageIndex["find"]> {
  switch (request.type) {
    case "build":
      indexes.set(request.index, new PassageIndex(request.regions));
      return [];
    case "find": {
      const { expression, limit, regions } = request;
      return indexes.get(request.index)?.find(expression, limit, regions && new Set(regions)) ?? [];
    }
    case "drop":
      indexes.get(request.index)?.close();
      indexes.delete(request.index);
      return [];
  }
}
