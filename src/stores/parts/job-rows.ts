/** The rows of jobs: input as it comes in, equal items folded into one unit, and outcomes as they go out in order. */
import type { DatabaseSync } from "node:sqlite";
import { numberIn, statement, textIn } from "./part.ts";
import type { Row, Texts } from "./part.ts";

export interface JobRowOperations {
  add(jobId: string, rows: readonly NewRowRecord[]): void;
  seal(jobId: string, rows: number): void;
  settledRows(jobId: string, after: number, limit: number, withItems: boolean): readonly SettledRecord[];
}

/** A row as it crosses threads: key, item and fault are JSON. */
export interface NewRowRecord {
  readonly position: number;
  readonly key: string | null;
  /** 32 hex digits; empty for a row that is no item. */
  readonly hash: string;
  readonly item: string;
  readonly fault: string | null;
}

export interface SettledRecord {
  readonly position: number;
  readonly key: string | null;
  readonly item: string | null;
  readonly fault: string | null;
  readonly attempts: number;
  readonly outcome: string | null;
}

const done = 2;

export function openJobRows(
  database: DatabaseSync,
  texts: Texts,
  find: (jobId: string) => number,
): JobRowOperations {
  const taskOf = statement(database, "select task from jobs where number = ?");
  const unitOf = statement(database, "select number from job_units where hash = ? and task = ? and job = ?");
  const doneElsewhere = statement(
    database,
    "select attempts, outcome from job_units where hash = ? and task = ? and state = 2 limit 1",
  );
  const insertUnit = statement(
    database,
    `insert into job_units (job, task, hash, position, key, item, state, attempts, cost_usd, outcome)
     values (?, ?, ?, ?, ?, ?, ?, ?, 0, ?) returning number`,
  );
  const insertRow = statement(
    database,
    "insert into job_rows (job, position, key, unit, fault) values (?, ?, ?, ?, ?) on conflict (job, position) do nothing",
  );
  const sameRow = statement(
    database,
    "select 1 from job_rows where job = ? and position = ? and key is ? and unit is ? and fault is ?",
  );
  const replaceRow = statement(
    database,
    "update job_rows set key = ?, unit = ?, fault = ? where job = ? and position = ?",
  );
  const holderOfKey = statement(database, "select position from job_rows where job = ? and key = ?");
  const dropRow = statement(database, "delete from job_rows where job = ? and position = ?");
  const dropRowsAfter = statement(database, "delete from job_rows where job = ? and position > ?");
  const dropOrphans = statement(
    database,
    `delete from job_units where job = ?1 and state <> 1
       and number not in (select unit from job_rows where job = ?1 and unit is not null)`,
  );
  const markChanged = statement(database, "update jobs set changed = 1 where number = ?");
  const bump = statement(
    database,
    "update jobs set rows = rows + ?, faults = faults + ?, units = units + ?, done = done + ? where number = ?",
  );
  const isChanged = statement(database, "select changed from jobs where number = ?");
  const setSealed = statement(database, "update jobs set sealed = 1, changed = 0 where number = ?");
  const recount = statement(
    database,
    `update jobs set
       rows = (select count(*) from job_rows where job = ?1),
       faults = (select count(*) from job_rows where job = ?1 and fault is not null),
       units = (select count(*) from job_units where job = ?1),
       done = (select count(*) from job_units where job = ?1 and state = 2),
       failed = (select count(*) from job_units where job = ?1 and state = 3)
     where number = ?1`,
  );
  const inOrder = (items: boolean): string =>
    `select r.position, r.key, r.fault, u.state, u.attempts, u.outcome, ${items ? "u.item" : "null as item"}
     from job_rows r left join job_units u on u.number = r.unit
     where r.job = ? and r.position > ? order by r.position limit ?`;
  const settled = statement(database, inOrder(false));
  const settledWithItems = statement(database, inOrder(true));

  /** The unit of an item, made where it is new. */
  function place(job: number, task: string, row: NewRowRecord): { unit: number; made: number; done: number } {
    const hash = Buffer.from(row.hash, "hex");
    const known = unitOf().get(hash, task, job);
    if (known) return { unit: numberIn(known, "number"), made: 0, done: 0 };
    const twin = doneElsewhere().get(hash, task);
    const values = twin ? [done, numberIn(twin, "attempts"), textIn(twin, "outcome")] : [0, 0, null];
    const made = insertUnit().get(job, task, hash, row.position, row.key, texts.fold(row.item), ...values);
    return { unit: numberIn(made ?? {}, "number"), made: 1, done: twin ? 1 : 0 };
  }

  /** A key that an earlier row has is a fault; one that a later row has is left from an older input. */
  function claimKey(job: number, row: NewRowRecord): string | undefined {
    const holder = row.key === null ? undefined : holderOfKey().get(job, row.key);
    if (!holder) return undefined;
    const position = numberIn(holder, "position");
    if (position < row.position) return duplicateKey(row.key ?? "", position);
    if (position > row.position) {
      dropRow().run(job, position);
      markChanged().run(job);
    }
    return undefined;
  }

  return {
    add(jobId, rows) {
      const job = find(jobId);
      const task = textIn(taskOf().get(job) ?? {}, "task");
      const added = { rows: 0, faults: 0, units: 0, done: 0 };
      for (const row of rows) {
        const duplicate = claimKey(job, row);
        const fault = duplicate ?? row.fault;
        const key = duplicate === undefined ? row.key : null;
        const placed = fault === null ? place(job, task, row) : { unit: null, made: 0, done: 0 };
        added.units += placed.made;
        added.done += placed.done;
        if (insertRow().run(job, row.position, key, placed.unit, fault).changes === 1) {
          added.rows++;
          if (fault !== null) added.faults++;
        } else if (!sameRow().get(job, row.position, key, placed.unit, fault)) {
          replaceRow().run(key, placed.unit, fault, job, row.position);
          markChanged().run(job);
        }
      }
      bump().run(added.rows, added.faults, added.units, added.done, job);
    },
    seal(jobId, rows) {
      const job = find(jobId);
      const dropped = dropRowsAfter().run(job, rows).changes;
      if (dropped !== 0 || numberIn(isChanged().get(job) ?? {}, "changed") === 1) {
        dropOrphans().run(job);
        recount().run(job);
      }
      setSealed().run(job);
    },
    settledRows(jobId, after, limit, withItems) {
      const select = withItems ? settledWithItems() : settled();
      const records: SettledRecord[] = [];
      for (const row of select.iterate(find(jobId), after, limit)) {
        if (row["fault"] === null && Number(row["state"]) < done) break;
        records.push(settledIn(row, texts));
      }
      return records;
    },
  };
}

function duplicateKey(key: string, position: number): string {
  const message = `The key ${key} was already given to item ${position}. Keys must be unique; without --key, items are numbered.`;
  return JSON.stringify({ code: "duplicate_key", message });
}

function settledIn(row: Row, texts: Texts): SettledRecord {
  const text = (column: string): string | null =>
    row[column] === null ? null : texts.unfold(textIn(row, column));
  return {
    position: numberIn(row, "position"),
    key: row["key"] === null ? null : textIn(row, "key"),
    item: text("item"),
    fault: row["fault"] === null ? null : textIn(row, "fault"),
    attempts: row["attempts"] === null ? 0 : numberIn(row, "attempts"),
    outcome: text("outcome"),
  };
}
