/** Takes text out of files in processes of their own, several at once. Started with the first file, ended with the corpus's opening. */
import { availableParallelism } from "node:os";
import { ExtractionProcess } from "./extraction-process.ts";
import type { Extraction } from "./extraction-process.ts";
import { defaultLimits } from "./limits.ts";
import type { ExtractionLimits } from "./limits.ts";
import type { ExtractRequest } from "./protocol.ts";

export interface ExtractorOptions {
  readonly signal: AbortSignal;
  readonly limits?: Partial<ExtractionLimits> | undefined;
}

const mostProcesses = 4;

export class Extractor {
  readonly #signal: AbortSignal;
  readonly #limits: ExtractionLimits;
  readonly #most = Math.max(1, Math.min(mostProcesses, availableParallelism()));
  readonly #idle: ExtractionProcess[] = [];
  readonly #busy = new Set<ExtractionProcess>();
  readonly #waiting: (() => void)[] = [];
  readonly #endAll = (): void => this.close();
  #running = 0;
  #isClosed = false;

  constructor({ signal, limits }: ExtractorOptions) {
    this.#signal = signal;
    this.#limits = { ...defaultLimits, ...limits };
    signal.addEventListener("abort", this.#endAll);
  }

  /** Contract: rejects only with the signal's reason. */
  async extract(directory: string, request: Omit<ExtractRequest, "limits">): Promise<Extraction> {
    if (this.#running >= this.#most) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      this.#signal.throwIfAborted();
      if (this.#isClosed) return { status: "failed", reason: "the opening of the corpus was given up" };
      const found = await this.#extractIn(this.#idle.pop(), directory, request);
      this.#signal.throwIfAborted();
      return found;
    } finally {
      // The place goes to the next in line.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#signal.removeEventListener("abort", this.#endAll);
    for (const process of [...this.#idle.splice(0), ...this.#busy]) process.end();
  }

  async #extractIn(
    idle: ExtractionProcess | undefined,
    directory: string,
    request: Omit<ExtractRequest, "limits">,
  ): Promise<Extraction> {
    // One that nobody used may have died since.
    const process = idle?.isUsable ? idle : new ExtractionProcess(directory, this.#limits);
    this.#busy.add(process);
    const found = await process.extract(request);
    this.#busy.delete(process);
    if (!this.#isClosed && process.isUsable) this.#idle.push(process);
    else process.end();
    return found;
  }
}
