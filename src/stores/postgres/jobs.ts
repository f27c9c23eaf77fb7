/**
 * The JobStore port over a PostgreSQL server, for any number of workers on any machines. The queue is pg-boss's: one
 * entry is a shard of units, so its cost vanishes beside that of the calls. Leases, with the money in them, are ours.
 */
import { randomUUID } from "node:crypto";
import type { PgBoss } from "pg-boss";
import { asJobId } from "../../core/ids.ts";
import type { ClaimAnswer, ClaimWish, JobStore, StoredJob } from "../../core/job-store.ts";
import type { Json, JsonObject } from "../../core/json.ts";
import { keyOf, rowRecord, settledRow } from "../jobs.ts";
import { ambiguousJob, unknownJob } from "../parts/jobs.ts";
import { Connection, type PostgresOptions, type Query } from "./connection.ts";
import { openQueue, queueOf, type Shard } from "./queue.ts";
import { addRows, sealRows, settledRecords } from "./rows.ts";
import { finishUnits, forfeitExpired, grantOf, takeShard } from "./work.ts";

export interface PostgresJobsOptions extends PostgresOptions {
  /** Units in one entry of the queue: what a killed worker may leave half-done. @default 200 */
  readonly shardUnits?: number;
}

/**
 * Opens the jobs of a server; their tables are made where they are not there. A server that can't be reached is waited
 * for. Throws StoreError.
 */
export async function postgresJobs(options: PostgresJobsOptions): Promise<JobStore> {
  const connection = await Connection.open(options);
  try {
    return new PostgresJobs(connection, await openQueue(connection), options.shardUnits ?? 200);
  } catch (error) {
    await connection.close();
    throw error;
  }
}

class PostgresJobs implements JobStore {
  readonly #connection: Connection;
  readonly #boss: PgBoss;
  readonly #shardUnits: number;
  readonly #name = randomUUID();
  #lastRefusal: string | undefined;

  constructor(connection: Connection, boss: PgBoss, shardUnits: number) {
    this.#connection = connection;
    this.#boss = boss;
    this.#shardUnits = shardUnits;
  }

  readonly refusals: NonNullable<JobStore["refusals"]> = {
    post: async ({ endpoint, retryAfterMs }) => {
      await this.#connection.query(
        "insert into refusals (worker, endpoint, retry_after_ms) values ($1, $2, $3)",
        [this.#name, endpoint, retryAfterMs ?? null],
      );
      await this.#connection.query("delete from refusals where at < clock_timestamp() - interval '1 hour'");
    },
    read: async () => {
      const rows = await this.#connection.query<{
        number: string;
        endpoint: string;
        retry_after_ms: number | null;
      }>(
        `select number, endpoint, retry_after_ms from refusals
         where worker <> $1 and number > $2 and at > clock_timestamp() - interval '5 seconds' order by number`,
        [this.#name, this.#lastRefusal ?? "0"],
      );
      this.#lastRefusal = rows.at(-1)?.number ?? this.#lastRefusal;
      return rows.map(({ endpoint, retry_after_ms }) => ({
        endpoint,
        retryAfterMs: retry_after_ms ?? undefined,
      }));
    },
  };

