/** For the contract of job stores: jobs, rows and wishes as tests give them. */
import assert from "node:assert/strict";
import { newJobId } from "../../core/ids.ts";
import type { JobId } from "../../core/ids.ts";
import type {
  ClaimAnswer,
  ClaimedUnit,
  ClaimWish,
  JobStore,
  NewJob,
  NewRow,
  UnitOutcome,
} from "../../core/job-store.ts";
import { canonicalJson, sha256, type Json } from "../../core/json.ts";

export type JobTest = (title: string, check: (store: JobStore) => Promise<void>) => void;

export function newJob(given: Partial<NewJob> = {}): NewJob {
  const id = newJobId();
  return { id, at: Date.now(), key: `key of ${id}`, task: `task of ${id}`, recipe: {}, ...given };
}

export function row(position: number, item: Json, key?: string | number): NewRow {
  const hash = sha256(canonicalJson(item)).slice(0, 32);
  return { type: "item", position, hash, item, ...(key === undefined ? {} : { key }) };
}

export function fault(position: number): NewRow {
  return { type: "fault", position, fault: { code: "invalid_item", message: `Line ${position} is broken.` } };
}

export function wish(given: Partial<ClaimWish> = {}): ClaimWish {
  return { worker: "tester", count: 1000, leaseMs: 60_000, ...given };
}

export type LeasedUnit = ClaimedUnit & { readonly lease: string };

export function unitsOf(answer: ClaimAnswer): LeasedUnit[] {
  assert.equal(answer.type, "units");
  return answer.type === "units" ? answer.units.map((unit) => ({ ...unit, lease: answer.lease })) : [];
}

/** All that is pending, in order. */
export async function claimAll(store: JobStore, id: JobId): Promise<LeasedUnit[]> {
  const units: LeasedUnit[] = [];
  for (;;) {
    const answer = await store.claim(id, wish({ count: 20 }));
    if (answer.type !== "units") return units.sort((a, b) => a.position - b.position);
    units.push(...unitsOf(answer));
  }
}

export function done(unit: LeasedUnit): UnitOutcome {
  return {
    unit: unit.unit,
    lease: unit.lease,
    attempts: 1,
    costUsd: 0,
    outcome: { ok: true, result: { of: unit.item } },
  };
}
