/** A worker: carries out jobs that others have put into the store, with the engine's models and limits. */
import { ConfigError } from "../core/errors.ts";
import type { RunId } from "../core/ids.ts";
import type { StoredJob } from "../core/job-store.ts";
import type { Model } from "../core/model.ts";
import type { RunScope } from "../core/scope.ts";
import type { TraceEvent } from "../core/trace.ts";
import { workOnJobs, type WorkEnd } from "../map/index.ts";
import { Clock } from "./clock.ts";
import { agentAnswer, jobScope } from "./job-scope.ts";
import { checkLimits, unpricedNotice, type RunLimits } from "./limits.ts";
import type { EngineModels, EngineParts } from "./parts.ts";

export interface WorkRequest {
  /** Only this job, by id or an unambiguous beginning of one. @default all active jobs, the oldest first */
  readonly job?: string;
  /** End once there is nothing left to do instead of waiting for more. @default false */
  readonly untilIdle?: boolean;
}

export interface WorkOptions {
  readonly signal?: AbortSignal;
  /** Of this worker. What a whole job may cost is said where its map is run. */
  readonly limits?: RunLimits;
}

/** How each job ended that the worker took part in. */
export type WorkResult = ReadonlyMap<string, WorkEnd>;

export async function workRun(
  parts: EngineParts,
  runId: RunId,
  { job, untilIdle = false }: WorkRequest,
  options: WorkOptions & { readonly limits: RunLimits },
  watch: (event: TraceEvent) => void,
): Promise<WorkResult> {
  const limits = checkLimits(options.limits);
  const clock = new Clock(options.signal, limits.budget.timeMs);
  try {
    const [models, jobs] = await Promise.all([parts.models(), parts.jobs()]);
    const { budget } = limits;
    const scope = await jobScope(parts, runId, limits, {
      ...{ signal: clock.signal, publish: watch, budget, withJournal: true },
    });
    const unpriced = unpricedNotice([models.subModel], limits);
    for (const text of [...models.notices, ...(unpriced === undefined ? [] : [unpriced])])
      scope.emit({ type: "notice", text });
    return await workOnJobs({
      ...{ scope, jobs, untilIdle, jobId: job, agent: agentAnswer(parts, limits, scope) },
      modelFor: modelsByName(models, scope, job !== undefined),
      onJob: ({ id }: StoredJob) => scope.emit({ type: "notice", text: `Working on ${id}.` }),
    });
  } finally {
    clock.stop();
  }
}

/** A job goes only to the model that it names: another one's results would not mean the same. */
function modelsByName(
  { model, subModel, modelsByDepth = [] }: EngineModels,
  scope: RunScope,
  mustHave: boolean,
): (name: string) => Promise<Model | undefined> {
  const told = new Set<string>();
  return async (name) => {
    const found = [subModel, model, ...modelsByDepth].find(({ id }) => id === name);
    if (found) return found;
    const text = `A job asks for the model "${name}", which this worker does not have (it has ${subModel.id}). Start one with --model ${name}.`;
    if (mustHave) throw new ConfigError("no_model", text);
    if (!told.has(name)) scope.emit({ type: "notice", text });
    told.add(name);
    return undefined;
  };
}
