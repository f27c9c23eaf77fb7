/** Works on jobs that others have put into a store: what `unabridged worker` does on any number of machines. */
import { setTimeout as sleep } from "node:timers/promises";
import type { StoredJob, JobStore } from "../core/job-store.ts";
import type { Model } from "../core/model.ts";
import type { RunScope } from "../core/scope.ts";
import type { AgentAnswer } from "./asking.ts";
import { readRecipe } from "./job.ts";
import { askingOf } from "./map.ts";
import { work, type WorkEnd } from "./work.ts";

export interface WorkerProblem {
  readonly scope: RunScope;
  readonly jobs: JobStore;
  /** The model of a job's recipe, as this machine's configuration knows it; undefined leaves the job to other workers. */
  readonly modelFor: (name: string) => Promise<Model | undefined>;
  /** Told of each job that this worker takes up. */
  readonly onJob?: (job: StoredJob) => void;
  /** For jobs whose items are answered by runs of their own; without it they are left to other workers. */
  readonly agent?: AgentAnswer | undefined;
  /** @default all active jobs, the oldest first */
  readonly jobId?: string | undefined;
  /** Return once there is nothing left to do instead of waiting for more. @default false */
  readonly untilIdle?: boolean;
  readonly lanes?: number;
  readonly leaseMs?: number;
}

const listed = 1000;
const lookEveryMs = 1000;

/** Resolves to how each job ended that it worked on. Throws what `work` throws, and the signal's reason. */
export async function workOnJobs(problem: WorkerProblem): Promise<ReadonlyMap<string, WorkEnd>> {
  const { jobs, jobId, scope, untilIdle = false } = problem;
  const ends = new Map<string, WorkEnd>();
  const reached = new Map<string, number | undefined>();
  for (;;) {
    scope.signal.throwIfAborted();
    const known = jobId === undefined ? await jobs.list({ limit: listed }) : [await jobs.get(jobId)];
    let worked = 0;
    for (const job of known.toReversed()) {
      if (!(await hasWork(problem, job, reached))) continue;
      const { task, pace } = readRecipe(job.recipe);
      const model = await problem.modelFor(task.model);
      if (!model) continue;
      problem.onJob?.(job);
      const end = await workOn(problem, job, model);
      ends.set(job.id, end);
      if (end.type === "ceiling") reached.set(job.id, pace.ceilingUsd);
      worked++;
    }
    if (worked > 0) continue;
    if (untilIdle) return ends;
    await sleep(lookEveryMs, undefined, { signal: scope.signal }).catch(() => scope.signal.throwIfAborted());
  }
}

async function hasWork(
  { jobs, agent }: WorkerProblem,
  job: StoredJob,
  reached: ReadonlyMap<string, number | undefined>,
): Promise<boolean> {
  const { task, pace } = readRecipe(job.recipe);
  if (job.state === "cancelled" || (task.mode === "agent" && !agent)) return false;
  // Its ceiling was reached: only another one, set by who runs its map again, changes that.
  if (reached.has(job.id) && reached.get(job.id) === pace.ceilingUsd) return false;
  const { pending, running } = await jobs.counts(job.id);
  return pending > 0 || running > 0;
}

async function workOn(problem: WorkerProblem, job: StoredJob, model: Model): Promise<WorkEnd> {
  const { jobs, scope, agent, lanes, leaseMs } = problem;
  const { task, pace } = readRecipe(job.recipe);
  const asking = await askingOf({
    ...{ model, modelName: task.model, prompt: task.prompt, output: task.schema, votes: task.votes, pace },
    agent: task.mode === "agent" ? agent : undefined,
  });
  return work({
    ...{ jobs, jobId: job.id, scope, asking, lanes: lanes ?? scope.tree.limiter.concurrency },
    isComplete: async () => (await jobs.get(job.id)).sealed,
    ...(leaseMs === undefined ? {} : { leaseMs }),
  });
}
