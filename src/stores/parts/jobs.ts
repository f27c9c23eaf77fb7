/** The part of the database that keeps jobs of `map`: their recipes, their rows, and what there is to do for them. */
import type { DatabaseSync } from "node:sqlite";
import { StoreError } from "../../core/errors.ts";
import { openJobRows } from "./job-rows.ts";
import type { JobRowOperations } from "./job-rows.ts";
import { openJobWork } from "./job-work.ts";
import type { JobWorkOperations } from "./job-work.ts";
import { numberIn, statement, textIn } from "./part.ts";
import type { OpenPart, Part, Row, Texts } from "./part.ts";

export interface JobOperations extends JobRowOperations, JobWorkOperations {
  open(job: NewJobRecord): JobRecord;
  get(idOrPrefix: string): JobRecord;
  list(limit: number): readonly JobRecord[];
  counts(jobId: string): CountsRecord;
  cancel(jobId: string): void;
  noteOutput(jobId: string, path: string, sha256: string): void;
}

/** A job as it crosses threads: what is JSON is serialised. */
export interface NewJobRecord {
  readonly id: string;
  readonly at: number;
  readonly key: string;
  readonly task: string;
  readonly recipe: string;
}

export interface JobRecord extends NewJobRecord {
  readonly state: string;
  readonly sealed: boolean;
  readonly output: { readonly path: string; readonly sha256: string } | undefined;
}

export interface CountsRecord {
  readonly rows: number;
  readonly faults: number;
  readonly units: number;
  readonly pending: number;
  readonly running: number;
  readonly done: number;
  readonly failed: number;
  readonly costUsd: number;
  readonly costKnown: boolean;
}

export const jobsPart: Part<JobOperations> = {
  name: "jobs",
  about:
    "What `map` works on, and the one place where rows change. A row of `jobs` is one set of arguments; `job_rows` has its input in order, `job_units` each different item once with its outcome, `job_leases` who is at work on which units until when, and what that may cost.",
  reads: ["get", "list", "counts", "settledRows"],
  migrations: [
    {
      name: "jobs/1-create",
      sql: `create table jobs (
  number integer primary key,
  id text not null unique,
  at real not null, -- milliseconds since the epoch
  key text not null unique, -- equal for equal arguments
  task text not null, -- equal where an item's result would mean the same
  recipe text not null, -- JSON: prompt, schema, model
  state text not null check (state in ('active', 'cancelled')),
  sealed integer not null default 0, -- 1: all rows are known
  changed integer not null default 0, -- 1: rows were replaced since the numbers below were counted
  rows integer not null default 0,
  faults integer not null default 0,
  units integer not null default 0,
  done integer not null default 0,
  failed integer not null default 0,
  spent_usd real not null default 0,
  cost_known integer not null default 1,
  output_path text,
  output_sha256 text
) strict;
create table job_units (
  number integer primary key,
  job integer not null references jobs (number),
  task text not null,
  hash blob not null, -- the first 16 bytes of the SHA-256 of the item as canonical JSON
  position integer not null, -- of the first row that asks for it
  key text, -- JSON, of that row
  item text not null, -- JSON
  state integer not null default 0, -- 0 pending, 1 running, 2 done, 3 failed
  lease integer, -- while running
  attempts integer not null default 0,
  cost_usd real, -- null where no price is known
  outcome text -- JSON, once done or failed
) strict;
create unique index job_units_by_hash on job_units (hash, task, job);
create index job_units_pending on job_units (job, number) where state = 0;
create index job_units_running on job_units (lease) where state = 1;
create table job_rows (
  job integer not null references jobs (number),
  position integer not null, -- from 1
  key text, -- JSON; null: the position is the key
  unit integer references job_units (number),
  fault text, -- JSON: why this row is no item
  primary key (job, position)
) strict, without rowid;
create unique index job_rows_by_key on job_rows (job, key) where key is not null;
create table job_leases (
  number integer primary key autoincrement, -- never given again: a lost lease must stay lost
  job integer not null references jobs (number),
  worker text not null,
  until real not null, -- milliseconds since the epoch
  grant_usd real, -- null: the job has no ceiling
  spent_usd real not null default 0
) strict;
create index job_leases_by_job on job_leases (job);`,
    },
  ],
  open: openJobs,
};

const columns = "id, at, key, task, recipe, state, sealed, output_path, output_sha256";

