/** The peers' table as Markdown: rows down, rivals across, errors in their cells. Pure. */
import type { Ready } from "./rivals.ts";
import { type Measurement, type Row, type RowContext } from "./rows.ts";

export function tableOf(
  rows: readonly Row[],
  ready: readonly Ready[],
  missing: ReadonlyMap<string, string>,
  results: ReadonlyMap<string, ReadonlyMap<string, Measurement>>,
  context: RowContext,
): string {
  const names = ready.map(({ rival, version }) => `${rival.name} (${version})`);
  const head = `| | ${names.join(" | ")} |\n|---|${names.map(() => "---").join("|")}|`;
  const lines = rows.flatMap((row) =>
    row.runs(context).map(({ label }) => {
      const cells = ready.map(({ rival }) =>
        cellOf(row, results.get(row.name)?.get(rival.name)?.[label], label, context),
      );
      return `| ${label === "" ? row.title : `${row.title}: ${label}`} | ${cells.join(" | ")} |`;
    }),
  );
  const absent = [...missing].map(([name, why]) => `- ${name}: not run. ${why}`);
  return [head, ...lines, ...(absent.length > 0 ? ["", ...absent] : [])].join("\n");
}

function cellOf(row: Row, result: unknown, label: string, context: RowContext): string {
  if (typeof result !== "object" || result === null) return "not run";
  const found = result as Readonly<Record<string, unknown>>;
  if ("error" in found) return `fails: ${String(found["error"]).replaceAll(/\s+/g, " ").slice(0, 120)}`;
  if ("unsupported" in found && row.name !== "budget") return String(found["unsupported"]);
  return row.read(found, label, context).replaceAll("|", "\\|");
}