  async open(job: Parameters<JobStore["open"]>[0]): Promise<StoredJob> {
    const { id, at, key, task, recipe } = job;
    const [row] = await this.#connection.query<JobRow>(
      `insert into jobs (id, at, key, task, recipe) values ($1, $2, $3, $4, $5)
       on conflict (key) do update set state = 'active', recipe = excluded.recipe returning ${columns}`,
      [id, at, key, task, JSON.stringify(recipe)],
    );
    if (!row) throw unknownJob(id, []);
    await this.#boss.createQueue(queueOf(row.id), queueOptions);
    return storedJob(row);
  }

  async get(idOrPrefix: string): Promise<StoredJob> {
    const rows = await this.#connection.query<JobRow>(
      `select ${columns} from jobs where id = $1 or ($1 <> '' and starts_with(id, $1)) order by id limit 4`,
      [idOrPrefix],
    );
    const found = rows.find(({ id }) => id === idOrPrefix) ?? (rows.length === 1 ? rows[0] : undefined);
    if (found) return storedJob(found);
    if (rows.length === 0) throw await this.#unknown(idOrPrefix);
    throw ambiguousJob(
      idOrPrefix,
      rows.map(({ id }) => id),
    );
  }

  async list({ limit }: { readonly limit: number }): Promise<readonly StoredJob[]> {
    const rows = await this.#connection.query<JobRow>(
      `select ${columns} from jobs order by at desc, number desc limit $1`,
      [limit],
    );
    return rows.map(storedJob);
  }

  async add(jobId: string, rows: Parameters<JobStore["add"]>[1]): Promise<void> {
    await this.#connection.transaction(async (query) => {
      const { pending } = await addRows(query, jobId, rows.map(rowRecord));
      await this.#enqueue(query, jobId, pending);
    });
  }

  async seal(jobId: string, rows: number): Promise<void> {
    await this.#connection.transaction((query) => sealRows(query, jobId, rows));
  }

  async claim(jobId: string, wish: ClaimWish): Promise<ClaimAnswer> {
    await this.#connection.transaction((query) => forfeitExpired(query, this.#boss, jobId));
    let refusal: ClaimAnswer | undefined;
    const refuse = (answer: ClaimAnswer): never => {
      refusal = answer;
      // Undoes the taking of the shard.
      throw new Refused();
    };
    try {
      return await this.#connection.transaction(async (query) => {
        const [job] = await query<{ number: string; state: string; spent_usd: number }>(
          "select number, state, spent_usd from jobs where id = $1 for update",
          [jobId],
        );
        if (!job) throw await this.#unknown(jobId);
        if (job.state === "cancelled") return { type: "cancelled" };
        const [entry] = await this.#boss.fetch<Shard>(queueOf(jobId), {
          batchSize: 1,
          db: asDatabase(query),
        });
        if (!entry) {
          const [open] = await query("select 1 from units where job = $1 and state < 2 limit 1", [
            job.number,
          ]);
          return { type: open ? "wait" : "empty" };
        }
        const granted = wish.money && (await grantOf(query, job.number, job.spent_usd, wish.money));
        if (granted === "wait") return refuse({ type: "wait" });
        if (granted === "ceiling") return refuse({ type: "ceiling", spentUsd: job.spent_usd });
        const { lease, units } = await takeShard(query, job.number, wish, granted, entry);
        return {
          ...{ type: "units", lease, ...(granted === undefined ? {} : { grantUsd: granted }) },
          units: units.map(({ unit, position, key, item }) => ({
            unit,
            position,
            key: keyOf(key, position),
            item: JSON.parse(item) as Json,
          })),
        };
      });
    } catch (error) {
      if (refusal && isRefused(error)) return refusal;
      throw error;
    }
  }

  async renew(leases: readonly string[], leaseMs: number): Promise<readonly string[]> {
    const kept = await this.#connection.query<{ number: string }>(
      "update leases set until = clock_timestamp() + $2 * interval '1 millisecond' where number = any($1::bigint[]) returning number",
      [leases, leaseMs],
    );
    const alive = new Set(kept.map(({ number }) => number));
    return leases.filter((lease) => !alive.has(lease));
  }

  settle(jobId: string, outcomes: Parameters<JobStore["settle"]>[1]): Promise<number> {
    return this.#connection.transaction((query) => finishUnits(query, jobId, outcomes));
  }

  async release(lease: string, unrecordedUsd: number): Promise<void> {
    await this.#connection.transaction(async (query) => {
      const [held] = await query<{ job: string; id: string; queue_job: string }>(
        "select l.job, j.id, l.queue_job from leases l join jobs j on j.number = l.job where l.number = $1 for update of l",
        [lease],
      );
      if (!held) return;
      const freed = await query(
        "update units set state = 0, lease = null where job = $1 and lease = $2 and state = 1 returning 1",
        [held.job, lease],
      );
      await query("delete from leases where number = $1", [lease]);
      await query("update jobs set spent_usd = spent_usd + $2 where number = $1", [held.job, unrecordedUsd]);
      const db = asDatabase(query);
      // A failed entry is handed out again: the units that are left.
      if (freed.length > 0) await this.#boss.fail(queueOf(held.id), held.queue_job, null, { db });
      else await this.#boss.complete(queueOf(held.id), held.queue_job, null, { db });
    });
  }

  async counts(jobId: string): ReturnType<JobStore["counts"]> {
    const [row] = await this.#connection.query<Record<string, string | number | boolean>>(
      `select rows, faults, units, done, failed, spent_usd, cost_known,
         (select count(*) from units u join leases l on l.number = u.lease
           where u.job = jobs.number and u.state = 1 and l.until > clock_timestamp()) as running
       from jobs where id = $1`,
      [jobId],
    );
    if (!row) throw await this.#unknown(jobId);
    const [rows = 0, faults = 0, units = 0, done = 0, failed = 0, running = 0] = [
      "rows",
      "faults",
      "units",
      "done",
      "failed",
      "running",
    ].map((name) => Number(row[name]));
    return {
      ...{ rows, faults, units, running, done, failed, pending: units - done - failed - running },
      ...{ costUsd: Number(row["spent_usd"]), costKnown: row["cost_known"] === true },
    };
  }

  async settledRows(
    jobId: string,
    { after, limit, withItems = false }: Parameters<JobStore["settledRows"]>[1],
  ): ReturnType<JobStore["settledRows"]> {
    const query: Query = (sql, values) => this.#connection.query(sql, values);
    return (await settledRecords(query, jobId, { after, limit, withItems })).map(settledRow);
  }

  async retryFailed(jobId: string): Promise<number> {
    return this.#connection.transaction(async (query) => {
      const revived = await query<{ number: string }>(
        "update units set state = 0, outcome = null where job = (select number from jobs where id = $1) and state = 3 returning number",
        [jobId],
      );
      await query("update jobs set failed = 0 where id = $1", [jobId]);
      await this.#enqueue(
        query,
        jobId,
        revived.map(({ number }) => Number(number)).sort((a, b) => a - b),
      );
      return revived.length;
    });
  }

  async cancel(jobId: string): Promise<void> {
    await this.#connection.query("update jobs set state = 'cancelled' where id = $1", [jobId]);
  }

  async noteOutput(jobId: string, { path, sha256 }: { path: string; sha256: string }): Promise<void> {
    await this.#connection.query("update jobs set output_path = $2, output_sha256 = $3 where id = $1", [
      jobId,
      path,
      sha256,
    ]);
  }

  async close(): Promise<void> {
    await this.#boss.stop({ graceful: false, close: false });
    await this.#connection.close();
  }

  async #enqueue(query: Query, jobId: string, units: readonly number[]): Promise<void> {
    const shards: { data: Shard }[] = [];
    for (let at = 0; at < units.length; at += this.#shardUnits) {
      const shard = units.slice(at, at + this.#shardUnits);
      shards.push({ data: { first: shard[0] ?? 0, last: shard.at(-1) ?? 0 } });
    }
    if (shards.length > 0) await this.#boss.insert(queueOf(jobId), shards, { db: asDatabase(query) });
  }

  async #unknown(jobId: string): Promise<Error> {
    const newest = await this.list({ limit: 3 });
    return unknownJob(
      jobId,
      newest.map(({ id }) => id),
    );
  }
}

