/** Whether summaries and contexts cover what they claim, each position once and in order. Pure. */
import type { ContextItem, Coverage } from "../../core/conversation.ts";
import { StoreError } from "../../core/errors.ts";

interface Covering {
  readonly id: string;
  readonly level: number;
  readonly covers: Coverage;
  readonly sources: readonly string[] | null;
}

/** The last position that the items reach from 1 on. Throws "invalid_context". */
export function throughOf(
  items: readonly ContextItem[],
  head: number,
  summaryOf: (id: string) => Covering | undefined,
): number {
  let through = 0;
  for (const item of items) {
    const { first, last } = item.type === "messages" ? item : coverageOf(item.id, summaryOf);
    if (first !== through + 1 || last < first) {
      throw invalid(
        `The item ${nameOf(item)} covers ${first} to ${last}, but ${through + 1} is the position that follows.`,
      );
    }
    through = last;
  }
  if (through > head) throw invalid(`The items reach ${through}, but the branch ends at ${head}.`);
  return through;
}

/** Throws "invalid_context" unless a condensed summary is made of lower ones that cover exactly what it covers. */
export function validateSummary(summary: Covering, summaryOf: (id: string) => Covering | undefined): void {
  const { id, level, sources, covers } = summary;
  if (!Number.isInteger(covers.first) || covers.first < 1 || covers.last < covers.first || level < 1) {
    throw invalid(`The summary "${id}" covers ${covers.first} to ${covers.last} at level ${level}.`);
  }
  if (sources === null) return;
  let next = covers.first;
  for (const source of sources) {
    const below = summaryOf(source);
    if (!below) throw invalid(`The summary "${id}" is made of "${source}", which is not on this branch.`);
    if (below.level >= level) {
      throw invalid(`The summary "${id}" of level ${level} is made of "${source}" of level ${below.level}.`);
    }
    if (below.covers.first !== next) {
      throw invalid(
        `In the summary "${id}", "${source}" begins at ${below.covers.first} instead of ${next}.`,
      );
    }
    next = below.covers.last + 1;
  }
  if (next !== covers.last + 1) {
    throw invalid(`The summary "${id}" covers up to ${covers.last}, its sources up to ${next - 1}.`);
  }
}

function coverageOf(id: string, summaryOf: (id: string) => Covering | undefined): Coverage {
  const summary = summaryOf(id);
  if (!summary)
    throw invalid(`There is no summary "${id}" on this branch. Put it before, or with the context.`);
  return summary.covers;
}

function nameOf(item: ContextItem): string {
  return item.type === "summary" ? `"${item.id}"` : "of messages";
}

function invalid(reason: string): StoreError {
  return new StoreError(
    "invalid_context",
    `${reason} A context covers every position once and in order; nothing was changed.`,
  );
}
