/** The rows of the table: what is run for each, and how a result reads. It knows no rival. */

/** What a rival's driver said, by label. */
export type Measurement = Record<string, unknown>;

export interface RowContext {
  /** Megabytes. */
  readonly sizes: readonly number[];
  fileOf(megabytes: number): string;
  plainScan(path: string): { readonly ms: number; readonly count: number } | undefined;
}

export interface Row {
  readonly name: string;
  readonly title: string;
  runs(
    context: RowContext,
  ): readonly { readonly label: string; readonly args: readonly string[]; readonly timeoutMs: number }[];
  /** One cell of the table, for one label. */
  read(result: Readonly<Record<string, unknown>>, label: string, context: RowContext): string;
}

const one = (args: readonly string[], timeoutMs: number): ReturnType<Row["runs"]> => [
  { label: "", args, timeoutMs },
];

export const rows: readonly Row[] = [
  {
    name: "overhead",
    title:
      "Fixed overhead of a run that answers at once (22 KB), beyond bare fetch of the same calls: with a second between runs / back to back / first run",
    runs: () => one(["overhead"], 120_000),
    read(result) {
      const over = (value: unknown): string => {
        const { runMs, bareMs } = asNumbers(value);
        return `+${ms((runMs ?? NaN) - (bareMs ?? NaN))}`;
      };
      return `${over(result["spaced"])} / ${over(result["dense"])} / ${ms(number(result, "firstMs"))}`;
    },
  },
  {
    name: "fan",
    title: "200 sub-calls of 50 ms: time, in flight, × the ideal at 16 wide (650 ms)",
    runs: () => one(["fan"], 120_000),
    read: (result) =>
      `${ms(number(result, "ms"))}, ${number(result, "maxInFlight")} wide, ${(number(result, "ms") / 650).toFixed(2)} ×${wrong(result, "200")}`,
  },
  {
    name: "host",
    title: "Processor time a sub-call (1,000 calls without delay; the whole tree of processes)",
    runs: () => one(["host", "1000"], 180_000),
    read: (result) =>
      `${(number(result, "cpuMs") / Math.max(1, number(result, "sub"))).toFixed(2)} ms${wrong(result, "1000")}`,
  },
  {
    name: "scan",
    title: "Load a log and count one pattern: time, × plain Node, peak memory",
    runs: ({ sizes, fileOf }) =>
      sizes.map((size) => ({ label: `${size} MB`, args: ["scan", fileOf(size)], timeoutMs: 100_000 })),
    read(result, label, { plainScan, fileOf }) {
      const plain = plainScan(fileOf(Number.parseInt(label, 10)));
      const times = plain === undefined ? "" : `, ${(number(result, "ms") / plain.ms).toFixed(1)} ×`;
      return `${ms(number(result, "ms"))}${times}, ${number(result, "peakMb")} MiB${plain === undefined ? "" : wrong(result, String(plain.count))}`;
    },
  },
  {
    name: "noop",
    title: "One more cell that does nothing, with 100 MB held",
    runs: ({ fileOf }) => one(["noop", fileOf(100)], 100_000),
    read: (result) => ms(number(result, "perCellMs")),
  },
  {
    name: "faults",
    title:
      "The provider fails: 429 twice, 500 twice, broken JSON, no choices, null content, reset; 4 of 40 sub-calls fail once",
    runs: () => one(["faults"], 200_000),
    read(result) {
      const said = Object.entries(result).map(([kind, outcome]) => [kind, String(outcome)] as const);
      const root = said.filter(([kind]) => !kind.startsWith("4 of 40"));
      const sub = said.find(([kind]) => kind.startsWith("4 of 40"))?.[1];
      const failed = root.filter(([, outcome]) => outcome !== "ok").map(([kind]) => kind);
      return `${root.length - failed.length} of ${root.length}${failed.length > 0 ? ` (not: ${failed.join(", ")})` : ""}; sub-calls: ${sub ?? "none"}`;
    },
  },
  {
    name: "escapes",
    title: "Can a cell reach the environment, a file, a shell, the network?",
    runs: () => one(["escapes"], 120_000),
    read(result) {
      const out = Object.entries(result)
        .filter(([, outcome]) => outcome === "escaped")
        .map(([name]) => name);
      const odd = Object.entries(result)
        .filter(([, outcome]) => outcome !== "escaped" && outcome !== "held")
        .map(([name]) => name);
      const rest = odd.length > 0 ? ` (no answer: ${odd.join(", ")})` : "";
      return (out.length === 0 ? "all held" : `escaped: ${out.join(", ")}`) + rest;
    },
  },
  {
    name: "loop",
    title: "A cell that never ends: does the run come back within 40 s, how long is the host frozen?",
    runs: () => one(["loop"], 60_000),
    read: (result) => `${String(result["outcome"])}, frozen ${ms(number(result, "hostFrozenMs"))}`,
  },
  {
    name: "repl",
    title:
      "REPL: variable stays, function stays, what came before an error stays, await at the top, CRLF exact",
    runs: () => one(["repl"], 140_000),
    read(result) {
      const all = Object.entries(result);
      const not = all.filter(([, outcome]) => outcome !== "ok").map(([name]) => name);
      return `${all.length - not.length} of ${all.length}${not.length > 0 ? ` (not: ${not.join("; ")})` : ""}`;
    },
  },
  {
    name: "budget",
    title: "Eight children of $1 each under a limit of $1.50: what the server was asked for",
    runs: () => one(["budget"], 60_000),
    read: (result) =>
      "unsupported" in result
        ? String(result["unsupported"])
        : `$${number(result, "spentUsd")}, ${String(result["ended"])}`,
  },
];

function number(result: Readonly<Record<string, unknown>>, name: string): number {
  const value = result[name];
  return typeof value === "number" ? Math.round(value * 100) / 100 : Number.NaN;
}

function asNumbers(value: unknown): Record<string, number> {
  return typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, Number(one)]))
    : {};
}

/** Speed without the right answer is none: the cell says so. */
function wrong(result: Readonly<Record<string, unknown>>, expected: string): string {
  return String(result["answer"]).trim() === expected
    ? ""
    : ` — WRONG: "${String(result["answer"]).replaceAll("\n", " ").slice(0, 30)}"`;
}

export function ms(value: number): string {
  if (!Number.isFinite(value)) return "?";
  return value >= 10_000
    ? `${(value / 1_000).toFixed(1)} s`
    : value >= 100
      ? `${Math.round(value)} ms`
      : `${value.toFixed(1)} ms`;
}
