/** Work on jobs: units handed out under leases with a share of the money, and their outcomes. */
import type { DatabaseSync } from "node:sqlite";
import { isWorkerGone } from "../../core/worker-name.ts";
import { numberIn, numberOrNullIn, statement, textIn } from "./part.ts";
import type { Row, Texts } from "./part.ts";

export interface JobWorkOperations {
  claim(jobId: string, wish: WishRecord): ClaimRecord;
  /** The leases that are lost. */
  renew(leases: readonly string[], leaseMs: number): readonly string[];
  /** How many outcomes took effect. */
  settle(jobId: string, outcomes: readonly OutcomeRecord[]): number;
  release(lease: string, unrecordedUsd: number): void;
  retryFailed(jobId: string): number;
}

export interface WishRecord {
  readonly worker: string;
  readonly count: number;
  readonly leaseMs: number;
  readonly money:
    { readonly ceilingUsd: number; readonly wantUsd: number; readonly leastUsd: number } | undefined;
}

export type ClaimRecord =
  | {
      readonly type: "units";
      readonly lease: string;
      readonly grantUsd: number | undefined;
      readonly units: readonly UnitRecord[];
    }
  | { readonly type: "wait" | "empty" | "cancelled" }
  | { readonly type: "ceiling"; readonly spentUsd: number };

export interface UnitRecord {
  readonly unit: number;
  readonly position: number;
  readonly key: string | null;
  readonly item: string;
}

/** An outcome as it crosses threads: serialised. */
export interface OutcomeRecord {
  readonly unit: number;
  readonly lease: string;
  readonly attempts: number;
  readonly costUsd: number | null;
  readonly ok: boolean;
  readonly outcome: string;
}

