/** Results of runs as a client gets them: text in which span ids are places, and the same as data. Pure. */
import type { CallToolResult } from "@modelcontextprotocol/server";
import { grouped } from "../core/grouped.ts";
import type { AskResult, MapRunResult } from "../engine/index.ts";
import { answered } from "./desk.ts";

/** Longer answers are cut in the text; the whole is in the resource of the run. */
const mostCharacters = 100_000;

export function showAnswer(result: AskResult, notices: readonly string[]): CallToolResult {
  const { answer, citations, status, limit, runId, costUsd, usage } = result;
  const places = new Map(citations.map((citation) => [citation.id, placeOf(citation)]));
  const text = answer.replace(/\[?\b(d\d+:\d+-\d+)\b\]?/g, (whole, id: string) => {
    const place = places.get(id);
    return place === undefined ? whole : `[${place}]`;
  });
  const isCut = text.length > mostCharacters;
  const cut = `… (${grouped(text.length)} characters; all of it: resource unabridged://runs/${runId})`;
  const told = [
    isCut ? `${text.slice(0, mostCharacters).toWellFormed()}${cut}` : text || "(no answer)",
    ...notices.map((notice) => `Note: ${notice}`),
    ...(limit ? [limit.message] : []),
    `(${status}, ${usage.calls} model ${usage.calls === 1 ? "call" : "calls"}, ${dollars(costUsd)}, ${runId})`,
  ];
  const shown = {
    ...{ runId, status, answer: isCut ? text.slice(0, mostCharacters).toWellFormed() : text },
    citations: citations.slice(0, 100).map(({ text: quote, ...place }) => ({ ...place, quote })),
    ...{ costUsd, usage, limit },
    ...(notices.length > 0 && { notices }),
  };
  return answered(told.join("\n\n"), shown);
}

function placeOf({ path, title, page, place, line }: AskResult["citations"][number]): string {
  const name = path ?? title;
  const within = page !== undefined ? `p.${page}` : place;
  if (name === undefined) return within ?? `line ${line}`;
  return within === undefined ? `${name}:${line}` : `${name} ${within}`;
}

export function showMap(
  { status, jobId, counts, costUsd, limit }: MapRunResult,
  rows: { readonly title: string; readonly rows: readonly object[] },
  notices: readonly string[],
): CallToolResult {
  const { done, failed, units, faults } = counts;
  const told = [
    `${jobId}: ${status}. ${done} of ${units} different items done${failed > 0 ? `, ${failed} failed` : ""}${faults > 0 ? `, ${faults} lines were no items` : ""}, ${dollars(costUsd)}.`,
    ...(limit ? [limit.message] : []),
    ...notices.map((notice) => `Note: ${notice}`),
    `${rows.title}:\n${rows.rows.map((row) => JSON.stringify(row)).join("\n") || "(none)"}`,
    `More of it: run_status with id "${jobId}" and sql over the tables results, failures and items.`,
  ];
  return answered(told.join("\n\n"), { jobId, status, counts, costUsd, limit, rows: rows.rows });
}

export function dollars(costUsd: number | null): string {
  return costUsd === null ? "cost unknown" : `$${costUsd.toFixed(4)}`;
}
