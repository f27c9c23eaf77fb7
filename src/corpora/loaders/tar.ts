/** Archives of tar, and what is compressed with gzip: such an archive, or one file. */
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { createTarDecoder } from "modern-tar";
import type { ParsedTarEntry } from "modern-tar";
import { headBytes } from "../inspect-file.ts";
import { peek, streamOf } from "./input.ts";
import { LimitError, UnreadableError } from "./limits.ts";
import { isSkipped, memberPath, unpackedOf } from "./loading.ts";
import type { Loader, Loading } from "./loading.ts";
import { recogniseBinary } from "./recognise.ts";

export const loadTar: Loader = async (input, path, loading) => {
  await takeEntries(streamOf(input), path, loading);
};

export const loadGzip: Loader = async (input, path, loading) => {
  const source = streamOf(input);
  const unzipped = createGunzip();
  source.on("error", (error) => unzipped.destroy(error));
  const stream = unpackedOf(source.pipe(unzipped), loading.collector);
  try {
    const { head, whole } = await peek(stream, headBytes);
    if (recogniseBinary(head, path) === "tar") await takeEntries(whole, path, loading);
    else await takeOne(whole, path, loading);
  } catch (error) {
    if (error instanceof UnreadableError) throw error;
    throw new UnreadableError("a gzip file that is broken or cut off", { cause: error });
  } finally {
    source.destroy();
    unzipped.destroy();
  }
};

/** One file, as it is without the ending: its name in the path stays that of the file which there is. */
async function takeOne(stream: AsyncIterable<Uint8Array>, path: string, loading: Loading): Promise<void> {
  const { collector } = loading;
  const [skips, documents] = [collector.skipped.length, collector.documents.length];
  let failure: unknown;
  await loading.take({ path, stream: rethrown(stream, (error) => (failure = error)) });
  if (failure !== undefined) throw failure;
  // Nothing came of it but a reason: that is the file's own.
  const [skip] = collector.skipped.slice(skips);
  if (skip?.path === path && collector.documents.length === documents) throw new UnreadableError(skip.reason);
}

/** Those who take a file name it and go on, but an archive that ends in its middle is broken as a whole. */
async function* rethrown(
  stream: AsyncIterable<Uint8Array>,
  onError: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch (error) {
    onError(error);
    throw error;
  }
}

async function takeEntries(
  stream: AsyncIterable<Uint8Array>,
  archive: string,
  loading: Loading,
): Promise<void> {
  let failure: unknown;
  const source = rethrown(stream, (error) => (failure = error));
  try {
    const entries = Readable.toWeb(Readable.from(source)).pipeThrough(createTarDecoder({ strict: true }));
    for await (const entry of entries) await takeEntry(entry, archive, loading);
  } catch (error) {
    if (error instanceof LimitError) throw error;
    if (failure instanceof LimitError) throw failure;
    throw new UnreadableError("a tar archive that is broken or cut off", { cause: error });
  }
  if (failure !== undefined) throw failure;
}

async function takeEntry({ header, body }: ParsedTarEntry, archive: string, loading: Loading): Promise<void> {
  const { collector } = loading;
  collector.unpacked.addEntry();
  const path = memberPath(archive, header.name);
  if (header.type !== "file" || isSkipped(header.name)) return body.cancel();
  if (path === undefined) {
    collector.skip(archive, "a packed file whose name leads out of the archive");
    return body.cancel();
  }
  await loading.take({ path, stream: body });
}
