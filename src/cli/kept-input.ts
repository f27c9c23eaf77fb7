/** Keeps what was piped in as a file named by its content, so that a resumed run finds it again. */
import { createHash, randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

export interface KeptInput {
  readonly folder: string;
  readonly name: "stdin";
  readonly path: string;
}

export async function keepInput(
  input: Readable,
  homeFolder: string,
  signal: AbortSignal,
): Promise<KeptInput> {
  const inputs = join(homeFolder, "inputs");
  const arriving = join(inputs, `.${randomUUID()}`);
  await mkdir(arriving, { recursive: true, mode: 0o700 });
  try {
    const hash = createHash("sha256");
    const hashed = async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const chunk of source) {
        hash.update(chunk);
        yield chunk;
      }
    };
    await pipeline(input, hashed, createWriteStream(join(arriving, "stdin"), { mode: 0o600 }), { signal });
    const folder = join(inputs, hash.digest("hex"));
    try {
      await rename(arriving, folder);
    } catch (error) {
      // The same text was piped in before and is there already.
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code !== "ENOTEMPTY" && code !== "EEXIST" && code !== "EPERM") throw error;
    }
    return { folder, name: "stdin", path: join(folder, "stdin") };
  } finally {
    await rm(arriving, { recursive: true, force: true });
  }
}
