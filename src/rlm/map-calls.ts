/** `llm_map` for cells: many prompts of one form at once, and questions to what came of them. It parses no guest input. */
import { BudgetError, ConfigError } from "../core/errors.ts";
import type { ItemOutcome } from "../core/job-store.ts";
import type { Json, JsonObject } from "../core/json.ts";
import type { Problem, RecordSet } from "./problem.ts";

export interface MapCall {
  readonly items: readonly { readonly prompt: string }[];
  /** @default answers are texts */
  readonly schema?: JsonObject | null | undefined;
}

export interface MapItems {
  readonly id: string;
  readonly items: readonly Json[];
}

export interface MapQuery {
  readonly id: string;
  readonly query: string;
  /** Other maps, by the names of their tables. */
  readonly others: Readonly<Record<string, string>>;
}

/** Above this many different prompts the loop of `map` takes over: it tells of items, not of single calls. */
const mostSubCalls = 50;

/** Throws BudgetError "depth" where a run may make no sub-calls. */
export function assertMayAsk({ scope, settings }: Problem): void {
  if (scope.depth < settings.depth) return;
  throw new BudgetError(
    "depth",
    `Sub-calls are not allowed at this depth (--depth ${settings.depth}); answer with code and what you read yourself.`,
    { limit: settings.depth, spent: scope.depth },
  );
}

/** How a batch of plain sub-calls is made, with a trace of each. */
export type SubCalls = (
  items: readonly { readonly prompt: string; readonly schema: JsonObject | undefined }[],
  signal: AbortSignal,
) => Promise<readonly JsonObject[]>;

/** The maps of one run's cells. Their outcomes are kept while it lasts. */
export class CellMaps {
  readonly #problem: Problem;
  readonly #state: { refusedBy(limit: BudgetError): void };
  readonly #subCalls: SubCalls;
  readonly #maps = new Map<string, RecordSet>();

  constructor(problem: Problem, state: { refusedBy(limit: BudgetError): void }, subCalls: SubCalls) {
    this.#problem = problem;
    this.#state = state;
    this.#subCalls = subCalls;
  }

  /** Equal prompts are asked once. */
  async map({ items, schema }: MapCall, signal: AbortSignal): Promise<Json> {
    assertMayAsk(this.#problem);
    const prompts = items.map(({ prompt }) => prompt.toWellFormed());
    const distinct = [...new Set(prompts)];
    const form = schema ?? undefined;
    const answers =
      distinct.length > mostSubCalls
        ? await this.#loop(distinct, form, signal)
        : await this.#subCalls(
            distinct.map((prompt) => ({ prompt, schema: form })),
            signal,
          );
    const byPrompt = new Map(distinct.map((prompt, index) => [prompt, answers[index]]));
    const results = prompts.map((prompt) => byPrompt.get(prompt) ?? noAnswer);
    const id = `map${this.#maps.size + 1}`;
    this.#maps.set(id, { outcomes: results.map(outcomeOf), items: undefined, schema: form });
    return { id, results };
  }

  /** The items that the prompts were made of, for queries that ask about both. */
  tellItems({ id, items }: MapItems): void {
    this.#maps.set(id, { ...this.#known(id), items });
  }

  async query({ id, query, others }: MapQuery, signal: AbortSignal): Promise<Json> {
    const named = Object.entries(others).map(([name, other]) => [name, this.#known(other)] as const);
    const { records } = this.#problem.cast;
    return { rows: [...(await records.query(query, this.#known(id), new Map(named), signal))] };
  }

  #known(id: string): RecordSet {
    const known = this.#maps.get(id);
    if (known) return known;
    throw new ConfigError(
      "not_found",
      `There are no results "${id}": only what llm_map returned can be queried.`,
    );
  }

  async #loop(
    prompts: readonly string[],
    schema: JsonObject | undefined,
    signal: AbortSignal,
  ): Promise<readonly JsonObject[]> {
    const { scope, cast } = this.#problem;
    const startedAt = Date.now();
    const asked = prompts.filter((prompt) => prompt.trim() !== "");
    scope.emit({ type: "batch-start", name: "llm_map", items: prompts.length });
    const { outcomes, limit } = await cast.records.map(asked, { schema, scope, signal });
    if (limit) this.#state.refusedBy(limit);
    const byPrompt = new Map(asked.map((prompt, index) => [prompt, outcomes[index]]));
    const answers = prompts.map((prompt) => answerOf(byPrompt.get(prompt), schema !== undefined));
    const failed = answers.filter(({ ok }) => ok !== true).length;
    const durationMs = Date.now() - startedAt;
    scope.emit({ type: "batch-end", name: "llm_map", items: prompts.length, failed, durationMs });
    return answers;
  }
}

const noAnswer: JsonObject = { ok: false, code: "empty_prompt", message: "The prompt was empty." };

/** As a sub-call answers: a text where none other was asked for, else the value. */
function answerOf(outcome: ItemOutcome | undefined, isValue: boolean): JsonObject {
  if (!outcome) return noAnswer;
  if (!outcome.ok) return { ok: false, ...outcome.error };
  return isValue ? { ok: true, value: outcome.result } : { ok: true, text: outcome.result };
}

function outcomeOf({ ok, value, text, code, message }: JsonObject): ItemOutcome {
  if (ok === true) return { ok: true, result: value === undefined ? (text ?? null) : value };
  return { ok: false, error: { code: String(code ?? "failed"), message: String(message ?? "") } };
}
