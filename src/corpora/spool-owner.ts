/** Whose a spool's directory is, and the removal of those whose owner was killed before it could. */
import { readdir, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { isProcessGone } from "../core/worker-name.ts";

/** Says whose a directory is, so that others can tell when nobody will remove it any more. */
export const ownPrefix: string = `unabridged-${process.pid}@${hostname()}`;

/**
 * Removes what processes of this machine left in `parent` that were killed before they could. Contract: never rejects; what is
 * younger than an hour stays, for a machine's name may be another machine's as well.
 */
export async function sweepSpools(parent: string): Promise<void> {
  for (const name of await readdir(parent).catch(() => [])) {
    const [, pid, host] = /^unabridged-(\d+)@(.+)-\w{6}$/.exec(name) ?? [];
    if (host === undefined || !isProcessGone(host, Number(pid))) continue;
    const directory = join(parent, name);
    const usedAt = await stat(directory).then(
      ({ mtimeMs }) => mtimeMs,
      () => Infinity,
    );
    if (Date.now() - usedAt < leftForMs) continue;
    // Another process may be at it as well.
    await rm(directory, { recursive: true, force: true }).catch(() => {});
  }
}

const leftForMs = 60 * 60 * 1000;
