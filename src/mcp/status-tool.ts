/** The tool `run_status`: what became of runs and jobs, also of those that another process began. */
import { z } from "zod";
import { messageOf } from "../core/errors.ts";
import { asRunId } from "../core/ids.ts";
import type { StoredRun } from "../core/store.ts";
import type { AskResult } from "../engine/index.ts";
import { answered, type Desk } from "./desk.ts";
import { rowsOf } from "./map-tool.ts";
import { followed } from "./progress-notes.ts";
import type { RunUnderWay } from "./runs-under-way.ts";
import { dollars, showAnswer } from "./show-run.ts";
import type { CallToolResult, ServerContext } from "@modelcontextprotocol/server";

const input = z.object({
  id: z.string().optional().describe("of a run (run_…) or of a job of map (job_…); without it, the newest"),
  wait_seconds: z.number().min(0).max(3600).optional().describe("wait so long for its end; default 0"),
  cancel: z.boolean().optional().describe("end it; what is there is kept"),
  sql: z.string().optional().describe("for a job: one query over the tables results, failures and items"),
});

const description =
  "How a run of ask or a job of map is getting on, and its answer or results once it has ended. Can wait for the end, or cancel.";

export function addRunStatus(desk: Desk): void {
  desk.server.registerTool(
    "run_status",
    {
      ...{ title: "Runs and jobs", description, inputSchema: input },
      annotations: { readOnlyHint: false, destructiveHint: false, openWorldHint: false },
    },
    async ({ id, wait_seconds: waitSeconds = 0, cancel, sql }, context) => {
      if (id === undefined) return newest(desk);
      const underWay = desk.workspace.runs.find(id);
      if (underWay) {
        if (cancel) underWay.cancel();
        const isOver = await ended(underWay, cancel ? cancelSeconds : waitSeconds, context);
        if (!isOver) return answered(`${id} is under way: ${underWay.progress.line}`, running(id, underWay));
      }
      const failure = desk.workspace.runs.failureOf(id);
      if (failure !== undefined)
        return {
          ...answered(`${id} failed: ${messageOf(failure)}`, { id, status: "failed" }),
          isError: true,
        };
      return id.startsWith("job_") ? jobStatus(desk, id, sql, context) : runStatus(desk, id);
    },
  );
}

/** For a run to write down how far it came. */
const cancelSeconds = 20;

/** False where it is still under way after so long. */
async function ended(run: RunUnderWay<unknown>, seconds: number, context: ServerContext): Promise<boolean> {
  const { signal } = context.mcpReq;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve, reject) => {
    timer = setTimeout(() => resolve(false), seconds * 1000);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  // Its failure is told by who asks for it.
  const end = run.result.then(
    () => true,
    () => true,
  );
  try {
    return await followed({ ...run, result: Promise.race([end, late]) }, context);
  } finally {
    clearTimeout(timer);
  }
}

function running(id: string, { progress }: RunUnderWay<unknown>): object {
  return { id, status: "running", ...progress.amount, message: progress.line };
}

async function runStatus({ workspace }: Desk, id: string): Promise<CallToolResult> {
  const run = await workspace.engine.runs.get(asRunId(id));
  if (!run.end)
    return answered(
      `${id} has no end: another process is at it, or was killed. Its question: ${run.query}\nGo on with it: unabridged runs resume ${id}`,
      { runId: id, status: "unfinished" },
    );
  // Stored as the run ended, by `engine`.
  const result = run.end.result as unknown as AskResult;
  return Array.isArray(result.citations)
    ? showAnswer(result, [])
    : answered(`${id}: ${run.end.status}\n\n${run.end.answer}`, { runId: id, status: run.end.status });
}

async function jobStatus(
  { workspace: { engine } }: Desk,
  idOrPrefix: string,
  sql: string | undefined,
  { mcpReq }: ServerContext,
): Promise<CallToolResult> {
  const { id, state, sealed } = await engine.jobs.get(idOrPrefix);
  const counts = await engine.jobs.counts(id);
  const { done, failed, units, pending, running: held, costUsd, costKnown } = counts;
  const isDone = sealed && pending === 0 && held === 0;
  const status = isDone ? "done" : state === "cancelled" ? "cancelled" : "unfinished";
  const { title, rows } = await rowsOf(engine, id, sql, mcpReq.signal);
  const cost = dollars(costKnown ? costUsd : null);
  return answered(
    `${id}: ${status}. ${done} of ${units} different items done, ${failed} failed, ${cost}.${isDone ? "" : " Call map again as before to go on."}\n\n${title}:\n${rows.map((row) => JSON.stringify(row)).join("\n") || "(none)"}`,
    { jobId: id, status, counts, rows },
  );
}

async function newest({ workspace: { engine } }: Desk): Promise<CallToolResult> {
  const [runs, jobs] = await Promise.all([engine.runs.list({ limit: 10 }), engine.jobs.list({ limit: 10 })]);
  const listed = [
    ...runs.map((run) => ({ id: run.id, at: run.at, status: statusOf(run), what: run.query })),
    ...jobs.map(({ id, at, state, sealed }) => ({
      id,
      at,
      status: sealed ? state : "unfinished",
      what: "map",
    })),
  ].sort((a, b) => b.at - a.at);
  const lines = listed.map(({ id, at, status, what }) => `${id} ${isoOf(at)} ${status}: ${oneLine(what)}`);
  return answered(lines.join("\n") || "No runs yet.", {
    runs: listed.map(({ at, ...run }) => ({ ...run, at: isoOf(at) })),
  });
}

export function statusOf({ end }: StoredRun): string {
  return end?.status ?? "unfinished";
}

export function isoOf(at: number): string {
  return new Date(at).toISOString();
}

export function oneLine(text: string): string {
  const flat = text.replace(/\s+/g, " ").trim();
  return flat.length <= 120 ? flat : `${flat.slice(0, 119).toWellFormed()}…`;
}
