/** What a tree of processes uses of processor and memory, read from Linux's /proc: a peer may do its work in children. */
import { readdirSync, readFileSync } from "node:fs";

/** Of living members and of those that were waited for, in milliseconds; a tick of Linux is ten. */
export function treeCpuMs(root: number): number {
  const ticks = tree(root).reduce(
    (sum, stat) => sum + [11, 12, 13, 14].reduce((own, at) => own + Number(stat[at]), 0),
    0,
  );
  return ticks * 10;
}

/** Resident sets added up: pages that two share count twice. */
export function treeMb(root: number): number {
  return (tree(root).reduce((sum, stat) => sum + Number(stat[21]), 0) * 4_096) / 2 ** 20;
}

/** @returns ends the watch and tells the peak in MiB */
export function watchMemory(root: number): () => number {
  let peak = 0;
  const sample = (): void => void (peak = Math.max(peak, treeMb(root)));
  sample();
  const timer = setInterval(sample, 100);
  return () => {
    clearInterval(timer);
    sample();
    return Math.round(peak);
  };
}

/** The fields of each member's stat from the state on, so that the parent is field 1. */
function tree(root: number): readonly (readonly string[])[] {
  const all = new Map<number, string[]>();
  for (const name of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      all.set(Number(name), stat.replace(/^.*\) /s, "").split(" "));
    } catch {
      // It ended in between.
    }
  }
  const members = new Set([root]);
  for (let grown = true; grown;) {
    grown = false;
    for (const [pid, stat] of all)
      if (!members.has(pid) && members.has(Number(stat[1]))) grown = members.add(pid).has(pid);
  }
  return [...members].map((pid) => all.get(pid)).filter((stat) => stat !== undefined);
}
