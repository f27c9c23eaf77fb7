/** Starts this folder's threads. */
import { Worker } from "node:worker_threads";

/** @param name the file of the thread's program, without its ending: built code ends in .js, sources in .ts, as this file does */
export function startThread(name: "count-worker" | "passage-worker"): Worker {
  const ending = import.meta.url.slice(import.meta.url.lastIndexOf("."));
  const thread = new Worker(new URL(`./${name}${ending}`, import.meta.url));
  // A thread that nobody waits for keeps no process alive.
  thread.unref();
  return thread;
}
