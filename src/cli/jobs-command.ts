/** `unabridged jobs …`: what is stored of maps, what came of them, and how to go on. */
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { ConfigError, messageOf } from "../core/errors.ts";
import { grouped } from "../core/grouped.ts";
import type { JobCounts, StoredJob } from "../core/job-store.ts";
import { objectsOf, outputLine, readJobRecipe, type Jobs } from "../engine/index.ts";
import { launch } from "../setup/launch.ts";
import { exitCodes } from "./failure.ts";
import type { StoreFlags } from "./map-flags.ts";
import { RowPrinter } from "./row-printer.ts";
import { dollars } from "./show-answer.ts";
import { table } from "./table.ts";
import { writeText } from "./write-text.ts";

interface JobFlags extends StoreFlags {
  readonly json?: true;
}

export async function listJobs({
  limit,
  json,
  store,
}: JobFlags & { readonly limit: number }): Promise<number> {
  return withJobs(store, async (jobs) => {
    const found = await Promise.all(
      (await jobs.list({ limit })).map(async (job) => ({ job, counts: await jobs.counts(job.id) })),
    );
    if (json) await print(JSON.stringify(found.map(asJson), null, 2));
    else if (found.length === 0) await print('No jobs yet. Begin with: unabridged map INPUT -p "…"');
    else for (const { job, counts } of found) await print(lineOf(job, counts));
    return exitCodes.done;
  });
}

export async function showJob(
  id: string,
  { sql, json, store }: JobFlags & { readonly sql?: string },
): Promise<number> {
  return withJobs(store, async (jobs) => {
    const job = await jobs.get(id);
    if (sql !== undefined) {
      const rows = await jobs.sql(job.id, sql);
      await writeText(process.stdout, json ? `${JSON.stringify(objectsOf(rows), null, 2)}\n` : table(rows));
      return exitCodes.done;
    }
    const counts = await jobs.counts(job.id);
    await print(json ? JSON.stringify(asJson({ job, counts }), null, 2) : describe(job, counts));
    return exitCodes.done;
  });
}

export async function cancelJob(id: string, { store }: StoreFlags): Promise<number> {
  return withJobs(store, async (jobs) => {
    const job = await jobs.get(id);
    await jobs.cancel(job.id);
    await print(`${job.id} is cancelled. What is done is kept; go on with: unabridged jobs resume ${job.id}`);
    return exitCodes.done;
  });
}

export async function retryFailed(id: string, { store }: StoreFlags): Promise<number> {
  return withJobs(store, async (jobs) => {
    const job = await jobs.get(id);
    const pending = await jobs.retryFailed(job.id);
    if (pending === 0) await print(`No item of ${job.id} has failed.`);
    else
      await print(
        `${grouped(pending)} failed ${pending === 1 ? "item is" : "items are"} to be done again. Do so with: unabridged jobs resume ${job.id}`,
      );
    return exitCodes.done;
  });
}

export async function exportJob(
  id: string,
  { output, overwrite, store }: StoreFlags & { readonly output?: string; readonly overwrite?: true },
): Promise<number> {
  return withJobs(store, async (jobs) => {
    const job = await jobs.get(id);
    if (output === undefined) await new RowPrinter(jobs, process.stdout).finish(job.id);
    else await writeRows(jobs, job, output, overwrite === true);
    const { rows, pending, running } = await jobs.counts(job.id);
    const left = pending + running;
    if (left === 0) return exitCodes.done;
    process.stderr.write(
      `${grouped(left)} items of ${grouped(rows)} are not done yet: rows end before the first of them. Go on with: unabridged jobs resume ${job.id}\n`,
    );
    return exitCodes.failed;
  });
}

async function writeRows(jobs: Jobs, job: StoredJob, path: string, overwrite: boolean): Promise<void> {
  async function* lines(): AsyncGenerator<string> {
    for await (const row of jobs.results(job.id)) yield `${JSON.stringify(outputLine(row))}\n`;
  }
  try {
    await writeFile(resolve(path), lines(), { flag: overwrite ? "w" : "wx" });
  } catch (error) {
    const exists = error instanceof Error && "code" in error && error.code === "EEXIST";
    const message = exists
      ? `"${path}" exists. Choose another name, or replace it with --overwrite.`
      : `"${path}" can't be written: ${messageOf(error)}.`;
    throw new ConfigError(exists ? "invalid_option" : "unreadable", message, { cause: error });
  }
}

async function withJobs(store: string | undefined, work: (jobs: Jobs) => Promise<number>): Promise<number> {
  const { engine } = await launch(
    { limits: {}, store },
    { workingFolder: process.cwd(), environment: process.env },
  );
  try {
    return await work(engine.jobs);
  } finally {
    await engine.close();
  }
}

function stateOf({ state, sealed }: StoredJob, { pending, running, failed, faults }: JobCounts): string {
  if (state === "cancelled") return "cancelled";
  if (running > 0) return "running";
  if (pending > 0 || !sealed) return "unfinished";
  return failed + faults > 0 ? "failed" : "done";
}

function lineOf(job: StoredJob, counts: JobCounts): string {
  const { task, source } = readJobRecipe(job.recipe);
  const progress = `${grouped(counts.done + counts.failed)}/${grouped(counts.units)}`;
  const when = new Date(job.at).toISOString().slice(0, 16).replace("T", " ");
  return `${job.id}  ${when}  ${stateOf(job, counts).padEnd(10)}  ${progress.padStart(11)}  ${oneLine(source, 40)}  ${oneLine(task.prompt, 60)}`;
}

function describe(job: StoredJob, counts: JobCounts): string {
  const { task, pace, source } = readJobRecipe(job.recipe);
  const { rows, faults, units, pending, running, done, failed, costUsd, costKnown } = counts;
  const ceiling = pace.ceilingUsd === undefined ? "" : ` of at most ${dollars(pace.ceilingUsd)}`;
  const facts: readonly (readonly [string, string])[] = [
    ["job", job.id],
    ["begun", new Date(job.at).toISOString()],
    ["state", stateOf(job, counts)],
    ["input", source === "" ? "given by a program" : source],
    ["model", `${task.model}${task.mode === "agent" ? ", an agent for each item" : ""}`],
    ["prompt", oneLine(task.prompt, 200)],
    ["items", `${grouped(rows)}, ${grouped(units)} different, ${grouped(faults)} unreadable`],
    [
      "done",
      `${grouped(done)}, ${grouped(failed)} failed, ${grouped(running)} running, ${grouped(pending)} pending`,
    ],
    ["cost", `${dollars(costKnown ? costUsd : null)}${ceiling}`],
    ...(job.output ? ([["results", job.output.path]] as const) : []),
  ];
  return facts.map(([name, value]) => `${name.padEnd(8)}${value}`).join("\n");
}

function asJson({ job, counts }: { readonly job: StoredJob; readonly counts: JobCounts }): object {
  const { task, pace, source } = readJobRecipe(job.recipe);
  return {
    ...{ jobId: job.id, at: new Date(job.at).toISOString(), state: stateOf(job, counts), source },
    ...{ ...task, schema: task.schema ?? null, ceilingUsd: pace.ceilingUsd ?? null },
    ...{ counts, file: job.output?.path ?? null },
  };
}

function oneLine(text: string, most: number): string {
  const flat = text.replace(/\s+/g, " ");
  return flat.length <= most ? flat : `${flat.slice(0, most - 1)}…`;
}

async function print(text: string): Promise<void> {
  await writeText(process.stdout, `${text}\n`);
}
