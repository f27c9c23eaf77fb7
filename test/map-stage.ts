/** For the stories of map: a run's scope, and the programs that are killed in them. */
import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Budget } from "../src/core/budget.ts";
import { newRunId } from "../src/core/ids.ts";
import { CallLimiter } from "../src/core/limiter.ts";
import { emitter, type RunScope } from "../src/core/scope.ts";
import { TokenCalibration } from "../src/core/tokens.ts";
import type { TraceEvent } from "../src/core/trace.ts";

export function newScope(
  concurrency: number,
  publish: (event: TraceEvent) => void = () => undefined,
): RunScope {
  const run = { runId: newRunId(), parentRunId: undefined, depth: 0 };
  let seq = 0;
  const nextSeq = (): number => ++seq;
  return {
    ...{ ...run, budget: new Budget(), occurrences: new Map(), signal: new AbortController().signal },
    emit: emitter(run, nextSeq, publish),
    tree: {
      ...{ rootRunId: run.runId, publish, nextSeq, limiter: new CallLimiter(concurrency) },
      ...{ calibration: new TokenCalibration(), answers: undefined, useCache: false, resumed: false },
      ...{ accounted: new Set(), callTimeoutMs: 60_000 },
    },
  };
}

/** Starts a program of this folder in a process of its own. */
export function startProgram(name: string, settings: object): ChildProcess {
  const path = fileURLToPath(new URL(name, import.meta.url));
  return spawn(process.execPath, ["--disable-warning=ExperimentalWarning", path, JSON.stringify(settings)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** Resolves to the exit code, or null where the process was killed. */
export function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => child.once("exit", (code) => resolve(code)));
}
