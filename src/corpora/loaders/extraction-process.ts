/** One process that takes text out of files, from our side: what it is asked, and how it is held to its limits. */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { readFileSync, realpathSync } from "node:fs";
import type { SkippedInput } from "../../core/corpus.ts";
import type { ExtractedDocument } from "./collector.ts";
import { sizeText } from "./limits.ts";
import type { ExtractionLimits } from "./limits.ts";
import type { ExtractReport, ExtractRequest } from "./protocol.ts";

export type Extraction =
  | {
      readonly status: "read";
      readonly documents: readonly ExtractedDocument[];
      readonly skipped: readonly SkippedInput[];
    }
  | { readonly status: "failed"; readonly reason: string };

const watchMs = 100;

export class ExtractionProcess {
  readonly #child: ChildProcess;
  readonly #limits: ExtractionLimits;
  #errorText = "";
  #ended = false;

  constructor(outputDirectory: string, limits: ExtractionLimits) {
    this.#limits = limits;
    // Built code ends in .js, sources in .ts: the process's code ends as ours does.
    const ending = import.meta.url.slice(import.meta.url.lastIndexOf("."));
    this.#child = fork(new URL(`./child${ending}`, import.meta.url), {
      execArgv: [
        "--no-warnings",
        `--max-old-space-size=${Math.floor((limits.memoryBytes / 1024 ** 2) * heapShare)}`,
        "--permission",
        "--allow-fs-read=*",
        `--allow-fs-write=${realpathSync(outputDirectory)}`,
      ],
      // Nothing of ours is its business, keys least of all; Windows can't start a process without these.
      env: Object.fromEntries(
        ["SystemRoot", "TEMP"].flatMap((name) => {
          const value = process.env[name];
          return value === undefined ? [] : [[name, value]];
        }),
      ),
      serialization: "advanced",
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#child.stderr?.on("data", (data: Buffer) => {
      this.#errorText = (this.#errorText + data.toString("latin1")).slice(-8_192);
    });
    this.#child.on("exit", () => (this.#ended = true));
    this.#child.on("error", () => (this.#ended = true));
  }

  /** Whether it can take another file. What it keeps of a large one must not count against a small one. */
  get isUsable(): boolean {
    return this.#isAlive && residentBytes(this.#child.pid) < this.#limits.memoryBytes * keptShare;
  }

  /** One at a time. Contract: never throws; resolves soon after a limit is reached or `end` was called. */
  extract(request: Omit<ExtractRequest, "limits">): Promise<Extraction> {
    const documents: ExtractedDocument[] = [];
    const skipped: SkippedInput[] = [];
    const { promise, resolve } = Promise.withResolvers<Extraction>();
    const child = this.#child;
    const startedAt = performance.now();
    let heardAt = startedAt;
    let killedFor: string | undefined;
    const watch = setInterval(() => {
      killedFor ??= this.#reachedLimit(startedAt, heardAt);
      if (killedFor !== undefined) this.end();
    }, watchMs);
    const finish = (extraction: Extraction): void => {
      clearInterval(watch);
      child.off("message", listen).off("exit", onExit).off("error", onError);
      resolve(extraction);
    };
    const onExit = (): void => finish({ status: "failed", reason: killedFor ?? this.#crashReason() });
    const onError = (error: Error): void => finish({ status: "failed", reason: `broken: ${error.message}` });
    const listen = (report: ExtractReport): void => {
      heardAt = performance.now();
      if (report.type === "documents") documents.push(...report.documents);
      else if (report.type === "skipped") skipped.push(...report.skipped);
      else if (report.type === "done") finish({ status: "read", documents, skipped });
      else if (report.type === "failed") finish({ status: "failed", reason: report.reason });
    };
    child.on("message", listen).on("exit", onExit).on("error", onError);
    if (!this.#isAlive) finish({ status: "failed", reason: this.#crashReason() });
    else
      child.send({ ...request, limits: this.#limits }, (error) => {
        if (error) onError(error);
      });
    return promise;
  }

  end(): void {
    this.#ended = true;
    this.#child.kill("SIGKILL");
  }

  get #isAlive(): boolean {
    return !this.#ended && this.#child.connected;
  }

  #reachedLimit(startedAt: number, heardAt: number): string | undefined {
    const { timeMs, stallMs, memoryBytes } = this.#limits;
    const now = performance.now();
    if (now - startedAt > timeMs) return `it takes more than ${timeMs / 1_000} s to be read`;
    if (now - heardAt > stallMs) return `nothing more of it could be read for ${stallMs / 1_000} s`;
    const used = residentBytes(this.#child.pid);
    return used > memoryBytes ? memoryReason(memoryBytes) : undefined;
  }

  #crashReason(): string {
    if (/heap out of memory|Allocation failed|Array buffer allocation/i.test(this.#errorText))
      return memoryReason(this.#limits.memoryBytes);
    return "broken: what reads it has crashed over it";
  }
}

/** Buffers lie outside of the heap. */
const heapShare = 0.6;
const keptShare = 1 / 3;

function memoryReason(bytes: number): string {
  return `it takes more than ${sizeText(bytes)} of memory to be read`;
}

/** Where the system doesn't tell, the limit of the heap is what holds. */
function residentBytes(pid: number | undefined): number {
  if (process.platform !== "linux" || pid === undefined) return 0;
  try {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1_024;
  } catch {
    return 0; // It has just ended.
  }
}
