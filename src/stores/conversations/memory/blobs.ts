/** Blobs in memory. */
import type { BlobOperations } from "../blobs.ts";
import type { MemoryTables } from "./tree.ts";

export function memoryBlobs({ blobs }: MemoryTables): BlobOperations {
  const uploads = new Map<number, Uint8Array[]>();
  let last = 0;
  return {
    begin() {
      uploads.set(++last, []);
      return last;
    },
    add(upload, _index, bytes) {
      uploads.get(upload)?.push(bytes.slice());
    },
    finish(upload, facts) {
      const found = blobs.get(facts.hash) ?? { facts, chunks: uploads.get(upload) ?? [] };
      blobs.set(facts.hash, found);
      uploads.delete(upload);
      return found.facts;
    },
    abandon(upload) {
      uploads.delete(upload);
    },
    describe: (hash) => blobs.get(hash)?.facts,
    chunk: (hash, index) => blobs.get(hash)?.chunks[index]?.slice(),
  };
}
