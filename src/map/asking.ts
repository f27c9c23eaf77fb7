/** What asking about items needs, and what it came to: shared by single items, batches and agents. */
import type { Budget } from "../core/budget.ts";
import { BudgetError, isUnabridgedError, messageOf, ModelError } from "../core/errors.ts";
import type { ClaimedUnit, ItemFault, ItemOutcome } from "../core/job-store.ts";
import type { Json } from "../core/json.ts";
import type { Model } from "../core/model.ts";
import type { RunScope } from "../core/scope.ts";
import type { MapPace, MapTask } from "./job.ts";
import type { Output } from "./output-schema.ts";
import type { Template } from "./template.ts";

export interface Asking {
  readonly model: Model;
  readonly task: MapTask;
  readonly pace: MapPace;
  readonly template: Template;
  /** Undefined: results are texts. */
  readonly output: Output | undefined;
  readonly agent: AgentAnswer | undefined;
}

/** Answers one question over one item with a run of its own, at the expense of the given grant. */
export type AgentAnswer = (question: {
  readonly query: string;
  readonly item: Json;
  readonly budget: Budget;
  readonly signal: AbortSignal;
}) => Promise<string>;

export interface Asked {
  readonly unit: ClaimedUnit;
  readonly outcome: ItemOutcome;
  readonly attempts: number;
  readonly costUsd: number | null;
}

/** A scope for one item or batch that counts its calls, and keeps the trace free of a million of them. */
export function metered(scope: RunScope): { readonly scope: RunScope; readonly meter: Meter } {
  const meter: Meter = { attempts: 0, costUsd: 0 };
  return {
    meter,
    scope: {
      ...scope,
      // A map of its own: equal requests of other items are no repetition, and nothing piles up.
      occurrences: new Map(),
      emit(event) {
        switch (event.type) {
          case "model-start":
            meter.attempts++;
            return;
          case "model-end":
            meter.costUsd =
              event.costUsd === null || meter.costUsd === null ? null : meter.costUsd + event.costUsd;
            return;
          case "model-delta":
          case "model-error":
            return; // An item's failure is told of once, in its item-end.
          default:
            scope.emit(event);
        }
      },
    },
  };
}

export interface Meter {
  attempts: number;
  /** null once a call had no known price. */
  costUsd: number | null;
}

export function failure(code: string, message: string): ItemOutcome & { ok: false } {
  return { ok: false, error: { code, message } };
}

/**
 * Whose failure it is: an item's own; maybe everybody's, which one item can't tell; or the whole job's, which must stop
 * before it fails a million items.
 */
export function blame(error: unknown): "item" | "endpoint" | "job" {
  if (error instanceof ModelError) return blames[error.code];
  return isUnabridgedError(error) && error.kind === "sandbox" ? "item" : "job";
}

const blames: Record<ModelError["code"], "item" | "endpoint" | "job"> = {
  auth: "job",
  unknown_model: "job",
  rate_limited: "endpoint",
  overloaded: "endpoint",
  unreachable: "endpoint",
  timeout: "endpoint",
  bad_request: "endpoint",
  context_overflow: "item",
  refused: "item",
  bad_response: "item",
};

export function faultOf(error: unknown): ItemFault {
  return { code: isUnabridgedError(error) ? error.code : "unknown", message: messageOf(error) };
}

export function isBudgetError(error: unknown): error is BudgetError {
  return error instanceof BudgetError;
}
