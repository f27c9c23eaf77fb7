/** The loop of `map` as cells use it: jobs that end with the call, and SQL over what came of them. */
import { BudgetError } from "../core/errors.ts";
import type { JobId } from "../core/ids.ts";
import type { ItemOutcome, JobStore, SettledRow } from "../core/job-store.ts";
import type { Model } from "../core/model.ts";
import { objectsOf, Results, runMap, settledPages } from "../map/index.ts";
import type { RecordOperators, RecordSet } from "../rlm/index.ts";

export function recordOperators(model: Model, newJobs: () => JobStore): RecordOperators {
  return {
    async map(prompts, { schema, scope, signal }) {
      const jobs = newJobs();
      const result = await runMap({
        ...{ jobs, model, prompt: "{{item}}" },
        scope: { ...scope, signal: AbortSignal.any([scope.signal, signal]) },
        items: prompts.map((item) => ({ type: "item" as const, item })),
        ...(schema && { output: schema }),
        // A run that is resumed runs the cell again, with none of these jobs left.
        keepsAnswers: true,
      });
      // The amounts are filled in by who knows the limit as it was set.
      const limit =
        result.limit && new BudgetError(result.limit.code, result.limit.message, { limit: 0, spent: 0 });
      if (limit) await failRest(jobs, result.jobId, limit);
      const outcomes: ItemOutcome[] = [];
      for await (const page of settledPages(jobs, result.jobId))
        for (const { outcome } of page) outcomes.push(outcome);
      return { outcomes, limit };
    },
    async query(query, set, others, signal) {
      const { schema } = set;
      const results = await Results.open(pagesOf(set), { signal, schema });
      try {
        for (const [name, other] of others) await results.attach(name, pagesOf(other), other.schema);
        return objectsOf(await results.sql(query));
      } finally {
        await results.close();
      }
    },
  };
}

/** Items that the limit left unasked are failures with its reason, so that the others have their places. */
async function failRest(jobs: JobStore, jobId: JobId, { message }: BudgetError): Promise<void> {
  const wish = { worker: "limit", count: 2000, leaseMs: 60_000 };
  for (;;) {
    const claimed = await jobs.claim(jobId, wish);
    if (claimed.type !== "units") return;
    const outcome = { ok: false, error: { code: "budget", message } } as const;
    await jobs.settle(
      jobId,
      claimed.units.map(({ unit }) => ({ unit, lease: claimed.lease, attempts: 0, costUsd: 0, outcome })),
    );
    await jobs.release(claimed.lease, 0);
  }
}

const pageRows = 2000;

async function* pagesOf({ outcomes, items }: RecordSet): AsyncGenerator<readonly SettledRow[]> {
  for (let start = 0; start < outcomes.length; start += pageRows)
    yield outcomes.slice(start, start + pageRows).map((outcome, offset) => {
      const position = start + offset + 1;
      return { position, key: position, item: items?.[position - 1], attempts: 1, outcome };
    });
}
