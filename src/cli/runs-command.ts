/** `unabridged runs list` and `runs show`: what is stored of earlier runs. */
import { ConfigError } from "../core/errors.ts";
import { asRunId } from "../core/ids.ts";
import type { StoredRun } from "../core/store.ts";
import type { Engine } from "../engine/index.ts";
import { launch } from "../setup/launch.ts";
import { exitCodes } from "./failure.ts";
import { launchFlags } from "./flags.ts";
import { TraceView } from "./trace-view.ts";

export async function listRuns({
  json,
  limit,
}: {
  readonly json?: true;
  readonly limit: string;
}): Promise<number> {
  const most = Number(limit);
  if (!Number.isSafeInteger(most) || most < 1)
    throw new ConfigError("invalid_option", `--limit must be a whole number from 1, not "${limit}".`);
  return withRuns(async (runs) => {
    const found = await runs.list({ limit: most });
    if (json) print(JSON.stringify(found.map(asJson), null, 2));
    else if (found.length === 0) print('No runs yet. Begin with: unabridged ask "question" PATHS…');
    else
      for (const run of found)
        print(`${run.id}  ${when(run.at)}  ${statusOf(run).padEnd(10)}  ${oneLine(run.query)}`);
    return exitCodes.done;
  });
}

export async function showRun(id: string, { json }: { readonly json?: true }): Promise<number> {
  return withRuns(async (runs) => {
    const run = await runs.get(asRunId(id));
    const view = new TraceView(process.stdout);
    if (!json) print(`${run.id}  ${when(run.at)}  ${statusOf(run)}`);
    for await (const event of runs.events(run.id)) {
      if (json) print(JSON.stringify(event));
      else view.show(event);
    }
    if (!json && run.end) print(`\n${run.end.answer}`);
    return exitCodes.done;
  });
}

async function withRuns(work: (runs: Engine["runs"]) => Promise<number>): Promise<number> {
  const { engine } = await launch(launchFlags({}), {
    workingFolder: process.cwd(),
    environment: process.env,
  });
  try {
    return await work(engine.runs);
  } finally {
    await engine.close();
  }
}

function asJson(run: StoredRun): object {
  const { id, at, query, end } = run;
  return {
    runId: id,
    at: new Date(at).toISOString(),
    status: statusOf(run),
    query,
    answer: end?.answer ?? null,
  };
}

function statusOf({ end }: StoredRun): string {
  return end?.status ?? "unfinished";
}

function when(at: number): string {
  return new Date(at).toISOString().slice(0, 16).replace("T", " ");
}

function oneLine(text: string): string {
  const flat = text.replace(/\s+/g, " ");
  return flat.length <= 80 ? flat : `${flat.slice(0, 79)}…`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
