/** The rows of the table: what is run for each, how a result reads, and what makes one better than another. It knows no rival. */

/** What a driver said of one run. `stopped` is added where it was ended before its own end. */
export type Result = Readonly<Record<string, unknown>>;

export interface RowContext {
  /** Megabytes. */
  readonly sizes: readonly number[];
  fileOf(megabytes: number): string;
  plainScan(path: string): { readonly ms: number; readonly count: number };
}

export interface RowRun {
  /** Part of the line's title; empty where there is one run. */
  readonly label: string;
  readonly args: readonly string[];
  readonly timeoutMs: number;
}

export interface Row {
  readonly name: string;
  readonly title: string;
  runs(context: RowContext): readonly RowRun[];
  /** Lines of the table that one run makes, by the name that the driver uses. @default one line */
  readonly parts?: Readonly<Record<string, string>>;
  read(result: Result, part: string, run: RowRun, context: RowContext): Cell;
}

export interface Cell {
  readonly text: string;
  /** Less is better. Undefined where it went wrong: speed without the right answer is none. */
  readonly cost?: number | undefined;
  /** A size, so that a rival's can be told as so many times ours. */
  readonly isRatio?: boolean;
}

const one = (args: readonly string[], timeoutMs: number): readonly RowRun[] => [
  { label: "", args, timeoutMs },
];

/** A trial that says "ok", or what happened instead. */
function tried(result: Result, part: string): Cell {
  const said = result[part];
  if (typeof said !== "string")
    return { text: `not reached: ${String(result["stopped"] ?? "one before it did not end")}` };
  return { text: said, cost: said.startsWith("ok") ? 0 : undefined };
}

function duration(value: number, wrong: string, note = ""): Cell {
  return wrong === "" ? { text: `${ms(value)}${note}`, cost: value, isRatio: true } : { text: wrong };
}

/** What one thing takes beyond another. */
function difference(whole: number, less: number): Cell {
  if (whole > less) return duration(whole - less, "");
  // On a busy machine two that are nearly alike may come out the other way round.
  return { text: `none seen (${ms(whole)} against ${ms(less)})`, cost: 0 };
}

const loadAndScan = (result: Result, part: string, run: RowRun, { plainScan, fileOf }: RowContext): Cell => {
  const plain = plainScan(fileOf(Number.parseInt(run.label, 10)));
  const wrong = wrongOf(result, String(plain.count));
  const took = number(result, "ms");
  if (part === "ms") return duration(took, wrong, `, ${(took / plain.ms).toFixed(1)} × plain`);
  const peak = number(result, "peakMb");
  return wrong === "" ? { text: `${peak} MiB`, cost: peak, isRatio: true } : { text: wrong };
};
const loadParts = { ms: "time, and × plain Node in pieces of 16 MB", peakMb: "peak memory" };

