/** How much the next task may cost, so that all of them together stay under one ceiling. Pure accounting. */
import type { Artifact } from "./artifact.ts";

export class CostCeiling {
  readonly #maxUsd: number | undefined;
  #spentUsd = 0;
  readonly #byArm = new Map<string, { tasks: number; usd: number }>();

  /** @param unfinishedUsd spent on tasks that were not done */
  constructor(maxUsd: number | undefined, done: readonly Artifact[], unfinishedUsd: number) {
    this.#maxUsd = maxUsd;
    this.#spentUsd = unfinishedUsd;
    for (const artifact of done) this.add(artifact);
  }

  add({ arm, measured, judgement }: Pick<Artifact, "arm" | "measured" | "judgement">): void {
    const usd = ((measured.costMicroUsd ?? 0) + (judgement?.costMicroUsd ?? 0)) / 1e6;
    const seen = this.#byArm.get(arm) ?? { tasks: 0, usd: 0 };
    this.#byArm.set(arm, { tasks: seen.tasks + 1, usd: seen.usd + usd });
    this.#spentUsd += usd;
  }

  /** What is left, in US dollars; 0 where the arm's tasks have cost more than that on average. Undefined without a ceiling. */
  allowanceFor(arm: string): number | undefined {
    if (this.#maxUsd === undefined) return undefined;
    const left = this.#maxUsd - this.#spentUsd;
    const seen = this.#byArm.get(arm);
    return seen !== undefined && seen.usd / seen.tasks > left ? 0 : left;
  }
}
