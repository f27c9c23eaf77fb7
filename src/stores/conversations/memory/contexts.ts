/** Summaries and active contexts in memory. */
import type { BranchRef } from "../../../core/conversation.ts";
import type { ContextOperations, ContextRecord, SummaryRecord } from "../contexts.ts";
import { wrongHistory } from "../contexts.ts";
import { throughOf, validateSummary } from "../coverage.ts";
import { branchOf, conversationOf } from "./tree.ts";
import type { MemoryBranch, MemorySummary, MemoryTables } from "./tree.ts";

export function memoryContexts(tables: MemoryTables): ContextOperations {
  function visible(ref: BranchRef, id: string): SummaryRecord | undefined {
    const summary = conversationOf(tables, ref.conversationId).summaries.get(id);
    return summary && isOn(branchOf(tables, ref), summary) ? summary.record : undefined;
  }
  /** What would be kept; nothing is yet. */
  function prepare(ref: BranchRef, summaries: readonly SummaryRecord[]): Map<string, MemorySummary> {
    const { path } = branchOf(tables, ref);
    const prepared = new Map<string, MemorySummary>();
    for (const summary of summaries) {
      if (visible(ref, summary.id) ?? prepared.has(summary.id)) continue;
      validateSummary(summary, (id) => prepared.get(id)?.record ?? visible(ref, id));
      const end = path[summary.covers.last - 1];
      if (!end || end.record.hash !== summary.covers.hash) throw wrongHistory(summary);
      prepared.set(summary.id, { record: summary, end });
    }
    return prepared;
  }
  function keep(ref: BranchRef, prepared: ReadonlyMap<string, MemorySummary>): void {
    const { summaries } = conversationOf(tables, ref.conversationId);
    for (const [id, summary] of prepared) summaries.set(id, summary);
  }

  return {
    context: (ref) => copied(newest(branchOf(tables, ref))),
    swap(ref, { expectedVersion, items, summaries, reason, at }) {
      const branch = branchOf(tables, ref);
      if (newest(branch).version !== expectedVersion) return undefined;
      const prepared = prepare(ref, summaries);
      const through = throughOf(
        items,
        branch.path.length,
        (id) => prepared.get(id)?.record ?? visible(ref, id),
      );
      keep(ref, prepared);
      const context = { version: expectedVersion + 1, through, items, reason, at };
      branch.contexts.push(context);
      return copied(context);
    },
    putSummaries(ref, summaries) {
      keep(ref, prepare(ref, summaries));
      return summaries.map((summary) => visible(ref, summary.id) ?? summary);
    },
    summary: (id, summary) => conversationOf(tables, id).summaries.get(summary)?.record,
    summaries(ref) {
      const branch = branchOf(tables, ref);
      return [...conversationOf(tables, ref.conversationId).summaries.values()]
        .filter((summary) => isOn(branch, summary))
        .map(({ record }) => record)
        .sort(
          (a, b) => a.covers.first - b.covers.first || a.covers.last - b.covers.last || a.level - b.level,
        );
    },
  };
}

function isOn(branch: MemoryBranch, { record, end }: MemorySummary): boolean {
  return branch.path[record.covers.last - 1] === end;
}

function newest(branch: MemoryBranch): ContextRecord {
  return branch.contexts.at(-1) ?? { version: 0, through: 0, items: [], reason: "", at: 0 };
}

function copied(context: ContextRecord): ContextRecord {
  return { ...context, items: context.items.map((item) => ({ ...item })) };
}
