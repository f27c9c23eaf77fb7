/** The part of the database that keeps runs: what they were asked, every event, how they ended. */
import type { DatabaseSync } from "node:sqlite";
import { StoreError } from "../../core/errors.ts";
import { numberIn, statement, textIn } from "./part.ts";
import type { OpenPart, Part, Row, Texts } from "./part.ts";

export interface RunOperations {
  create(run: RunRecord): void;
  append(runId: string, events: readonly EventRecord[]): void;
  finish(runId: string, end: EndRecord): void;
  get(idOrPrefix: string): RunRecord;
  list(limit: number): readonly RunRecord[];
  /** A page of the events of a run and of all runs below it, after the given place. */
  events(runId: string, after: EventPlace): EventPage;
}

/** A run as it crosses threads: what is JSON is serialised. */
export interface RunRecord {
  readonly id: string;
  readonly at: number;
  readonly query: string;
  readonly recipe: string;
  readonly fingerprint: string;
  readonly end: EndRecord | undefined;
}

export interface EndRecord {
  readonly at: number;
  readonly status: string;
  readonly answer: string;
  readonly result: string;
}

export interface EventRecord {
  readonly runId: string;
  readonly parentRunId: string | undefined;
  readonly seq: number;
  readonly body: string;
}

export interface EventPlace {
  readonly seq: number;
  readonly number: number;
}

export interface EventPage {
  readonly bodies: readonly string[];
  /** Where the next page begins; undefined on the last. */
  readonly next: EventPlace | undefined;
}

export const runsPart: Part<RunOperations> = {
  name: "runs",
  about:
    "One row in `runs` for each question asked. A run that was never finished has no row in `run_ends`; one that was resumed may have several, of which the newest holds. `children` has the runs that another run started; they have no row in `runs`.",
  reads: ["get", "list", "events"],
  migrations: [
    {
      name: "runs/1-create",
      sql: `create table runs (
  number integer primary key,
  id text not null unique,
  at real not null, -- milliseconds since the epoch
  query text not null, -- JSON
  recipe text not null, -- JSON: what resume needs to open the same corpus and models again
  fingerprint text not null -- of the corpus when the run began
) strict;
create index runs_by_time on runs (at);
create table children (
  run_id text primary key,
  parent_id text not null,
  root integer not null references runs (number)
) strict, without rowid;
create index children_by_parent on children (parent_id);
create table events (
  number integer primary key,
  root integer not null references runs (number), -- the run at the top of the tree
  run_id text not null, -- the run that the event tells of
  seq real not null, -- order within the tree
  body text not null -- JSON: the whole event
) strict;
create index events_in_order on events (root, seq);
create table run_ends (
  number integer primary key,
  run integer not null references runs (number),
  at real not null, -- milliseconds since the epoch
  status text not null,
  answer text not null, -- JSON
  result text not null -- JSON
) strict;
create index run_ends_by_run on run_ends (run);`,
    },
  ],
  open: openRuns,
};

const pageEvents = 512;
const pageCharacters = 4_000_000;

const columns = `runs.number, runs.id, runs.at, runs.query, runs.recipe, runs.fingerprint,
  run_ends.at as end_at, run_ends.status, run_ends.answer, run_ends.result`;
const joined = `runs left join run_ends
  on run_ends.number = (select max(number) from run_ends where run = runs.number)`;
const isRoot = "not exists (select 1 from children where run_id = runs.id)";

function openRuns(database: DatabaseSync, texts: Texts): OpenPart<RunOperations> {
  const lineage = openLineage(database);
  const insertRun = statement(
    database,
    "insert into runs (id, at, query, recipe, fingerprint) values (?, ?, ?, ?, ?) on conflict do nothing",
  );
  const insertEvent = statement(database, "insert into events (root, run_id, seq, body) values (?, ?, ?, ?)");
  const insertEnd = statement(
    database,
    "insert into run_ends (run, at, status, answer, result) select number, ?, ?, ?, ? from runs where id = ?",
  );
  const byPrefix = statement(
    database,
    `select ${columns} from ${joined} where id >= ? and id < ? order by id limit 4`,
  );
  const newest = statement(
    database,
    `select ${columns} from ${joined} where ${isRoot} order by runs.at desc, runs.number desc limit ?`,
  );
  const ofTree = statement(
    database,
    "select number, seq, body from events where root = ? and (seq, number) > (?, ?) order by seq, number",
  );
  const ofBranch = statement(
    database,
    `with recursive branch (id) as (
       select ? union select run_id from children join branch on parent_id = branch.id
     )
     select number, seq, body from events
     where root = ? and (seq, number) > (?, ?) and run_id in branch order by seq, number`,
  );

  function notFound(runId: string): StoreError {
    const ids = newest()
      .all(3)
      .map((row) => textIn(row, "id"));
    return unknownRun(runId, ids);
  }

  const operations: RunOperations = {
    create(run) {
      const { changes } = insertRun().run(
        run.id,
        run.at,
        texts.fold(run.query),
        texts.fold(run.recipe),
        run.fingerprint,
      );
      if (changes === 0) throw existingRun(run.id);
    },
    append(runId, events) {
      const root = lineage.rootOf(runId);
      if (root === undefined) throw notFound(runId);
      for (const event of events) {
        const own = lineage.place(event, runId) ?? root;
        insertEvent().run(own, event.runId, event.seq, texts.fold(event.body));
      }
    },
    finish(runId, end) {
      const values = [end.at, end.status, texts.fold(end.answer), texts.fold(end.result)];
      if (insertEnd().run(...values, runId).changes === 0) throw notFound(runId);
    },
    get(idOrPrefix) {
      const rows = byPrefix().all(idOrPrefix, `${idOrPrefix}\u{10ffff}`);
      const exact =
        rows.find((row) => textIn(row, "id") === idOrPrefix) ?? (rows.length === 1 ? rows[0] : undefined);
      if (exact && idOrPrefix !== "") return runIn(exact, texts);
      if (idOrPrefix === "" || rows.length === 0) throw notFound(idOrPrefix);
      throw ambiguousRun(
        idOrPrefix,
        rows.map((row) => textIn(row, "id")),
      );
    },
    list: (limit) =>
      newest()
        .all(limit)
        .map((row) => runIn(row, texts)),
    events(runId, after) {
      const root = lineage.rootOf(runId);
      if (root === undefined) throw notFound(runId);
      const place = [root, after.seq, after.number];
      const rows = lineage.isChild(runId) ? ofBranch().iterate(runId, ...place) : ofTree().iterate(...place);
      return pageOf(rows, texts);
    },
  };
  return { operations, forget: lineage.forget };
}

