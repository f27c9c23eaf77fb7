/** Names of processes at work on jobs: so made that others on the same machine can tell whether one is gone. */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";

export function newWorkerName(): string {
  return `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`;
}

/** True only for a process of this machine that is no more; of others nobody here can say. */
export function isWorkerGone(name: string): boolean {
  const [, host, pid] = /^(.*):(\d+):\w+$/.exec(name) ?? [];
  return host !== undefined && isProcessGone(host, Number(pid));
}

/** The same of a process by its machine's name and its number. */
export function isProcessGone(host: string, pid: number): boolean {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    // Another user's process may not be signalled, but it is there.
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
}