function openJobs(database: DatabaseSync, texts: Texts): OpenPart<JobOperations> {
  const insert = statement(
    database,
    "insert into jobs (id, at, key, task, recipe, state) values (?, ?, ?, ?, ?, 'active') on conflict (key) do update set state = 'active', recipe = excluded.recipe",
  );
  const byKey = statement(database, `select ${columns} from jobs where key = ?`);
  const byPrefix = statement(
    database,
    `select ${columns} from jobs where id >= ? and id < ? order by id limit 4`,
  );
  const newest = statement(database, `select ${columns} from jobs order by at desc, number desc limit ?`);
  const numberOf = statement(database, "select number from jobs where id = ?");
  const selectCounts = statement(
    database,
    `select rows, faults, units, done, failed, spent_usd, cost_known,
       (select count(*) from job_units where state = 1 and lease in
         (select number from job_leases where job = jobs.number and until >= ?)) as running
     from jobs where number = ?`,
  );
  const setState = statement(database, "update jobs set state = ? where number = ?");
  const setOutput = statement(
    database,
    "update jobs set output_path = ?, output_sha256 = ? where number = ?",
  );

  function find(jobId: string): number {
    const row = numberOf().get(jobId);
    if (!row) throw unknownJob(jobId, newest().all(3).map(idOf));
    return numberIn(row, "number");
  }
  const rows = openJobRows(database, texts, find);
  const work = openJobWork(database, texts, find);
  return {
    operations: {
      ...rows,
      ...work,
      open(job) {
        insert().run(job.id, job.at, job.key, job.task, texts.fold(job.recipe));
        return jobIn(byKey().get(job.key) ?? {}, texts);
      },
      get(idOrPrefix) {
        const found = byPrefix().all(idOrPrefix, `${idOrPrefix}\u{10ffff}`);
        const exact =
          found.find((row) => idOf(row) === idOrPrefix) ?? (found.length === 1 ? found[0] : undefined);
        if (exact && idOrPrefix !== "") return jobIn(exact, texts);
        if (idOrPrefix === "" || found.length === 0) throw unknownJob(idOrPrefix, newest().all(3).map(idOf));
        throw ambiguousJob(idOrPrefix, found.map(idOf));
      },
      list: (limit) =>
        newest()
          .all(limit)
          .map((row) => jobIn(row, texts)),
      counts(jobId) {
        const row = selectCounts().get(Date.now(), find(jobId)) ?? {};
        const [units, done, failed, running] = ["units", "done", "failed", "running"].map((name) =>
          numberIn(row, name),
        );
        return {
          rows: numberIn(row, "rows"),
          faults: numberIn(row, "faults"),
          units: units ?? 0,
          pending: (units ?? 0) - (done ?? 0) - (failed ?? 0) - (running ?? 0),
          running: running ?? 0,
          done: done ?? 0,
          failed: failed ?? 0,
          costUsd: numberIn(row, "spent_usd"),
          costKnown: numberIn(row, "cost_known") === 1,
        };
      },
      cancel(jobId) {
        setState().run("cancelled", find(jobId));
      },
      noteOutput(jobId, path, sha256) {
        setOutput().run(path, sha256, find(jobId));
      },
    },
    forget() {},
  };
}

function idOf(row: Row): string {
  return textIn(row, "id");
}

function jobIn(row: Row, texts: Texts): JobRecord {
  return {
    id: textIn(row, "id"),
    at: numberIn(row, "at"),
    key: textIn(row, "key"),
    task: textIn(row, "task"),
    recipe: texts.unfold(textIn(row, "recipe")),
    state: textIn(row, "state"),
    sealed: numberIn(row, "sealed") === 1,
    output:
      row["output_path"] === null
        ? undefined
        : { path: textIn(row, "output_path"), sha256: textIn(row, "output_sha256") },
  };
}

export function unknownJob(jobId: string, newest: readonly string[]): StoreError {
  const known = newest.length === 0 ? "No job was stored yet." : `The newest jobs are ${newest.join(", ")}.`;
  return new StoreError("not_found", `There is no job "${jobId}" in this store. ${known}`);
}

export function ambiguousJob(prefix: string, matches: readonly string[]): StoreError {
  const shown = `${matches.slice(0, 3).join(", ")}${matches.length > 3 ? ", …" : ""}`;
  return new StoreError("not_found", `"${prefix}" begins several job ids (${shown}). Give more of the id.`);
}
