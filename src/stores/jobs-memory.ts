/** Jobs that end with the process. */
import { StoreError } from "../core/errors.ts";
import type {
  ClaimWish,
  ItemFault,
  ItemOutcome,
  JobCounts,
  JobOutput,
  JobStore,
  NewJob,
  NewRow,
  StoredJob,
} from "../core/job-store.ts";
import type { Json } from "../core/json.ts";
import { ambiguousJob, unknownJob } from "./parts/jobs.ts";

interface Job {
  job: NewJob;
  state: "active" | "cancelled";
  sealed: boolean;
  output: JobOutput | undefined;
  rows: Row[];
  readonly units: Map<string, Unit>;
  spentUsd: number;
  costKnown: boolean;
}

type Row = { readonly key: string | number | undefined } & (
  { readonly unit: Unit } | { readonly fault: ItemFault }
);

interface Unit {
  readonly number: number;
  readonly position: number;
  readonly key: string | number;
  readonly item: Json;
  state: "pending" | "running" | "done" | "failed";
  lease: string | undefined;
  attempts: number;
  outcome: ItemOutcome | undefined;
}

interface Lease {
  readonly job: Job;
  until: number;
  readonly grantUsd: number | undefined;
  spentUsd: number;
}

export function memoryJobs(): JobStore {
  let closed = false;
  const assertOpen = (): void => {
    if (closed)
      throw new StoreError("unavailable", "The jobs in memory were closed. What they held is gone.");
  };
  const jobs = new Map<string, Job>();
  const leases = new Map<string, Lease>();
  const unitsByNumber = new Map<number, Unit>();
  let numbers = 0;

  function newest(limit: number): Job[] {
    return [...jobs.values()]
      .reverse()
      .sort((a, b) => b.job.at - a.job.at)
      .slice(0, limit);
  }
  function find(jobId: string): Job {
    assertOpen();
    const job = jobs.get(jobId);
    if (job) return job;
    throw unknownJob(
      jobId,
      newest(3).map((one) => one.job.id),
    );
  }
  function doneElsewhere(task: string, hash: string): Unit | undefined {
    for (const { job, units } of jobs.values()) {
      const unit = job.task === task ? units.get(hash) : undefined;
      if (unit?.state === "done") return unit;
    }
    return undefined;
  }
  function unitOf(job: Job, row: NewRow & { type: "item" }): Unit {
    const known = job.units.get(row.hash);
    if (known) return known;
    const twin = doneElsewhere(job.job.task, row.hash);
    const unit: Unit = {
      ...{ number: ++numbers, position: row.position, key: row.key ?? row.position, item: copy(row.item) },
      ...{
        state: twin ? "done" : "pending",
        lease: undefined,
        attempts: twin?.attempts ?? 0,
        outcome: twin?.outcome,
      },
    };
    job.units.set(row.hash, unit);
    unitsByNumber.set(unit.number, unit);
    return unit;
  }
  function end(id: string, spentUsd: number): void {
    const lease = leases.get(id);
    if (!lease) return;
    leases.delete(id);
    lease.job.spentUsd += spentUsd;
    for (const unit of lease.job.units.values())
      if (unit.lease === id && unit.state === "running") free(unit);
  }
  function heldBy(job: Job): number {
    const own = [...leases.values()].filter((lease) => lease.job === job);
    return own.reduce((sum, lease) => sum + Math.max(0, (lease.grantUsd ?? 0) - lease.spentUsd), 0);
  }
  function grant(job: Job, money: NonNullable<ClaimWish["money"]>): number | "wait" | "ceiling" {
    const held = heldBy(job);
    const left = money.ceilingUsd - job.spentUsd - held;
    if (left > 0 && left >= money.leastUsd)
      return Math.min(left, money.wantUsd, Math.max(money.leastUsd, left / 2));
    return held > 0 ? "wait" : "ceiling";
  }

  return {
    async open(job) {
      assertOpen();
      let known = [...jobs.values()].find((one) => one.job.key === job.key);
      if (!known) {
        known = {
          ...{ job: copy(job), state: "active", sealed: false, output: undefined },
          ...{ rows: [], units: new Map(), spentUsd: 0, costKnown: true },
        };
        jobs.set(job.id, known);
      }
      known.job = { ...known.job, recipe: copy(job.recipe) };
      known.state = "active";
      return stored(known);
    },
    async get(idOrPrefix) {
      assertOpen();
      const matches = [...jobs.keys()].filter((id) => idOrPrefix !== "" && id.startsWith(idOrPrefix)).sort();
      if (jobs.has(idOrPrefix) || matches.length !== 1) {
        if (matches.length > 1 && !jobs.has(idOrPrefix)) throw ambiguousJob(idOrPrefix, matches);
        return stored(find(idOrPrefix));
      }
      return stored(find(matches[0] ?? ""));
    },
    async list({ limit }) {
      assertOpen();
      return newest(limit).map(stored);
    },
    async add(jobId, rows) {
      const job = find(jobId);
      for (const row of rows) {
        const holder = row.key === undefined ? -1 : job.rows.findIndex(({ key }) => key === row.key);
        const isTaken = holder >= 0 && holder < row.position - 1;
        if (holder > row.position - 1)
          job.rows[holder] = { key: undefined, fault: { code: "stale", message: "" } };
        job.rows[row.position - 1] = isTaken
          ? { key: undefined, fault: duplicate(row.key, holder + 1) }
          : row.type === "fault"
            ? { key: row.key, fault: copy(row.fault) }
            : { key: row.key, unit: unitOf(job, row) };
      }
    },
    async seal(jobId, rows) {
      const job = find(jobId);
      job.rows = job.rows.slice(0, rows);
      const wanted = new Set(job.rows.map((row) => ("unit" in row ? row.unit : undefined)));
      for (const [hash, unit] of job.units)
        if (!wanted.has(unit) && unit.state !== "running") job.units.delete(hash);
      job.sealed = true;
    },
    async claim(jobId, { count, leaseMs, money }) {
      const job = find(jobId);
      for (const [id, { until, grantUsd = 0, spentUsd }] of leases)
        if (until < Date.now()) end(id, Math.max(0, grantUsd - spentUsd));
      if (job.state === "cancelled") return { type: "cancelled" };
      const units = [...job.units.values()];
      const pending = units.filter(({ state }) => state === "pending");
      if (pending.length === 0)
        return { type: units.some(({ state }) => state === "running") ? "wait" : "empty" };
      const granted = money && grant(job, money);
      if (granted === "wait") return { type: "wait" };
      if (granted === "ceiling") return { type: "ceiling", spentUsd: job.spentUsd };
      const lease = String(++numbers);
      leases.set(lease, { job, until: Date.now() + leaseMs, grantUsd: granted, spentUsd: 0 });
      const taken = pending.slice(0, count).map((unit) => {
        Object.assign(unit, { state: "running", lease });
        return { unit: unit.number, position: unit.position, key: unit.key, item: copy(unit.item) };
      });
      return { type: "units", lease, units: taken, ...(granted === undefined ? {} : { grantUsd: granted }) };
    },
    async renew(ids, leaseMs) {
      assertOpen();
      const lost = ids.filter((id) => !leases.has(id));
      for (const id of ids) {
        const lease = leases.get(id);
        if (lease) lease.until = Date.now() + leaseMs;
      }
      return lost;
    },
    async settle(jobId, outcomes) {
      const job = find(jobId);
      let settled = 0;
      for (const { unit: number, lease, attempts, costUsd, outcome } of outcomes) {
        const unit = unitsByNumber.get(number);
        if (unit?.state !== "running" || unit.lease !== lease) continue;
        const state = outcome.ok ? "done" : "failed";
        Object.assign(unit, { state, lease: undefined, attempts, outcome: copy(outcome) });
        if (costUsd === null) job.costKnown = false;
        job.spentUsd += costUsd ?? 0;
        const held = leases.get(lease);
        if (held) held.spentUsd += costUsd ?? 0;
        settled++;
      }
      return settled;
    },
    async release(lease, unrecordedUsd) {
      assertOpen();
      end(lease, unrecordedUsd);
    },
    async counts(jobId) {
      return countsOf(find(jobId));
    },
    async settledRows(jobId, { after, limit, withItems }) {
      const page = [];
      for (const [index, row] of find(jobId).rows.entries()) {
        if (index < after) continue;
        if (page.length === limit || ("unit" in row && !row.unit.outcome)) break;
        const position = index + 1;
        const outcome: ItemOutcome =
          "unit" in row && row.unit.outcome ? row.unit.outcome : { ok: false, error: faultOf(row) };
        const item = "unit" in row && withItems ? copy(row.unit.item) : undefined;
        page.push({
          ...{ position, key: row.key ?? position, item, outcome: copy(outcome) },
          attempts: "unit" in row ? row.unit.attempts : 0,
        });
      }
      return page;
    },
    async retryFailed(jobId) {
      const failed = [...find(jobId).units.values()].filter(({ state }) => state === "failed");
      for (const unit of failed) Object.assign(unit, { state: "pending", outcome: undefined });
      return failed.length;
    },
    async cancel(jobId) {
      find(jobId).state = "cancelled";
    },
    async close() {
      closed = true;
    },
    async noteOutput(jobId, output) {
      find(jobId).output = copy(output);
    },
  };
}

function countsOf({ rows, units, spentUsd, costKnown }: Job): JobCounts {
  const states = { pending: 0, running: 0, done: 0, failed: 0 };
  for (const { state } of units.values()) states[state]++;
  const faults = rows.filter((row) => "fault" in row).length;
  return { rows: rows.length, faults, units: units.size, ...states, costUsd: spentUsd, costKnown };
}

function faultOf(row: Row): ItemFault {
  return "fault" in row ? row.fault : { code: "unknown", message: "" };
}

function free(unit: Unit): void {
  unit.state = "pending";
  unit.lease = undefined;
}

function duplicate(key: string | number | undefined, position: number): ItemFault {
  const message = `The key ${JSON.stringify(key)} was already given to item ${position}. Keys must be unique; without --key, items are numbered.`;
  return { code: "duplicate_key", message };
}

function stored({ job, state, sealed, output }: Job): StoredJob {
  return { ...copy(job), state, sealed, output: output && copy(output) };
}

/** As JSON, like any other store keeps it. */
function copy<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value;
}
