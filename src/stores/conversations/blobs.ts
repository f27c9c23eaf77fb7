/** The part of the database that has attachments and large outputs: bytes by their hash, in chunks. */
import type { DatabaseSync } from "node:sqlite";
import { zstdDecompressSync } from "node:zlib";
import { bytesIn, numberIn, statement, textIn } from "../parts/part.ts";
import type { OpenPart, Part } from "../parts/part.ts";
import { compress } from "../parts/texts.ts";

export interface BlobOperations {
  /** Begins to take in bytes, of which nobody can see anything until `finish`. */
  begin(at: number): number;
  add(upload: number, index: number, bytes: Uint8Array): void;
  /** Names what was taken in by its hash; where that is there already, what was taken in is dropped. */
  finish(upload: number, facts: BlobRecord): BlobRecord;
  abandon(upload: number): void;
  describe(hash: string): BlobRecord | undefined;
  /** One chunk; undefined beyond the last. */
  chunk(hash: string, index: number): Uint8Array | undefined;
}

export interface BlobRecord {
  readonly hash: string;
  readonly bytes: number;
  readonly mediaType: string;
  readonly name: string | undefined;
}

/** Each chunk but the last has this many bytes. */
export const chunkBytes: number = 256 * 1024;

export const blobsPart: Part<BlobOperations> = {
  name: "blobs",
  about:
    "Bytes that messages refer to, each content once, in chunks of 256 KiB. An upload without a row in `blobs` is still going on, or was interrupted; a day later it is removed.",
  reads: ["describe", "chunk"],
  migrations: [
    {
      name: "blobs/1-create",
      sql: `create table uploads (
  number integer primary key,
  at real not null -- milliseconds since the epoch
) strict;
create table chunks (
  upload integer not null references uploads (number),
  place integer not null, -- from 0
  compressed integer not null check (compressed in (0, 1)), -- 1: content is a zstd frame
  content blob not null,
  primary key (upload, place)
) strict;
create table blobs (
  number integer primary key,
  hash blob not null unique, -- SHA-256 of the bytes
  upload integer not null references uploads (number),
  bytes integer not null,
  media_type text not null,
  name text -- where it came from, the first time
) strict;`,
    },
  ],
  open: openBlobs,
};

const staleMs = 24 * 60 * 60 * 1000;

function openBlobs(database: DatabaseSync): OpenPart<BlobOperations> {
  const newUpload = statement(database, "insert into uploads (at) values (?)");
  const insertChunk = statement(
    database,
    "insert into chunks (upload, place, compressed, content) values (?, ?, ?, ?)",
  );
  const insertBlob = statement(
    database,
    `insert into blobs (hash, upload, bytes, media_type, name) values (unhex(?), ?, ?, ?, ?) on conflict do nothing`,
  );
  const select = statement(
    database,
    "select lower(hex(hash)) as hash, upload, bytes, media_type, name from blobs where hash = unhex(?)",
  );
  const selectChunk = statement(
    database,
    `select compressed, content from chunks join blobs on blobs.upload = chunks.upload
     where hash = unhex(?) and place = ?`,
  );
  const stale = statement(
    database,
    "select number from uploads where at < ? and not exists (select 1 from blobs where upload = uploads.number)",
  );
  const removal = openUploadRemoval(database);

  function describe(hash: string): BlobRecord | undefined {
    const row = select().get(hash);
    if (!row) return undefined;
    const name = row["name"];
    return {
      hash: textIn(row, "hash"),
      bytes: numberIn(row, "bytes"),
      mediaType: textIn(row, "media_type"),
      name: typeof name === "string" ? name : undefined,
    };
  }

  return {
    operations: {
      begin(at) {
        for (const row of stale().all(at - staleMs)) removal.remove(numberIn(row, "number"));
        return Number(newUpload().run(at).lastInsertRowid);
      },
      add(upload, index, bytes) {
        const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        const packed = compress(content);
        insertChunk().run(upload, index, packed ? 1 : 0, packed ?? content);
      },
      finish(upload, { hash, bytes, mediaType, name }) {
        if (insertBlob().run(hash, upload, bytes, mediaType, name ?? null).changes === 0)
          removal.remove(upload);
        return describe(hash) ?? { hash, bytes, mediaType, name };
      },
      abandon: (upload) => removal.remove(upload),
      describe,
      chunk(hash, index) {
        const row = selectChunk().get(hash, index);
        if (!row) return undefined;
        const content = bytesIn(row, "content");
        return numberIn(row, "compressed") === 1 ? new Uint8Array(zstdDecompressSync(content)) : content;
      },
    },
    forget() {},
  };
}

export function openUploadRemoval(database: DatabaseSync): { remove(upload: number): void } {
  const removeChunks = statement(database, "delete from chunks where upload = ?");
  const removeUpload = statement(database, "delete from uploads where number = ?");
  return {
    remove(upload) {
      removeChunks().run(upload);
      removeUpload().run(upload);
    },
  };
}
