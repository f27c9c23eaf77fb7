/** One task by one arm, as it is kept: written once, whole or not at all. That the file is there means that it is done. */
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256, type JsonObject } from "../../core/json.ts";
import type { Level, Task } from "../task.ts";
import type { Judgement } from "../judging/judge-answer.ts";
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
  /** Where a model judged the answer: by which, and what that cost beside the task. */
  readonly judgement?: Judgement & { readonly calls: number; readonly costMicroUsd: number | null };
  readonly manifestSha256: string;
}

export const shownAnswer = 4_000;

export class ArtifactFolder {
  readonly #folder: string;

  constructor(runFolder: string) {
    this.#folder = join(runFolder, "artifacts");
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

  #path(arm: string, taskId: string, rep: number): string {
    const safe = taskId.replace(/[^\w.-]+/g, "_");
    const name = safe.length > 100 ? `${safe.slice(0, 80)}-${sha256(taskId).slice(0, 12)}` : safe;
    return join(this.#folder, `${arm}--${name}--${rep}.json`);
  }
}
