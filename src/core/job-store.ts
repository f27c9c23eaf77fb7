/** Port: jobs of `map` with the state of every item: pending → running under a lease → done | failed. */
import type { JobId } from "./ids.ts";
import type { Json, JsonObject } from "./json.ts";

/**
 * Equal items of a job are one unit of work, however many rows ask for it. Units that another job of the same task has
 * done are not done again. Every write is atomic and durable once its promise resolves.
 */
export interface JobStore {
  /** The job of this key, made where there is none. A cancelled one is active again; the recipe is the newest one's. */
  open(job: NewJob): Promise<StoredJob>;
  /** By id or an unambiguous beginning of one. Throws StoreError "not_found", naming the newest jobs. */
  get(idOrPrefix: string): Promise<StoredJob>;
  /** Newest first. */
  list(options: { readonly limit: number }): Promise<readonly StoredJob[]>;
  /** Puts rows at their positions. The same rows again change nothing; another one at a position takes its place. */
  add(jobId: JobId, rows: readonly NewRow[]): Promise<void>;
  /** The input has ended after so many rows. What an earlier run had beyond them is left out. */
  seal(jobId: JobId, rows: number): Promise<void>;
  /** Hands out pending units, in order, under a lease; a unit whose lease ran out is pending again. */
  claim(jobId: JobId, wish: ClaimWish): Promise<ClaimAnswer>;
  /** Keeps leases alive. Resolves to those that are lost: others may have their units now. */
  renew(leases: readonly string[], leaseMs: number): Promise<readonly string[]>;
  /** Records outcomes. One whose lease was lost takes no effect. Resolves to how many took effect. */
  settle(jobId: JobId, outcomes: readonly UnitOutcome[]): Promise<number>;
  /** Ends a lease: its unfinished units are pending again. `unrecordedUsd` was spent on none of the settled outcomes. */
  release(lease: string, unrecordedUsd: number): Promise<void>;
  counts(jobId: JobId): Promise<JobCounts>;
  /** Rows after a position, in order, as far as they are settled: the first that isn't ends the page. */
  settledRows(jobId: JobId, page: RowPage): Promise<readonly SettledRow[]>;
  /** Failed units are pending again. Resolves to how many. */
  retryFailed(jobId: JobId): Promise<number>;
  /** Nothing more of it is handed out until it is opened again. */
  cancel(jobId: JobId): Promise<void>;
  /** Remembers what was written where, so that a later run knows its own output from somebody else's file. */
  noteOutput(jobId: JobId, output: JobOutput): Promise<void>;
  /** Tells others at work of an endpoint's refusal, and hears of theirs. A store of one process has nothing to share. */
  readonly refusals?: RefusalBoard;
  close(): Promise<void>;
}

export interface NewJob {
  readonly id: JobId;
  readonly at: number;
  /** Equal for equal arguments: what makes running again a resumption. */
  readonly key: string;
  /** Equal where an item's result would mean the same: prompt, schema, model. Results are shared within a task. */
  readonly task: string;
  /** What a worker needs to carry the job out: prompt, schema, model, mode; and how, which may differ from run to run. */
  readonly recipe: JsonObject;
}

export interface StoredJob extends NewJob {
  readonly state: "active" | "cancelled";
  /** All rows are known. */
  readonly sealed: boolean;
  readonly output: JobOutput | undefined;
}

export interface JobOutput {
  readonly path: string;
  readonly sha256: string;
}

/** A position in the input, from 1. Its key is unique in the job; without one the position is the key. */
export type NewRow = { readonly position: number; readonly key?: string | number } & (
  | { readonly type: "item"; readonly hash: string; readonly item: Json }
  /** Input that is no item, for instance a broken line. */
  | { readonly type: "fault"; readonly fault: ItemFault }
);

/** What a source of items gives: an item, or in its place why there is none, so that the others go on. */
export type InputEntry =
  | { readonly type: "item"; readonly item: Json; readonly key?: string | number }
  | { readonly type: "fault"; readonly fault: ItemFault; readonly key?: string | number };

export interface ItemFault {
  readonly code: string;
  readonly message: string;
}

export interface ClaimWish {
  readonly worker: string;
  /** Most units; a store may hand out fewer or some more. */
  readonly count: number;
  readonly leaseMs: number;
  /** Where the whole job has a ceiling: what this lease would like of it, and the least that is of any use. */
  readonly money?: { readonly ceilingUsd: number; readonly wantUsd: number; readonly leastUsd: number };
}

export type ClaimAnswer =
  | {
      readonly type: "units";
      readonly lease: string;
      readonly units: readonly ClaimedUnit[];
      /** Set aside for this lease out of the ceiling. A lease that is lost counts as having spent all of it. */
      readonly grantUsd?: number;
    }
  /** Others hold all that is left, of units or of money: ask again later. */
  | { readonly type: "wait" }
  /** There is nothing pending and nobody at work, and more may yet be added if the job isn't sealed. */
  | { readonly type: "empty" }
  | { readonly type: "cancelled" }
  | { readonly type: "ceiling"; readonly spentUsd: number };

export interface ClaimedUnit {
  readonly unit: number;
  /** The first row that asks for it. */
  readonly position: number;
  readonly key: string | number;
  readonly item: Json;
}

export interface UnitOutcome {
  readonly unit: number;
  readonly lease: string;
  readonly attempts: number;
  /** null where no price is known. */
  readonly costUsd: number | null;
  readonly outcome: ItemOutcome;
}

export type ItemOutcome =
  | {
      readonly ok: true;
      readonly result: Json;
      /** The share of votes that agreed, where there were several. */
      readonly agreement?: number;
    }
  | { readonly ok: false; readonly error: ItemFault };

export interface RowPage {
  /** Position after which the page begins. */
  readonly after: number;
  readonly limit: number;
  /** Have the items in it as well as the outcomes. @default false */
  readonly withItems?: boolean;
}

export interface SettledRow {
  readonly position: number;
  readonly key: string | number;
  /** Undefined for a row that was no item, and where items were not asked for. */
  readonly item: Json | undefined;
  readonly attempts: number;
  readonly outcome: ItemOutcome;
}

export interface JobCounts {
  /** Rows of the input so far. */
  readonly rows: number;
  /** Rows that were no item: broken lines, keys given twice. */
  readonly faults: number;
  /** Different items among the rows. */
  readonly units: number;
  readonly pending: number;
  readonly running: number;
  readonly done: number;
  readonly failed: number;
  /** Spent on this job by all who worked on it, grants of lost leases included. */
  readonly costUsd: number;
  /** False once a paid call had no known price. */
  readonly costKnown: boolean;
}

/** Where the processes that work on one store tell each other of refused calls. */
export interface RefusalBoard {
  post(refusal: Refusal): Promise<void>;
  /** Refusals of others since the last look. */
  read(): Promise<readonly Refusal[]>;
}

export interface Refusal {
  readonly endpoint: string;
  readonly retryAfterMs: number | undefined;
}
