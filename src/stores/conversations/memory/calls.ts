/** The operations on conversations over plain memory: what the database does, without SQL. */
import { StoreError } from "../../../core/errors.ts";
import type { Calls } from "../../channel.ts";
import type { Operations } from "../../schema.ts";
import { memoryBlobs } from "./blobs.ts";
import { memoryContexts } from "./contexts.ts";
import { memoryErasure } from "./erasure.ts";
import type { SearchOperations } from "../search.ts";
import { memoryTransfer } from "./transfer.ts";
import { memoryBranches, memoryMessages } from "./tree.ts";
import type { MemoryTables } from "./tree.ts";
import { memoryCheck } from "./check.ts";

export function memoryCalls(): Calls<"conversations"> {
  const tables: MemoryTables = { conversations: [], order: [], blobs: new Map() };
  const operations: Omit<Operations["conversations"], "search"> & { search?: SearchOperations } = {
    branches: memoryBranches(tables),
    messages: memoryMessages(tables),
    blobs: memoryBlobs(tables),
    contexts: memoryContexts(tables),
    erasure: memoryErasure(tables),
    check: memoryCheck(tables),
    transfer: memoryTransfer(tables),
  };
  let closed = false;
  return {
    async call(part, operation, ...values) {
      if (closed)
        throw new StoreError("unavailable", "The store in memory was closed. What it held is gone.");
      // Carried out on the next turn, in order, as one that crosses to another thread would be.
      await Promise.resolve();
      if (part === "search") operations.search ??= (await import("./search.ts")).memorySearch(tables);
      const run: unknown = Reflect.get(operations[part] ?? {}, operation);
      if (typeof run !== "function") throw new TypeError(`Expected a store operation, got "${operation}".`);
      return Reflect.apply(run, undefined, values);
    },
    async close() {
      closed = true;
    },
  };
}
