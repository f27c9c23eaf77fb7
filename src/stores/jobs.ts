/** The JobStore port over the embedded store's thread. It serialises and parses; the SQL is elsewhere. */
import { join } from "node:path";
import { asJobId } from "../core/ids.ts";
import type {
  ClaimAnswer,
  ItemFault,
  ItemOutcome,
  JobStore,
  NewRow,
  SettledRow,
  StoredJob,
} from "../core/job-store.ts";
import type { Json, JsonObject } from "../core/json.ts";
import { Channel } from "./channel.ts";
import type { NewRowRecord, SettledRecord } from "./parts/job-rows.ts";
import type { JobRecord } from "./parts/jobs.ts";
import type { SqliteOptions } from "./sqlite.ts";

/**
 * Opens the jobs of a folder: the file `jobs.db`, apart from runs because a job writes more in a minute than they do in
 * a year. Several processes may work on one job. Otherwise as `sqlite`.
 */
export async function sqliteJobs({ directory }: SqliteOptions): Promise<JobStore> {
  const channel = await Channel.open("jobs", join(directory, "jobs.db"));
  return {
    async open(job) {
      const { id, at, key, task } = job;
      const record = { id, at, key, task, recipe: JSON.stringify(job.recipe) };
      return storedJob(await channel.call("jobs", "open", record));
    },
    get: async (idOrPrefix) => storedJob(await channel.call("jobs", "get", idOrPrefix)),
    list: async ({ limit }) => (await channel.call("jobs", "list", limit)).map(storedJob),
    add: (jobId, rows) => channel.call("jobs", "add", jobId, rows.map(rowRecord)),
    seal: (jobId, rows) => channel.call("jobs", "seal", jobId, rows),
    async claim(jobId, { worker, count, leaseMs, money }) {
      const answer = await channel.call("jobs", "claim", jobId, { worker, count, leaseMs, money });
      if (answer.type !== "units") return answer;
      const { lease, grantUsd } = answer;
      const units = answer.units.map(({ unit, position, key, item }) => ({
        ...{ unit, position },
        key: keyOf(key, position),
        item: JSON.parse(item) as Json,
      }));
      return {
        type: "units",
        lease,
        units,
        ...(grantUsd === undefined ? {} : { grantUsd }),
      } satisfies ClaimAnswer;
    },
    renew: (leases, leaseMs) => channel.call("jobs", "renew", leases, leaseMs),
    settle: (jobId, outcomes) =>
      channel.call(
        "jobs",
        "settle",
        jobId,
        outcomes.map(({ unit, lease, attempts, costUsd, outcome }) => ({
          ...{ unit, lease, attempts, costUsd },
          ok: outcome.ok,
          outcome: JSON.stringify(outcome),
        })),
      ),
    release: (lease, unrecordedUsd) => channel.call("jobs", "release", lease, unrecordedUsd),
    counts: (jobId) => channel.call("jobs", "counts", jobId),
    async settledRows(jobId, { after, limit, withItems = false }) {
      return (await channel.call("jobs", "settledRows", jobId, after, limit, withItems)).map(settledRow);
    },
    retryFailed: (jobId) => channel.call("jobs", "retryFailed", jobId),
    cancel: (jobId) => channel.call("jobs", "cancel", jobId),
    noteOutput: (jobId, { path, sha256 }) => channel.call("jobs", "noteOutput", jobId, path, sha256),
    close: () => channel.close(),
  };
}

function storedJob(record: JobRecord): StoredJob {
  return {
    ...{ id: asJobId(record.id), at: record.at, key: record.key, task: record.task },
    recipe: JSON.parse(record.recipe) as JsonObject,
    state: record.state === "cancelled" ? "cancelled" : "active",
    sealed: record.sealed,
    output: record.output,
  };
}

export function rowRecord(row: NewRow): NewRowRecord {
  return {
    position: row.position,
    key: row.key === undefined ? null : JSON.stringify(row.key),
    hash: row.type === "item" ? row.hash : "",
    item: row.type === "item" ? JSON.stringify(row.item) : "",
    fault: row.type === "fault" ? JSON.stringify(row.fault) : null,
  };
}

export function settledRow(record: SettledRecord): SettledRow {
  const { position, attempts } = record;
  const outcome: ItemOutcome =
    record.fault === null
      ? (JSON.parse(record.outcome ?? "null") as ItemOutcome)
      : { ok: false, error: JSON.parse(record.fault) as ItemFault };
  const item = record.item === null ? undefined : (JSON.parse(record.item) as Json);
  return { position, key: keyOf(record.key, position), item, attempts, outcome };
}

/** Without a key of its own, a row's position is its key. */
export function keyOf(key: string | null, position: number): string | number {
  return key === null ? position : (JSON.parse(key) as string | number);
}