interface Lineage {
  rootOf(runId: string): number | undefined;
  isChild(runId: string): boolean;
  /** The root of the event's run, which is noted as a child when it was not known yet. */
  place(event: EventRecord, appendedTo: string): number | undefined;
  forget(): void;
}

/** Which run belongs to which tree; remembered, since every event asks. */
function openLineage(database: DatabaseSync): Lineage {
  const selectChild = statement(database, "select root from children where run_id = ?");
  const selectRun = statement(database, "select number from runs where id = ?");
  const insertChild = statement(database, "insert into children (run_id, parent_id, root) values (?, ?, ?)");
  const roots = new Map<string, number>();
  const children = new Set<string>();

  function isChild(runId: string): boolean {
    if (children.has(runId)) return true;
    const row = selectChild().get(runId);
    if (!row) return false;
    children.add(runId);
    roots.set(runId, numberIn(row, "root"));
    return true;
  }
  function rootOf(runId: string): number | undefined {
    if (!roots.has(runId) && !isChild(runId)) {
      const row = selectRun().get(runId);
      if (row) roots.set(runId, numberIn(row, "number"));
    }
    return roots.get(runId);
  }
  function place(event: EventRecord, appendedTo: string): number | undefined {
    const parent = event.parentRunId ?? (event.runId === appendedTo ? undefined : appendedTo);
    if (parent === undefined || parent === event.runId || isChild(event.runId)) return rootOf(event.runId);
    if (event.parentRunId === undefined && rootOf(event.runId) !== undefined) return rootOf(event.runId);
    const root = rootOf(parent) ?? rootOf(appendedTo);
    if (root === undefined) return undefined;
    insertChild().run(event.runId, parent, root);
    children.add(event.runId);
    roots.set(event.runId, root);
    return root;
  }
  function forget(): void {
    roots.clear();
    children.clear();
  }
  return { rootOf, isChild, place, forget };
}

function pageOf(rows: Iterable<Row>, texts: Texts): EventPage {
  const bodies: string[] = [];
  let characters = 0;
  for (const row of rows) {
    const body = texts.unfold(textIn(row, "body"));
    bodies.push(body);
    characters += body.length;
    if (bodies.length >= pageEvents || characters >= pageCharacters) {
      return { bodies, next: { seq: numberIn(row, "seq"), number: numberIn(row, "number") } };
    }
  }
  return { bodies, next: undefined };
}

function runIn(row: Row, texts: Texts): RunRecord {
  return {
    id: textIn(row, "id"),
    at: numberIn(row, "at"),
    query: texts.unfold(textIn(row, "query")),
    recipe: texts.unfold(textIn(row, "recipe")),
    fingerprint: textIn(row, "fingerprint"),
    end:
      row["end_at"] === null
        ? undefined
        : {
            at: numberIn(row, "end_at"),
            status: textIn(row, "status"),
            answer: texts.unfold(textIn(row, "answer")),
            result: texts.unfold(textIn(row, "result")),
          },
  };
}

export function unknownRun(runId: string, newest: readonly string[]): StoreError {
  const known = newest.length === 0 ? "Nothing was stored yet." : `The newest runs are ${newest.join(", ")}.`;
  return new StoreError("not_found", `There is no run "${runId}" in this store. ${known}`);
}

export function ambiguousRun(prefix: string, matches: readonly string[]): StoreError {
  const shown = `${matches.slice(0, 3).join(", ")}${matches.length > 3 ? ", …" : ""}`;
  return new StoreError("not_found", `"${prefix}" begins several run ids (${shown}). Give more of the id.`);
}

export function existingRun(runId: string): StoreError {
  return new StoreError(
    "version_conflict",
    `There is a run "${runId}" already. Make a new id, or resume that run.`,
  );
}
