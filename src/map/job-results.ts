/** The rows of a job, page by page, and the questions that can be asked of them without a model. */
import type { JobId } from "../core/ids.ts";
import type { JobStore, SettledRow } from "../core/job-store.ts";
import { readRecipe } from "./job.ts";
import { Results } from "./results.ts";

const pageRows = 2000;

export interface SettledOptions {
  /** Have the items as well as the outcomes. @default false */
  readonly withItems?: boolean;
  /** The position after which to begin. @default 0 */
  readonly after?: number;
}

/** Rows in input order, as far as they are settled. */
export async function* settledPages(
  jobs: JobStore,
  jobId: JobId,
  { withItems = false, after = 0 }: SettledOptions = {},
): AsyncGenerator<readonly SettledRow[]> {
  for (;;) {
    const rows = await jobs.settledRows(jobId, { after, limit: pageRows, withItems });
    if (rows.length === 0) return;
    yield rows;
    after = rows.at(-1)?.position ?? after;
  }
}

/** Loads a job's results, items included, to be asked by SQL. Close them when done. */
export async function resultsOf(
  jobs: JobStore,
  jobIdOrPrefix: string,
  signal: AbortSignal,
): Promise<Results> {
  const job = await jobs.get(jobIdOrPrefix);
  const { schema } = readRecipe(job.recipe).task;
  return Results.open(settledPages(jobs, job.id, { withItems: true }), { signal, schema });
}
