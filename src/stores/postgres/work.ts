/** Work on jobs in PostgreSQL: shards taken under leases with a share of the money, and their outcomes. */
import type { Job, PgBoss } from "pg-boss";
import type { ClaimWish, UnitOutcome } from "../../core/job-store.ts";
import type { UnitRecord } from "../parts/job-work.ts";
import type { Query } from "./connection.ts";
import { queueOf, type Shard } from "./queue.ts";

/** What a lost lease was granted may have been spent to the last cent: nobody is left to say. */
export async function forfeitExpired(query: Query, boss: PgBoss, jobId: string): Promise<void> {
  const expired = await query<{
    number: string;
    job: string;
    grant_usd: number | null;
    spent_usd: number;
    queue_job: string;
  }>(
    `delete from leases where number in (
       select l.number from leases l join jobs j on j.number = l.job
       where j.id = $1 and l.until < clock_timestamp() for update of l skip locked)
     returning number, job, grant_usd, spent_usd, queue_job`,
    [jobId],
  );
  for (const { number, job, grant_usd, spent_usd, queue_job } of expired) {
    const rest = Math.max(0, (grant_usd ?? 0) - spent_usd);
    await query("update units set state = 0, lease = null where job = $1 and lease = $2 and state = 1", [
      job,
      number,
    ]);
    await query("update jobs set spent_usd = spent_usd + $2 where number = $1", [job, rest]);
    const db = {
      executeSql: async (sql: string, values?: unknown[]) => ({ rows: await query(sql, values) }),
    };
    await boss.fail(queueOf(jobId), queue_job, null, { db });
  }
}

/** Contract: the job's row is locked, so that two workers never see the same money left. */
export async function grantOf(
  query: Query,
  job: string,
  spentUsd: number,
  money: NonNullable<ClaimWish["money"]>,
): Promise<number | "wait" | "ceiling"> {
  const [held] = await query<{ usd: number }>(
    "select coalesce(sum(greatest(0, grant_usd - spent_usd)), 0) as usd from leases where job = $1",
    [job],
  );
  const heldUsd = Number(held?.usd ?? 0);
  const left = money.ceilingUsd - spentUsd - heldUsd;
  if (left > 0 && left >= money.leastUsd) {
    // Half of what is left at most, so that others find some; all of it once less would be of no use.
    return Math.min(left, money.wantUsd, Math.max(money.leastUsd, left / 2));
  }
  return heldUsd > 0 ? "wait" : "ceiling";
}

export async function takeShard(
  query: Query,
  job: string,
  wish: ClaimWish,
  grantUsd: number | undefined,
  entry: Job<Shard>,
): Promise<{ lease: string; units: readonly UnitRecord[] }> {
  const [made] = await query<{ number: string }>(
    `insert into leases (job, worker, until, grant_usd, queue_job)
     values ($1, $2, clock_timestamp() + $3 * interval '1 millisecond', $4, $5) returning number`,
    [job, wish.worker, wish.leaseMs, grantUsd ?? null, entry.id],
  );
  const lease = made?.number ?? "";
  const taken = await query<{ number: string; position: string; key: string | null; item: string }>(
    `update units set state = 1, lease = $2 where job = $1 and number between $3 and $4 and state = 0
     returning number, position, key, item`,
    [job, lease, entry.data.first, entry.data.last],
  );
  const units = taken.map(({ number, position, key, item }) => ({
    unit: Number(number),
    position: Number(position),
    key,
    item,
  }));
  return { lease, units: units.sort((a, b) => a.unit - b.unit) };
}

/** One that is recorded already, or whose lease was lost, changes nothing: running this twice does no harm. */
export async function finishUnits(
  query: Query,
  jobId: string,
  outcomes: readonly UnitOutcome[],
): Promise<number> {
  const finished = await query<{ lease: string; ok: boolean; cost_usd: number | null }>(
    `update units u set state = case when o.ok then 2 else 3 end, lease = null, attempts = o.attempts,
       cost_usd = o.cost_usd, outcome = o.outcome
     from unnest($1::bigint[], $2::bigint[], $3::int[], $4::float8[], $5::boolean[], $6::text[])
       as o (unit, lease, attempts, cost_usd, ok, outcome)
     where u.number = o.unit and u.lease = o.lease and u.state = 1
     returning o.lease, o.ok, o.cost_usd`,
    [
      outcomes.map(({ unit }) => unit),
      outcomes.map(({ lease }) => lease),
      outcomes.map(({ attempts }) => attempts),
      outcomes.map(({ costUsd }) => costUsd),
      outcomes.map(({ outcome }) => outcome.ok),
      outcomes.map(({ outcome }) => JSON.stringify(outcome)),
    ],
  );
  if (finished.length === 0) return 0;
  const byLease = new Map<string, number>();
  for (const { lease, cost_usd } of finished) byLease.set(lease, (byLease.get(lease) ?? 0) + (cost_usd ?? 0));
  await query(
    "update leases l set spent_usd = l.spent_usd + s.usd from unnest($1::bigint[], $2::float8[]) as s (lease, usd) where l.number = s.lease",
    [[...byLease.keys()], [...byLease.values()]],
  );
  const done = finished.filter(({ ok }) => ok).length;
  await query(
    "update jobs set done = done + $2, failed = failed + $3, spent_usd = spent_usd + $4, cost_known = cost_known and $5 where id = $1",
    [
      ...[jobId, done, finished.length - done],
      [...byLease.values()].reduce((sum, usd) => sum + usd, 0),
      finished.every(({ cost_usd }) => cost_usd !== null),
    ],
  );
  return finished.length;
}
