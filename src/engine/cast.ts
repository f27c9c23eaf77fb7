/** Puts models, sandbox and corpora into the parts that a run needs played. */
import type { DocumentInput } from "../core/context.ts";
import type { Corpus, Span } from "../core/corpus.ts";
import { CallLimiter } from "../core/limiter.ts";
import type { AskTool, Cast } from "../rlm/index.ts";
import { recordOperators } from "./cell-records.ts";
import type { EngineModels, EngineParts } from "./parts.ts";

export function castOf(
  parts: EngineParts,
  models: EngineModels,
  tools: readonly AskTool[],
  root: Corpus,
): Cast {
  const { model, subModel, modelsByDepth } = models;
  const levels = new Map<number, CallLimiter>();
  return {
    rootModel: (depth) =>
      depth === 0 ? model : (modelsByDepth?.[depth - 1] ?? modelsByDepth?.at(-1) ?? subModel),
    subModel,
    sandbox: parts.sandbox(),
    tools,
    records: recordOperators(subModel, () => parts.scratchJobs()),
    async enterChild(depth, signal) {
      const level = levels.get(depth) ?? new CallLimiter(childrenPerLevel);
      levels.set(depth, level);
      const slot = await level.acquire("child", signal);
      return { leave: () => slot.release({ type: "ok" }) };
    },
    deriveCorpus(from, pieces, signal) {
      const inputs = pieces.map((piece): Span | DocumentInput =>
        typeof piece === "string" ? { text: piece } : piece,
      );
      return parts.sliceCorpus(from, inputs, { signal, nextDocumentId: idsAfter(root, from) });
    },
  };
}

/** Open at once on one level: each has an interpreter of its own. */
const childrenPerLevel = 4;

/** New texts get ids that no document above them has; the same in every run, whatever siblings do meanwhile. */
function idsAfter(...corpora: readonly Corpus[]): () => string {
  let highest = 0;
  for (const corpus of corpora)
    for (const { id } of corpus.documents) highest = Math.max(highest, Number(id.slice(1)) || 0);
  return () => `d${++highest}`;
}
