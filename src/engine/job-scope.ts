/** What work on a job runs in, and how an item is answered by a run of its own. Shared by `map` and by workers. */
import { Budget, type Limits } from "../core/budget.ts";
import type { RunId } from "../core/ids.ts";
import { isPlainObject, type Json } from "../core/json.ts";
import { CallLimiter } from "../core/limiter.ts";
import { emitter, type RunScope } from "../core/scope.ts";
import { TokenCalibration } from "../core/tokens.ts";
import type { TraceEvent } from "../core/trace.ts";
import type { AgentAnswer } from "../map/index.ts";
import { ask, divide } from "../rlm/index.ts";
import { castOf } from "./cast.ts";
import type { CheckedLimits } from "./limits.ts";
import type { EngineParts } from "./parts.ts";

export interface JobScopeOptions {
  readonly signal: AbortSignal;
  readonly publish: (event: TraceEvent) => void;
  readonly budget: Limits;
  /** Keep the answers of single calls. An item's result is kept with the job; an agent makes many calls for one. */
  readonly withJournal: boolean;
}

export async function jobScope(
  parts: EngineParts,
  runId: RunId,
  limits: CheckedLimits,
  { signal, publish, budget, withJournal }: JobScopeOptions,
): Promise<RunScope> {
  let seq = 0;
  const nextSeq = (): number => ++seq;
  const run = { runId, parentRunId: undefined, depth: 0 };
  return {
    ...run,
    budget: new Budget(budget),
    signal,
    emit: emitter(run, nextSeq, publish),
    occurrences: new Map(),
    tree: {
      ...{ rootRunId: runId, publish, nextSeq, callTimeoutMs: limits.callTimeoutMs },
      limiter: new CallLimiter(limits.concurrency),
      calibration: new TokenCalibration(),
      answers: withJournal ? (await parts.store()).answers : undefined,
      ...{ useCache: withJournal, resumed: false, accounted: new Set<string>() },
    },
  };
}

/** An item as a corpus, its prompt as the question, and the grant that the item was given. */
export function agentAnswer(parts: EngineParts, limits: CheckedLimits, job: RunScope): AgentAnswer {
  return async ({ query, item, budget, signal }) => {
    const models = await parts.models();
    const corpus = await parts.openCorpus(documentOf(item), {
      signal,
      cwd: process.cwd(),
      onProgress: () => {},
    });
    try {
      const grant = divide(budget);
      const scope = { ...job, budget: grant.work, signal, occurrences: new Map(), depth: 1 };
      const outcome = await ask({
        ...{ query, corpus, grant, scope },
        cast: { ...castOf(parts, models, [], corpus), rootModel: () => models.model },
        settings: { ...limits.settings, depth: limits.settings.depth + 1, phase0: true },
      });
      if (outcome.status === "answered") return outcome.answer;
      if (outcome.status === "partial") throw outcome.limit;
      throw signal.reason;
    } finally {
      await corpus.close();
    }
  };
}

function documentOf(item: Json): { readonly text: string; readonly path?: string } {
  if (typeof item === "string") return { text: item };
  if (isPlainObject(item) && typeof item["text"] === "string")
    return { text: item["text"], ...(typeof item["path"] === "string" && { path: item["path"] }) };
  return { text: JSON.stringify(item, null, 2) };
}
