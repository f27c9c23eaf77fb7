/** The peers' table as Markdown: lines down, peers across, errors in their cells; and the lines where ours is not ahead. Pure. */
import type { Ready } from "./rivals.ts";
import type { Cell, Result, Row, RowContext, RowRun } from "./rows.ts";

/** By row, peer, label of the run. */
export type Results = ReadonlyMap<string, ReadonlyMap<string, Readonly<Record<string, Result>>>>;

export function tableOf(
  rows: readonly Row[],
  ready: readonly Ready[],
  missing: ReadonlyMap<string, string>,
  results: Results,
  context: RowContext,
): string {
  const names = ready.map(({ rival, version }) => `${rival.name} (${version})`);
  const lines: string[] = [];
  const behind: string[] = [];
  for (const row of rows)
    for (const run of row.runs(context))
      for (const [part, title] of Object.entries(row.parts ?? { "": "" })) {
        const cells = ready.map(({ rival }) =>
          cellOf(row, results.get(row.name)?.get(rival.name)?.[run.label], part, run, context),
        );
        const name = [row.title, run.label, title].filter((text) => text !== "").join(": ");
        const ours = ready.findIndex(({ rival }) => rival.kind === "ours");
        lines.push(`| ${[name, ...withRatios(cells, ours)].join(" | ")} |`);
        const ahead = aheadOf(ready, cells, ours);
        if (ahead !== undefined) behind.push(`- ${name}: ${ahead}`);
      }
  return [
    `| | ${names.join(" | ")} |`,
    `|---|${names.map(() => "---").join("|")}|`,
    ...lines,
    ...[...missing].map(([name, why]) => `\nNot run: ${name}. ${why}`),
    "",
    behind.length === 0 ? "Ours is ahead, or level, in every line." : "Not ahead:\n",
    ...behind,
  ].join("\n");
}

function cellOf(row: Row, result: Result | undefined, part: string, run: RowRun, context: RowContext): Cell {
  if (result === undefined) return { text: "not run" };
  if ("error" in result)
    return { text: `fails: ${String(result["error"]).replaceAll(/\s+/g, " ").slice(0, 110)}` };
  return row.read(result, part, run, context);
}

/** A rival's size is told as so many times ours, too. */
function withRatios(cells: readonly Cell[], ours: number): readonly string[] {
  const own = cells[ours]?.cost;
  return cells.map(({ text, cost, isRatio }, index) => {
    const escaped = text.replaceAll("|", "\\|");
    if (index === ours || isRatio !== true || own === undefined || own === 0 || cost === undefined)
      return escaped;
    const times = cost / own;
    return `${escaped} (**${times >= 10 ? Math.round(times) : times.toFixed(2)} ×**)`;
  });
}

/** @returns who is better, by more than what two runs of the same thing differ by; undefined where nobody is */
function aheadOf(ready: readonly Ready[], cells: readonly Cell[], ours: number): string | undefined {
  if (ours < 0) return undefined;
  const own = cells[ours]?.cost;
  if (own === undefined) return `ours: ${cells[ours]?.text}`;
  const better = ready.filter((_, index) => (cells[index]?.cost ?? Infinity) < own * 0.95);
  return better.length === 0 ? undefined : better.map(({ rival }) => rival.name).join(", ");
}
