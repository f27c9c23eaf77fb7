/** Rows of jobs in PostgreSQL: a chunk at a time in one transaction, with the shards that its new units make. */
import { StoreError } from "../../core/errors.ts";
import type { NewRowRecord, SettledRecord } from "../parts/job-rows.ts";
import type { Query } from "./connection.ts";

export interface AddedUnits {
  /** Numbers of the units that are new and pending, in order. */
  readonly pending: readonly number[];
}

/** Running it twice changes nothing: rows are found by their position, units by their hash. */
export async function addRows(
  query: Query,
  jobId: string,
  rows: readonly NewRowRecord[],
): Promise<AddedUnits> {
  // Locks the job: of two processes that add the same input, one waits and then finds it done.
  const [job] = await query<{ number: string; task: string }>(
    "select number, task from jobs where id = $1 for update",
    [jobId],
  );
  if (!job) throw new StoreError("not_found", `There is no job "${jobId}" in this store.`);
  const checked = await withFreeKeys(query, job.number, rows);
  const { byHash, pending, made, done } = await placeUnits(query, job, checked);
  const written = await query<{ inserted: boolean }>(
    `insert into rows (job, position, key, unit, fault)
     select $1, r.position, r.key, r.unit, r.fault
     from unnest($2::bigint[], $3::text[], $4::bigint[], $5::text[]) as r (position, key, unit, fault)
     on conflict (job, position) do update set key = excluded.key, unit = excluded.unit, fault = excluded.fault
       where (rows.key, rows.unit, rows.fault) is distinct from (excluded.key, excluded.unit, excluded.fault)
     returning (xmax = 0) as inserted, fault`,
    [
      job.number,
      checked.map(({ position }) => position),
      checked.map(({ key }) => key),
      checked.map(({ fault, hash }) => (fault === null ? (byHash.get(hash) ?? null) : null)),
      checked.map(({ fault }) => fault),
    ],
  );
  const inserted = written.filter((row) => row.inserted).length;
  const faults = inserted === 0 ? 0 : checked.filter(({ fault }) => fault !== null).length;
  await query(
    `update jobs set rows = rows + $2, faults = faults + $3, units = units + $4, done = done + $5, changed = changed or $6
     where number = $1`,
    [job.number, inserted, faults, made, done, inserted < written.length],
  );
  return { pending };
}

/** A key that an earlier row has is a fault; one that a later row has is left from an older input. */
async function withFreeKeys(
  query: Query,
  job: string,
  rows: readonly NewRowRecord[],
): Promise<readonly NewRowRecord[]> {
  const keys = rows.flatMap(({ key }) => (key === null ? [] : [key]));
  if (keys.length === 0) return rows;
  const found = await query<{ key: string; position: string }>(
    "select key, position from rows where job = $1 and key = any($2::text[])",
    [job, keys],
  );
  const holders = new Map(found.map(({ key, position }) => [key, Number(position)]));
  const stale: number[] = [];
  const checked = rows.map((row) => {
    if (row.key === null) return row;
    const holder = holders.get(row.key);
    holders.set(row.key, Math.min(row.position, holder ?? row.position));
    if (holder === undefined || holder === row.position) return row;
    if (holder > row.position) {
      stale.push(holder);
      return row;
    }
    const message = `The key ${row.key} was already given to item ${holder}. Keys must be unique; without --key, items are numbered.`;
    return { ...row, key: null, fault: JSON.stringify({ code: "duplicate_key", message }) };
  });
  if (stale.length > 0) {
    await query("delete from rows where job = $1 and position = any($2::bigint[])", [job, stale]);
    await query("update jobs set changed = true where number = $1", [job]);
  }
  return checked;
}