/** How a shard that was taken is put back: the transaction ends with it. */
class Refused extends Error {}

function isRefused(error: unknown): boolean {
  return error instanceof Refused || (error instanceof Error && error.cause instanceof Refused);
}

/** Retried for as long as the job goes on: whether an item fails for good is decided per item. */
const queueOptions = {
  retryLimit: 100_000,
  retryDelay: 0,
  expireInSeconds: 86_000,
  retentionSeconds: 90 * 86_400,
  deleteAfterSeconds: 86_400,
};

function asDatabase(query: Query): {
  executeSql(sql: string, values?: unknown[]): Promise<{ rows: object[] }>;
} {
  return { executeSql: async (sql, values) => ({ rows: await query(sql, values) }) };
}

const columns = "id, at, key, task, recipe, state, sealed, output_path, output_sha256";

interface JobRow {
  readonly id: string;
  readonly at: number;
  readonly key: string;
  readonly task: string;
  readonly recipe: string;
  readonly state: string;
  readonly sealed: boolean;
  readonly output_path: string | null;
  readonly output_sha256: string | null;
}

function storedJob(row: JobRow): StoredJob {
  const { id, at, key, task, sealed, output_path: path, output_sha256: sha256 } = row;
  return {
    ...{ id: asJobId(id), at, key, task, sealed, recipe: JSON.parse(row.recipe) as JsonObject },
    state: row.state === "cancelled" ? "cancelled" : "active",
    output: path === null || sha256 === null ? undefined : { path, sha256 },
  };
}
