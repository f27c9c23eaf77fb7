/** How much memory this process and its children take, sampled while something runs. Linux only; elsewhere it says nothing. */
import { readdirSync, readFileSync } from "node:fs";

export class MemoryWatch {
  #peakKb = 0;
  readonly #timer: NodeJS.Timeout;
  readonly #isLeftOut: (commandLine: string) => boolean;

  /** @param isLeftOut by command line: for children that are no part of what is measured */
  constructor(isLeftOut: (commandLine: string) => boolean, everyMs: number = 200) {
    this.#isLeftOut = isLeftOut;
    this.#sample();
    this.#timer = setInterval(() => this.#sample(), everyMs);
    this.#timer.unref();
  }

  /** Ends the watch. @returns the peak in MiB; null where it can't be known */
  stop(): number | null {
    clearInterval(this.#timer);
    this.#sample();
    return this.#peakKb === 0 ? null : Math.round(this.#peakKb / 1_024);
  }

  #sample(): void {
    try {
      this.#peakKb = Math.max(this.#peakKb, treeKb(process.pid, this.#isLeftOut));
    } catch {
      // No /proc here, or a process ended while it was looked at: this sample is left out.
    }
  }
}

function treeKb(root: number, isLeftOut: (commandLine: string) => boolean): number {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const parent = readOrNothing(`/proc/${name}/stat`)
      ?.replace(/^.*\) \S /s, "")
      .split(" ")[0];
    if (parent !== undefined)
      children.set(Number(parent), [...(children.get(Number(parent)) ?? []), Number(name)]);
  }
  const sizeOf = (pid: number): number => {
    if (pid !== root && isLeftOut(readOrNothing(`/proc/${pid}/cmdline`) ?? "")) return 0;
    const own = Number(/VmRSS:\s+(\d+)/.exec(readOrNothing(`/proc/${pid}/status`) ?? "")?.[1] ?? 0);
    return own + (children.get(pid) ?? []).reduce((sum, child) => sum + sizeOf(child), 0);
  };
  return sizeOf(root);
}

function readOrNothing(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // It ended in between.
    return undefined;
  }
}
