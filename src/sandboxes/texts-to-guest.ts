/** Hands the texts of a context to a guest, one raw frame each. A folder of many small files must not cost a wait for each of them. */
import { rawHeader } from "./frames.ts";

/** Texts that are read at once, ahead of the one that is being sent. */
const mostAhead = 64;
/** Frames below this size go through the pipe together. */
const batchBytes = 256 * 1024;

export interface TextsToGuest {
  readonly count: number;
  load(index: number): Promise<Uint8Array>;
  write(bytes: Uint8Array): Promise<void>;
  /** True once nobody takes anything in any more. */
  hasEnded(): boolean;
}

/** Rejects with what `load` rejects with. */
export async function sendTexts({ count, load, write, hasEnded }: TextsToGuest): Promise<void> {
  const loading: Promise<Uint8Array>[] = [];
  let asked = 0;
  let batch: Uint8Array[] = [];
  let size = 0;
  const flush = async (): Promise<void> => {
    const frames = batch;
    batch = [];
    size = 0;
    if (frames.length > 0) await write(Buffer.concat(frames));
  };
  for (let sent = 0; sent < count && !hasEnded(); sent++) {
    for (; asked < Math.min(count, sent + mostAhead); asked++) loading.push(begun(load(asked)));
    const bytes = (await loading.shift()) ?? new Uint8Array();
    batch.push(rawHeader(bytes.byteLength));
    size += bytes.byteLength;
    // What is large is not copied once more.
    if (bytes.byteLength < batchBytes) batch.push(bytes);
    if (size >= batchBytes) await flush();
    if (bytes.byteLength >= batchBytes) await write(bytes);
  }
  await flush();
}

/** It is awaited in its turn; until then a failure must not count as unhandled. */
function begun(loading: Promise<Uint8Array>): Promise<Uint8Array> {
  loading.catch(() => {});
  return loading;
}