export function openJobWork(
  database: DatabaseSync,
  texts: Texts,
  find: (jobId: string) => number,
): JobWorkOperations {
  const jobOf = statement(database, "select state, spent_usd from jobs where number = ?");
  const expired = statement(database, "select number from job_leases where job = ? and until < ?");
  const leasesOf = statement(database, "select number, worker from job_leases where job = ?");
  const leaseOf = statement(database, "select job, grant_usd, spent_usd from job_leases where number = ?");
  const freeUnits = statement(
    database,
    "update job_units set state = 0, lease = null where lease = ? and state = 1",
  );
  const dropLease = statement(database, "delete from job_leases where number = ?");
  const outstanding = statement(
    database,
    "select count(*) as leases, coalesce(sum(max(0, grant_usd - spent_usd)), 0) as usd from job_leases where job = ?",
  );
  const hasPending = statement(database, "select 1 from job_units where job = ? and state = 0 limit 1");
  const hasRunning = statement(
    database,
    "select 1 from job_units where state = 1 and lease in (select number from job_leases where job = ?) limit 1",
  );
  const insertLease = statement(
    database,
    "insert into job_leases (job, worker, until, grant_usd) values (?, ?, ?, ?) returning number",
  );
  const take = statement(
    database,
    `update job_units set state = 1, lease = ? where number in
       (select number from job_units where job = ? and state = 0 order by number limit ?)
     returning number, position, key, item`,
  );
  const prolong = statement(database, "update job_leases set until = ? where number = ?");
  const finish = statement(
    database,
    `update job_units set state = ?, lease = null, attempts = ?, cost_usd = ?, outcome = ?
     where number = ? and lease = ? and state = 1`,
  );
  const spendLease = statement(database, "update job_leases set spent_usd = spent_usd + ? where number = ?");
  const spendJob = statement(
    database,
    "update jobs set done = done + ?, failed = failed + ?, spent_usd = spent_usd + ?, cost_known = min(cost_known, ?) where number = ?",
  );
  const reviveFailed = statement(
    database,
    "update job_units set state = 0, outcome = null where job = ? and state = 3",
  );
  const noneFailed = statement(database, "update jobs set failed = 0 where number = ?");

  /** What a lost lease was granted may have been spent to the last cent: nobody is left to say. */
  function forfeit(lease: number): void {
    const row = leaseOf().get(lease);
    if (!row) return;
    const rest = Math.max(0, (numberOrNullIn(row, "grant_usd") ?? 0) - numberIn(row, "spent_usd"));
    freeUnits().run(lease);
    dropLease().run(lease);
    spendJob().run(0, 0, rest, 1, numberIn(row, "job"));
  }

  function grant(
    job: number,
    spentUsd: number,
    money: NonNullable<WishRecord["money"]>,
  ): number | "wait" | "ceiling" {
    const held = outstanding().get(job) ?? {};
    const left = money.ceilingUsd - spentUsd - numberIn(held, "usd");
    if (left > 0 && left >= money.leastUsd) {
      // Half of what is left at most, so that others find some; all of it once less would be of no use.
      return Math.min(left, money.wantUsd, Math.max(money.leastUsd, left / 2));
    }
    return numberIn(held, "usd") > 0 ? "wait" : "ceiling";
  }

  return {
    claim(jobId, wish) {
      const job = find(jobId);
      const now = Date.now();
      for (const lease of expired().all(job, now)) forfeit(numberIn(lease, "number"));
      const row = jobOf().get(job) ?? {};
      if (textIn(row, "state") === "cancelled") return { type: "cancelled" };
      // A process that was killed a moment ago need not be waited for until its leases run out.
      if (!hasPending().get(job))
        for (const lease of leasesOf().all(job))
          if (isWorkerGone(textIn(lease, "worker"))) forfeit(numberIn(lease, "number"));
      if (!hasPending().get(job)) return { type: hasRunning().get(job) ? "wait" : "empty" };
      const spentUsd = numberIn(row, "spent_usd");
      const granted = wish.money === undefined ? undefined : grant(job, spentUsd, wish.money);
      if (granted === "wait") return { type: "wait" };
      if (granted === "ceiling") return { type: "ceiling", spentUsd };
      const made = insertLease().get(job, wish.worker, now + wish.leaseMs, granted ?? null);
      const lease = numberIn(made ?? {}, "number");
      const units = take()
        .all(lease, job, wish.count)
        .map((unit) => unitIn(unit, texts));
      // The order of "returning" is not promised.
      units.sort((a, b) => a.unit - b.unit);
      return { type: "units", lease: String(lease), grantUsd: granted, units };
    },
    renew(leases, leaseMs) {
      const until = Date.now() + leaseMs;
      return leases.filter((lease) => prolong().run(until, Number(lease)).changes === 0);
    },
    settle(jobId, outcomes) {
      const total = { done: 0, failed: 0, usd: 0, known: 1 };
      const byLease = new Map<string, number>();
      for (const { unit, lease, attempts, costUsd, ok, outcome } of outcomes) {
        const text = texts.fold(outcome);
        const { changes } = finish().run(ok ? 2 : 3, attempts, costUsd, text, unit, Number(lease));
        if (changes === 0) continue;
        if (ok) total.done++;
        else total.failed++;
        if (costUsd === null) total.known = 0;
        else if (costUsd > 0) byLease.set(lease, (byLease.get(lease) ?? 0) + costUsd);
      }
      for (const [lease, usd] of byLease) {
        total.usd += usd;
        spendLease().run(usd, Number(lease));
      }
      spendJob().run(total.done, total.failed, total.usd, total.known, find(jobId));
      return total.done + total.failed;
    },
    release(lease, unrecordedUsd) {
      const row = leaseOf().get(Number(lease));
      if (!row) return;
      freeUnits().run(Number(lease));
      dropLease().run(Number(lease));
      if (unrecordedUsd > 0) spendJob().run(0, 0, unrecordedUsd, 1, numberIn(row, "job"));
    },
    retryFailed(jobId) {
      const job = find(jobId);
      noneFailed().run(job);
      return Number(reviveFailed().run(job).changes);
    },
  };
}

function unitIn(row: Row, texts: Texts): UnitRecord {
  return {
    unit: numberIn(row, "number"),
    position: numberIn(row, "position"),
    key: row["key"] === null ? null : textIn(row, "key"),
    item: texts.unfold(textIn(row, "item")),
  };
}
