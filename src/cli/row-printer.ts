/** Prints a job's rows in input order as they are settled, one JSON line each, never two pages at once. */
import { outputLine, type Jobs } from "../engine/index.ts";
import { writeText } from "./write-text.ts";

const pageCharacters = 1 << 16;

export class RowPrinter {
  readonly #jobs: Jobs;
  readonly #out: NodeJS.WriteStream;
  #printing: Promise<void> | undefined;
  #after = 0;

  constructor(jobs: Jobs, out: NodeJS.WriteStream) {
    this.#jobs = jobs;
    this.#out = out;
  }

  /** Prints what is new, behind the caller's back. What fails fails again in `finish`. */
  wake(jobId: string): void {
    this.#printing ??= this.#print(jobId)
      .catch(() => undefined)
      .finally(() => (this.#printing = undefined));
  }

  async finish(jobId: string): Promise<void> {
    await this.#printing;
    await this.#print(jobId);
  }

  async #print(jobId: string): Promise<void> {
    let text = "";
    let last = this.#after;
    const write = async (): Promise<void> => {
      await writeText(this.#out, text);
      text = "";
      this.#after = last;
    };
    for await (const row of this.#jobs.results(jobId, { after: this.#after })) {
      text += `${JSON.stringify(outputLine(row))}\n`;
      last = row.position;
      if (text.length >= pageCharacters) await write();
    }
    if (text !== "") await write();
  }
}
