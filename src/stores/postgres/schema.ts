/** The tables of jobs in a PostgreSQL database, in a schema of their own; the queue beside them is pg-boss's. */

export const schemaName = "unabridged";
export const queueSchemaName = "unabridged_queue";

/** Steps in the order in which they are applied, once each. A step that was released never changes. */
export const migrations: readonly { readonly name: string; readonly sql: string }[] = [
  {
    name: "jobs/1-create",
    sql: `create table jobs (
  number bigint generated always as identity primary key,
  id text not null unique,
  at double precision not null, -- milliseconds since the epoch
  key text not null unique, -- equal for equal arguments
  task text not null, -- equal where an item's result would mean the same
  recipe text not null, -- JSON
  state text not null default 'active' check (state in ('active', 'cancelled')),
  sealed boolean not null default false,
  changed boolean not null default false, -- rows were replaced since the numbers below were counted
  rows bigint not null default 0,
  faults bigint not null default 0,
  units bigint not null default 0,
  done bigint not null default 0,
  failed bigint not null default 0,
  spent_usd double precision not null default 0,
  cost_known boolean not null default true,
  output_path text,
  output_sha256 text
);
create table units (
  number bigint generated always as identity primary key,
  job bigint not null references jobs (number),
  task text not null,
  hash text not null,
  position bigint not null, -- of the first row that asks for it
  key text, -- JSON, of that row
  item text not null, -- JSON
  state smallint not null default 0, -- 0 pending, 1 running, 2 done, 3 failed
  lease bigint, -- while running
  attempts integer not null default 0,
  cost_usd double precision,
  outcome text -- JSON
);
create unique index units_by_hash on units (hash, task, job);
create index units_open on units (job, number) where state < 2;
create table rows (
  job bigint not null references jobs (number),
  position bigint not null, -- from 1
  key text, -- JSON; null: the position is the key
  unit bigint references units (number),
  fault text, -- JSON: why this row is no item
  primary key (job, position)
);
create unique index rows_by_key on rows (job, key) where key is not null;
create table leases (
  number bigint generated always as identity primary key,
  job bigint not null references jobs (number),
  worker text not null,
  until timestamptz not null,
  grant_usd double precision, -- null: the job has no ceiling
  spent_usd double precision not null default 0,
  queue_job uuid not null -- the shard, in the queue
);
create index leases_by_job on leases (job);
create table refusals (
  number bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  worker text not null,
  endpoint text not null,
  retry_after_ms double precision
);`,
  },
];
