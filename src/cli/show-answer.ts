/** An answer as a person reads it: span ids become places that an editor can open. Pure, but for the working folder. */
import { relative } from "node:path";
import { grouped } from "../core/grouped.ts";
import type { AskResult } from "../engine/index.ts";

/** @returns the answer with each citation as [path:line], ending in a line break */
export function showAnswer(
  { answer, citations }: Pick<AskResult, "answer" | "citations">,
  { homeFolder }: { readonly homeFolder: string },
): string {
  const places = new Map(citations.map((citation) => [citation.id, placeOf(citation, homeFolder)]));
  const text = answer.replace(/\[?\b(d\d+:\d+-\d+)\b\]?/g, (whole, id: string) => {
    const place = places.get(id);
    if (place === undefined) return whole;
    const isWrapped = whole.startsWith("[") || whole.endsWith("]");
    return isWrapped ? whole.replace(id, place) : `[${place}]`;
  });
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}

function placeOf(citation: AskResult["citations"][number], homeFolder: string): string {
  const { path, title, line } = citation;
  if (path === undefined) return title === undefined ? `line ${line}` : `${title}, line ${line}`;
  const near = relative("", path);
  const name =
    path.startsWith(homeFolder) && path.endsWith("stdin") ? "stdin" : near.length < path.length ? near : path;
  return `${name}${within(citation)}`;
}

/** A line is what an editor goes to; what was taken out of a PDF or a presentation has lines of its own. */
function within({ page, place, line }: AskResult["citations"][number]): string {
  if (page !== undefined) return ` p.${page}`;
  return place === undefined ? `:${line}` : ` ${place}`;
}

/** One line: how it ended and what it took. */
export function summaryOf({ status, usage, costUsd, runId }: AskResult): string {
  const replayed = usage.replayedCalls === 0 ? "" : `, ${grouped(usage.replayedCalls)} replayed`;
  const failed = usage.failedCalls === 0 ? "" : `, ${grouped(usage.failedCalls)} failed`;
  return [
    status,
    `${grouped(usage.calls)} model ${usage.calls === 1 ? "call" : "calls"}${replayed}${failed}`,
    `${grouped(usage.inputTokens)} tokens in, ${grouped(usage.outputTokens)} out`,
    dollars(costUsd),
    runId,
  ].join(" · ");
}

export function dollars(costUsd: number | null): string {
  if (costUsd === null) return "cost unknown";
  return costUsd > 0 && costUsd < 0.01 ? `$${costUsd.toPrecision(2)}` : `$${costUsd.toFixed(2)}`;
}