async function placeUnits(
  query: Query,
  job: { readonly number: string; readonly task: string },
  rows: readonly NewRowRecord[],
): Promise<{ byHash: ReadonlyMap<string, number>; pending: readonly number[]; made: number; done: number }> {
  const firsts = new Map<string, NewRowRecord>();
  for (const row of rows) if (row.fault === null && !firsts.has(row.hash)) firsts.set(row.hash, row);
  const known = await query<{ hash: string; number: string }>(
    "select hash, number from units where hash = any($1::text[]) and task = $2 and job = $3",
    [[...firsts.keys()], job.task, job.number],
  );
  const byHash = new Map(known.map(({ hash, number }) => [hash, Number(number)]));
  const fresh = [...firsts.values()].filter(({ hash }) => !byHash.has(hash));
  const twins = await query<{ hash: string; attempts: number; outcome: string }>(
    "select distinct on (hash) hash, attempts, outcome from units where hash = any($1::text[]) and task = $2 and state = 2",
    [fresh.map(({ hash }) => hash), job.task],
  );
  const doneByHash = new Map(twins.map((twin) => [twin.hash, twin]));
  const made = await query<{ hash: string; number: string; state: number }>(
    `insert into units (job, task, hash, position, key, item, state, attempts, cost_usd, outcome)
     select $1, $2, u.hash, u.position, u.key, u.item, u.state, u.attempts, 0, u.outcome
     from unnest($3::text[], $4::bigint[], $5::text[], $6::text[], $7::smallint[], $8::int[], $9::text[])
       as u (hash, position, key, item, state, attempts, outcome) order by u.position
     returning hash, number, state`,
    [
      ...[job.number, job.task],
      fresh.map(({ hash }) => hash),
      fresh.map(({ position }) => position),
      fresh.map(({ key }) => key),
      fresh.map(({ item }) => item),
      fresh.map(({ hash }) => (doneByHash.has(hash) ? 2 : 0)),
      fresh.map(({ hash }) => doneByHash.get(hash)?.attempts ?? 0),
      fresh.map(({ hash }) => doneByHash.get(hash)?.outcome ?? null),
    ],
  );
  for (const { hash, number } of made) byHash.set(hash, Number(number));
  const pending = made.filter(({ state }) => state === 0).map(({ number }) => Number(number));
  return {
    byHash,
    pending: pending.sort((a, b) => a - b),
    made: made.length,
    done: made.length - pending.length,
  };
}

export async function sealRows(query: Query, jobId: string, rows: number): Promise<void> {
  const [job] = await query<{ number: string; changed: boolean }>(
    "select number, changed from jobs where id = $1 for update",
    [jobId],
  );
  if (!job) throw new StoreError("not_found", `There is no job "${jobId}" in this store.`);
  const dropped = await query("delete from rows where job = $1 and position > $2 returning 1", [
    job.number,
    rows,
  ]);
  if (dropped.length > 0 || job.changed) {
    await query(
      `delete from units where job = $1 and state <> 1
         and number not in (select unit from rows where job = $1 and unit is not null)`,
      [job.number],
    );
    await query(
      `update jobs set
         rows = (select count(*) from rows where job = $1),
         faults = (select count(*) from rows where job = $1 and fault is not null),
         units = (select count(*) from units where job = $1),
         done = (select count(*) from units where job = $1 and state = 2),
         failed = (select count(*) from units where job = $1 and state = 3)
       where number = $1`,
      [job.number],
    );
  }
  await query("update jobs set sealed = true, changed = false where number = $1", [job.number]);
}

export async function settledRecords(
  query: Query,
  jobId: string,
  { after, limit, withItems }: { after: number; limit: number; withItems: boolean },
): Promise<readonly SettledRecord[]> {
  const rows = await query<
    { position: string; state: number | null; attempts: number | null } & Omit<
      SettledRecord,
      "position" | "attempts"
    >
  >(
    `select r.position, r.key, r.fault, u.state, u.attempts, u.outcome, ${withItems ? "u.item" : "null as item"}
     from rows r left join units u on u.number = r.unit
     where r.job = (select number from jobs where id = $1) and r.position > $2 order by r.position limit $3`,
    [jobId, after, limit],
  );
  const open = rows.findIndex(({ fault, state }) => fault === null && (state ?? 0) < 2);
  return (open < 0 ? rows : rows.slice(0, open)).map(({ position, key, item, fault, attempts, outcome }) => ({
    ...{ position: Number(position), key, item, fault, attempts: attempts ?? 0, outcome },
  }));
}
