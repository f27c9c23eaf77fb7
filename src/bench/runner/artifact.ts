/** One task by one arm, as it is kept: written once, whole or not at all. That the file is there means that it is done. */
import { existsSync } from "node:fs";
import { appendFile, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256, type JsonObject } from "../../core/json.ts";
import type { Level, Task } from "../task.ts";
import type { Measured } from "./meter.ts";

export interface Artifact {
  readonly v: 1;
  readonly level: Level;
  readonly arm: string;
  readonly family: string;
  readonly taskId: string;
  readonly rep: number;
  readonly lengthTokens: number;
  readonly status: "answered" | "partial" | "overflow" | "failed";
  /** From 0 to 1. */
  readonly score: number;
  /** Cut where it is very long; its hash and length are of the whole. */
  readonly answer: string;
  readonly answerSha256: string;
  readonly answerCharacters: number;
  readonly error?: { readonly kind: string; readonly code: string; readonly message: string };
  readonly wallMs: number;
  /** Most memory of this process and its children, the server of simulated models left out; null where it can't be read. */
  readonly peakRssMb: number | null;
  readonly measured: Measured;
  /** What the arm had to say of how it went. */
  readonly facts?: JsonObject;
  readonly manifestSha256: string;
}

export const shownAnswer = 4_000;

export class ArtifactFolder {
  readonly #folder: string;
  readonly #unfinished: string;

  constructor(runFolder: string) {
    this.#folder = join(runFolder, "artifacts");
    this.#unfinished = join(runFolder, "unfinished.jsonl");
  }

  has(arm: string, task: Pick<Task, "id">, rep: number): boolean {
    return existsSync(this.#path(arm, task.id, rep));
  }

  async write(artifact: Artifact): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    const path = this.#path(artifact.arm, artifact.taskId, artifact.rep);
    const text = `${JSON.stringify(artifact, null, 1)}\n`;
    await writeFile(`${path}.part`, text);
    await rename(`${path}.part`, path);
  }

  /** All that is done, in the order of their names. */
  async readAll(): Promise<Artifact[]> {
    const names = await readdir(this.#folder).catch(() => []);
    const artifacts: Artifact[] = [];
    for (const name of names.filter((one) => one.endsWith(".json")).sort())
      artifacts.push(JSON.parse(await readFile(join(this.#folder, name), "utf8")) as Artifact);
    return artifacts;
  }

  /** Keeps what a task cost that was not done. */
  async writeUnfinished(arm: string, usd: number): Promise<void> {
    await appendFile(this.#unfinished, `${JSON.stringify({ arm, usd })}\n`);
  }

  async unfinishedUsd(): Promise<number> {
    const text = await readFile(this.#unfinished, "utf8").catch(() => "");
    const rows = text.split("\n").filter((line) => line !== "");
    return rows.reduce((sum, row) => sum + (JSON.parse(row) as { usd: number }).usd, 0);
  }

  #path(arm: string, taskId: string, rep: number): string {
    const safe = taskId.replace(/[^\w.-]+/g, "_");
    const name = safe.length > 100 ? `${safe.slice(0, 80)}-${sha256(taskId).slice(0, 12)}` : safe;
    return join(this.#folder, `${arm}--${name}--${rep}.json`);
  }
}
