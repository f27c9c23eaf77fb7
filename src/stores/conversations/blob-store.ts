/** Streams blobs into the database and out of it, a chunk at a time. It knows no SQL. */
import { createHash } from "node:crypto";
import type { Blob } from "../../core/conversation.ts";
import type { BlobStore } from "../../core/conversation-store.ts";
import { asBlobId } from "../../core/ids.ts";
import type { BlobId } from "../../core/ids.ts";
import type { Calls } from "../channel.ts";
import { chunkBytes } from "./blobs.ts";
import type { BlobRecord } from "./blobs.ts";
import { hexOf, unknownBlob } from "./message-rows.ts";

export function blobStore(channel: Calls<"conversations">): BlobStore {
  return {
    async put(bytes, { mediaType, name, signal }) {
      const upload = await channel.call("blobs", "begin", Date.now());
      try {
        const hash = createHash("sha256");
        let length = 0;
        let index = 0;
        for await (const chunk of chunked(bytes)) {
          signal?.throwIfAborted();
          hash.update(chunk);
          length += chunk.length;
          await channel.call("blobs", "add", upload, index++, chunk);
        }
        const facts = { hash: hash.digest("hex"), bytes: length, mediaType, name };
        return blobOf(await channel.call("blobs", "finish", upload, facts));
      } catch (error) {
        // What went wrong is worth more to the caller than whether tidying up went well; a day later it is tidied again.
        await channel.call("blobs", "abandon", upload).catch(() => {});
        throw error;
      }
    },
    async describe(id) {
      const record = await channel.call("blobs", "describe", hexOf(id));
      return record && blobOf(record);
    },
    read: (id, range = {}) => readBlob(channel, id, range),
  };
}

async function* readBlob(
  channel: Calls<"conversations">,
  id: BlobId,
  range: { readonly start?: number; readonly end?: number; readonly signal?: AbortSignal },
): AsyncIterable<Uint8Array> {
  const blob = await channel.call("blobs", "describe", hexOf(id));
  if (!blob) throw unknownBlob(id);
  const start = Math.max(0, range.start ?? 0);
  const end = Math.min(blob.bytes, range.end ?? blob.bytes);
  for (let index = Math.floor(start / chunkBytes); index * chunkBytes < end; index++) {
    range.signal?.throwIfAborted();
    const chunk = await channel.call("blobs", "chunk", hexOf(id), index);
    if (!chunk) throw unknownBlob(id);
    const offset = index * chunkBytes;
    yield chunk.subarray(Math.max(0, start - offset), Math.min(chunk.length, end - offset));
  }
}

/** Pieces of any size as chunks of one size, the last one excepted. */
export async function* chunked(
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  let chunk = new Uint8Array(chunkBytes);
  let filled = 0;
  for await (const piece of bytes) {
    for (let taken = 0; taken < piece.length;) {
      const part = piece.subarray(taken, taken + chunkBytes - filled);
      chunk.set(part, filled);
      filled += part.length;
      taken += part.length;
      if (filled < chunkBytes) continue;
      yield chunk;
      chunk = new Uint8Array(chunkBytes);
      filled = 0;
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}

export function blobOf({ hash, bytes, mediaType, name }: BlobRecord): Blob {
  return { id: asBlobId(`blob_${hash}`), bytes, mediaType, name };
}
