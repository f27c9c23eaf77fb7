/** The control: simulated models that know other labels than the gold. Answers must move with what is read, or nothing was read. */
import type { Json, JsonObject } from "../../core/json.ts";
import type { Dataset } from "../task.ts";

export function permuteLabels(dataset: Dataset): Dataset {
  const knowledge = Object.fromEntries(
    Object.entries(dataset.knowledge).map(([world, known]) => [world, permuted(known)]),
  );
  return { ...dataset, knowledge, source: `${dataset.source}; CONTROL: labels permuted` };
}

function permuted(knowledge: JsonObject): JsonObject {
  const pairsOf = (value: Json | undefined): [string, string][] =>
    Array.isArray(value)
      ? value.map((pair) => (Array.isArray(pair) ? [String(pair[0]), String(pair[1])] : ["", ""]))
      : [];
  const all = [...pairsOf(knowledge["byText"]), ...pairsOf(knowledge["byLine"])];
  const labels = [...new Set(all.map(([, label]) => label))].sort();
  const next = new Map(labels.map((label, index) => [label, labels[(index + 1) % labels.length] ?? label]));
  const move = (value: Json | undefined): Json =>
    pairsOf(value).map(([text, label]) => [text, next.get(label) ?? label]);
  return { ...knowledge, byText: move(knowledge["byText"]), byLine: move(knowledge["byLine"]) };
}
