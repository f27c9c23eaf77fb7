/** What came of a job, and what one would take, as a person reads it. Pure. */
import { grouped } from "../core/grouped.ts";
import type { Estimate, MapRunResult } from "../engine/index.ts";
import { dollars } from "./show-answer.ts";

/** One line: how it ended and what it took, over all runs. */
export function summaryOfMap({ status, counts, usage, jobId }: MapRunResult): string {
  const { rows, units, done, failed, faults, pending, running, costUsd, costKnown } = counts;
  const left = pending + running;
  const different = units === rows - faults ? "" : ` (${grouped(units)} different)`;
  return [
    status,
    `${grouped(rows)} ${rows === 1 ? "item" : "items"}${different}`,
    `${grouped(done)} done`,
    ...(failed > 0 ? [`${grouped(failed)} failed`] : []),
    ...(faults > 0 ? [`${grouped(faults)} unreadable`] : []),
    ...(left > 0 ? [`${grouped(left)} left`] : []),
    `${grouped(usage.calls)} ${usage.calls === 1 ? "call" : "calls"} now`,
    dollars(costKnown ? costUsd : null),
    jobId,
  ].join(" · ");
}

export function showEstimate({
  items,
  distinct,
  faults,
  calls,
  inputTokens,
  outputTokens,
  costUsd,
  prompt,
}: Estimate): string {
  const shown = prompt.length <= 600 ? prompt : `${prompt.slice(0, 600)}…`;
  return [
    `items   ${grouped(items)}, ${grouped(distinct)} different${faults > 0 ? `, ${grouped(faults)} unreadable` : ""}`,
    `calls   ${grouped(calls)}`,
    `tokens  about ${grouped(inputTokens)} in, ${grouped(outputTokens)} out`,
    `cost    ${costUsd === null ? "unknown: no price is known for this model" : `about ${dollars(costUsd)}`}`,
    "",
    "The first prompt:",
    ...shown.split("\n").map((line) => `  ${line}`.trimEnd()),
    "",
  ].join("\n");
}
