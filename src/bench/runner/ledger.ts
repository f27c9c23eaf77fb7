/** What is spent, written down as it is spent: a run that is killed has not forgotten what its unfinished tasks cost. */
import { appendFileSync, mkdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { costOf } from "../../core/usage.ts";
import type { Model } from "../../core/model.ts";

export class Ledger {
  readonly #file: string;

  constructor(runFolder: string) {
    mkdirSync(runFolder, { recursive: true });
    this.#file = join(runFolder, "spent.jsonl");
  }

  /** An attempt at one task. Until it is done, what it spent counts beside the artifacts. */
  begin(name: string): Account {
    const attempt = `${name} ${process.pid} ${performance.timeOrigin + performance.now()}`;
    const write = (row: object): void =>
      appendFileSync(this.#file, `${JSON.stringify({ attempt, ...row })}\n`);
    return { spend: (usd) => write({ usd }), done: () => write({ done: true }) };
  }

  /** In US dollars, of attempts that ended without an artifact. A line that a kill has cut is left out. */
  async unfinishedUsd(): Promise<number> {
    const text = await readFile(this.#file, "utf8").catch(() => "");
    const open = new Map<string, number>();
    for (const line of text.split("\n").filter((one) => one.endsWith("}"))) {
      const row = JSON.parse(line) as { readonly attempt: string; readonly usd?: number };
      if (row.usd === undefined) open.delete(row.attempt);
      else open.set(row.attempt, (open.get(row.attempt) ?? 0) + row.usd);
    }
    return [...open.values()].reduce((sum, usd) => sum + usd, 0);
  }
}

export interface Account {
  spend(usd: number): void;
  /** Its artifact is kept and says what it cost. */
  done(): void;
}

/** The same model; what each of its calls costs is told, whoever makes it. */
export function withAccount(model: Model, spend: (usd: number) => void): Model {
  const { id, provider, endpoint, contextWindow, maxOutputTokens, price, reasoning, structuredOutputs } =
    model;
  return {
    ...{ id, provider, endpoint, contextWindow, maxOutputTokens, price, reasoning, structuredOutputs },
    async generate(request, options) {
      const reply = await model.generate(request, options);
      spend(reply.costUsd ?? costOf(reply.usage, price) ?? 0);
      return reply;
    },
  };
}
