/** A file without a name: only who holds one of its descriptors can reach it, and it is gone with the last of them. */
import { randomUUID } from "node:crypto";
import { closeSync, openSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf, SandboxError } from "../core/errors.ts";

export interface NamelessFile {
  readonly writing: number;
  readonly reading: number;
  close(): void;
}

/** Throws SandboxError "unavailable" where no temporary file can be made. */
export function namelessFile(): NamelessFile {
  const path = join(tmpdir(), `unabridged-${randomUUID()}`);
  try {
    const writing = openSync(path, "wx", 0o600);
    const reading = openSync(path, "r");
    unlinkSync(path);
    let isOpen = true;
    const close = (): void => {
      if (!isOpen) return;
      isOpen = false;
      closeSync(writing);
      closeSync(reading);
    };
    return { writing, reading, close };
  } catch (error) {
    throw new SandboxError(
      "unavailable",
      `The sandbox "wasm" needs a temporary file in ${tmpdir()}: ${messageOf(error)}. Set TMPDIR to a folder that can be written.`,
      { cause: error },
    );
  }
}