export const rows: readonly Row[] = [
  {
    name: "overhead",
    title: "A run that answers at once (22 KB), beyond bare fetch of the same calls",
    runs: () => one(["overhead"], 240_000),
    parts: { spaced: "a second between runs", dense: "back to back", first: "the first, whole" },
    read(result, part) {
      const wrong = wrongOf(result, "ok");
      if (part === "first") return duration(number(result, "firstMs"), wrong);
      const { runMs = NaN, bareMs = NaN } = asNumbers(result[part]);
      return wrong === "" ? difference(runMs, bareMs) : { text: wrong };
    },
  },
  {
    name: "fan",
    title: "200 sub-calls of 50 ms",
    runs: () => [
      { label: "told 16 wide (ideal: 650 ms)", args: ["fan", "16"], timeoutMs: 60_000 },
      { label: "told 200 wide (ideal: 50 ms)", args: ["fan", "200"], timeoutMs: 60_000 },
    ],
    read(result) {
      const wide = number(result, "maxInFlight");
      const sent = number(result, "sub");
      const extra = sent === 200 ? "" : `, ${sent} calls sent`;
      return duration(number(result, "ms"), wrongOf(result, "200"), `, ${wide} in flight${extra}`);
    },
  },
  {
    name: "host",
    title: "Processor time for a sub-call (1,000 calls without delay, the whole tree of processes)",
    runs: () => one(["host", "1000"], 120_000),
    read: (result) =>
      duration(number(result, "cpuMs") / Math.max(1, number(result, "asked")), wrongOf(result, "1000")),
  },
  {
    name: "scan",
    title: "Load a log and count a pattern, each in its quickest way",
    runs: ({ sizes, fileOf }) =>
      sizes.map((size) => ({ label: `${size} MB`, args: ["scan", fileOf(size)], timeoutMs: 100_000 })),
    parts: loadParts,
    read: loadAndScan,
  },
  {
    name: "ownscan",
    title: "The same with the regular expressions of the cell's language",
    runs: ({ sizes, fileOf }) =>
      sizes
        .filter((size) => size === 40)
        .map((size) => ({ label: `${size} MB`, args: ["ownscan", fileOf(size)], timeoutMs: 100_000 })),
    parts: loadParts,
    read: loadAndScan,
  },
  {
    name: "noop",
    title: "One more cell that does nothing, with 100 MB held",
    runs: ({ fileOf }) => one(["noop", fileOf(100)], 150_000),
    read(result) {
      const wrong = wrongOf(result, "ok");
      if (wrong !== "") return { text: wrong };
      return difference(number(result, "nineMs") / 8, number(result, "oneMs") / 8);
    },
  },
  {
    name: "faults",
    title: "The provider fails",
    runs: () => one(["faults"], 300_000),
    parts: {
      "429": "429 twice",
      "500": "500 twice",
      "broken-json": "broken JSON once",
      "empty-choices": "no choices once",
      "null-content": "null content once",
      reset: "connection reset once",
      "sub-calls": "500 for 4 of 40 sub-calls, once each",
    },
    read: tried,
  },
  {
    name: "hang",
    title: "A call is taken and never answered (limit of 5 s a call where one can be set, 40 s watched)",
    runs: () => [
      { label: "the root's, once", args: ["hang", "root"], timeoutMs: 110_000 },
      { label: "one of 40 sub-calls, once", args: ["hang", "sub"], timeoutMs: 110_000 },
    ],
    read(result) {
      const cell = tried(result, "outcome");
      return { ...cell, text: `${cell.text}, ${ms(number(result, "ms"))}` };
    },
  },
  {
    name: "escapes",
    title: "Out of a cell, as it comes",
    runs: () => one(["escapes"], 150_000),
    parts: {
      environment: "a variable of the host's environment",
      file: "a file of the host",
      shell: "a shell",
      network: "a socket",
    },
    read(result, part) {
      const cell = tried(result, part);
      return { text: cell.text, cost: cell.text === "held" ? 0 : undefined };
    },
  },
  {
    name: "loop",
    title:
      "A cell that never ends (limit of 8 s where one can be set): the run's end, the host's longest pause",
    runs: () => one(["loop"], 70_000),
    read(result) {
      const cell = tried(result, "outcome");
      return { ...cell, text: `${cell.text}, ${ms(number(result, "hostFrozenMs"))}` };
    },
  },
  {
    name: "repl",
    title: "REPL",
    runs: () => one(["repl"], 170_000),
    parts: {
      variable: "a variable stays to the next turn",
      function: "a function stays",
      raised: "what came before an error stays",
      await: "await at the top",
      crlf: "CRLF stays CRLF",
      missing: "a final variable that is missing is no answer",
      prose: "a reply without code is no answer",
      print: "3 MB printed: the next request",
      large: "5 MB as the answer, whole",
      timeout: "state stays when a cell is out of time",
    },
    read: tried,
  },
  {
    name: "budget",
    title: "Eight children of $1 each under a limit of $1.50: what was spent, and the end",
    runs: () => one(["budget"], 60_000),
    read(result) {
      if ("unsupported" in result) return { text: String(result["unsupported"]) };
      const spent = number(result, "spentUsd");
      return {
        text: `$${spent.toFixed(2)} by ${number(result, "children")} calls, ${String(result["ended"])}`,
        cost: spent <= 1.5 ? 0 : undefined,
      };
    },
  },
];

function number(result: Result, name: string): number {
  const value = result[name];
  return typeof value === "number" ? Math.round(value * 100) / 100 : Number.NaN;
}

function asNumbers(value: unknown): Record<string, number> {
  return typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, Number(one)]))
    : {};
}

function wrongOf(result: Result, expected: string): string {
  const answer = String(result["answer"]).trim();
  return answer === expected ? "" : `wrong: "${answer.replaceAll(/\s+/g, " ").slice(0, 30)}"`;
}

export function ms(value: number): string {
  if (!Number.isFinite(value)) return "?";
  if (value >= 10_000) return `${(value / 1_000).toFixed(1)} s`;
  if (value >= 100) return `${Math.round(value)} ms`;
  return `${value.toFixed(value >= 10 ? 1 : 2)} ms`;
}
