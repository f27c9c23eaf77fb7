/** Turns what SQLite and the file system throw into StoreErrors that say what to do. It changes no file. */
import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { StoreError, messageOf } from "../core/errors.ts";

const elsewhere = "or keep the store elsewhere by setting UNABRIDGED_HOME to another folder.";

/** How long one process waits for another one's write. */
export const busyTimeoutMs = 15_000;

export function storeFailure(error: unknown, path: string): StoreError {
  if (error instanceof StoreError) return error;
  const reason = messageOf(error);
  switch (kindOf(error, path)) {
    case "busy":
      return new StoreError(
        "busy",
        `Another process has been writing to "${path}" for more than ${busyTimeoutMs / 1000} s (${reason}). Try again once it is done.`,
        { cause: error },
      );
    case "disk_full":
      return new StoreError(
        "disk_full",
        `There is no room left to write to "${path}" (${reason}). Free some space, ${elsewhere}`,
        { cause: error },
      );
    case "corrupt":
      return new StoreError(
        "corrupt",
        `"${path}" is damaged or is no database (${reason}). Nothing was changed. Restore it from a backup, try "sqlite3 ${path} .recover", or move it away together with its -wal and -shm files to begin anew.`,
        { cause: error },
      );
    case "unavailable":
      return new StoreError(
        "unavailable",
        `The store at "${path}" can't be read or written (${reason}). Check that the folder exists and is writable, ${elsewhere}`,
        { cause: error },
      );
  }
}

type Kind = "busy" | "disk_full" | "corrupt" | "unavailable";

function kindOf(error: unknown, path: string): Kind {
  if (codeOf(error) === "ENOSPC" || codeOf(error) === "EDQUOT") return "disk_full";
  // The low byte of an extended result code is the primary one: https://sqlite.org/rescode.html
  switch (sqliteCodeOf(error) & 0xff) {
    case 5:
    case 6:
      return "busy";
    case 13:
      return "disk_full";
    case 11:
    case 26:
      return "corrupt";
    case 10:
      // SQLite reports a full disk as a plain input/output error where it grows its shared-memory file.
      return isFull(path) ? "disk_full" : "unavailable";
    default:
      return "unavailable";
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function sqliteCodeOf(error: unknown): number {
  return error instanceof Error && "errcode" in error ? Number(error.errcode) : 0;
}

function isFull(path: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return bavail * bsize < 1 << 20;
  } catch {
    // No answer about the disk: then the input/output error is reported as what it is.
    return false;
  }
}
