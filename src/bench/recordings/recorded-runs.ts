/** Reads runs that other programs recorded: their cells, what those printed, and as much of their context as the logs show. */
import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { isPlainObject } from "../../core/json.ts";

export interface RecordedRun {
  /** File and run, for a person. */
  readonly name: string;
  readonly context: string;
  /** False where parts of the context were never logged and are filled with a stand-in. */
  readonly isContextWhole: boolean;
  readonly cells: readonly RecordedCell[];
  /** The recorded answer to a prompt, or undefined where none was logged. */
  answer(prompt: string): string | undefined;
}

export interface RecordedCell {
  readonly code: string;
  /** What it printed; undefined where that was not logged. */
  readonly output: string | undefined;
  /** True where only the end of the output was logged. */
  readonly isCut: boolean;
  /** The type of the exception it ended with. */
  readonly error: string | undefined;
  /** The answer that it gave. */
  readonly final: unknown;
}

/** Logs of fast-rlm as they are (*.jsonl), and of the reference implementation, zipped (*.jsonl.gz). */
export function readRecordings(folder: string): RecordedRun[] {
  const plain = globSync("*.jsonl", { cwd: folder }).sort();
  const zipped = globSync("{,rlms-format/}*.jsonl.gz", { cwd: folder }).sort();
  return [
    ...plain.flatMap((name) => fastRuns(basename(name), lines(readFileSync(join(folder, name))))),
    ...zipped.map((name) =>
      referenceRun(basename(name), lines(gunzipSync(readFileSync(join(folder, name))))),
    ),
  ];
}

type Row = Record<string, unknown>;

function lines(bytes: Uint8Array): Row[] {
  return Buffer.from(bytes)
    .toString("utf8")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line): unknown => JSON.parse(line))
    .filter(isPlainObject);
}

// The event log of fast-rlm: every sub-call is a run of its own, whose context is the prompt.

function fastRuns(file: string, rows: readonly Row[]): RecordedRun[] {
  const runs = Map.groupBy(rows, (row) => String(row["run_id"]));
  return [...runs].map(([id, events]) =>
    fastRun(`${file.slice(0, 24)} ${id.slice(-9)}`, events, childrenOf(id, runs)),
  );
}

interface Child {
  readonly characters: number;
  readonly head: string;
  readonly result: unknown;
}

function childrenOf(id: string, runs: ReadonlyMap<string, readonly Row[]>): Child[] {
  return [...runs.values()]
    .filter(([first]) => first?.["parent_run_id"] === id)
    .map((events) => {
      const { characters, head } = firstLook(fastCell(events[0] ?? {}, undefined).output ?? "");
      return {
        characters,
        head,
        result: events.find((event) => event["event_type"] === "final_result")?.["result"],
      };
    });
}

function fastRun(name: string, events: readonly Row[], children: readonly Child[]): RecordedRun {
  const results = events.filter((event) => event["event_type"] === "final_result");
  const steps = events.filter((event) => event["event_type"] !== "final_result");
  const cells = steps.map((step) => fastCell(step, results[0]?.["result"]));
  const { text, isWhole } = rebuildContext(cells);
  return {
    name,
    context: text,
    isContextWhole: isWhole,
    cells,
    answer(prompt) {
      const child = children.find(
        ({ characters, head }) => characters === Array.from(prompt).length && prompt.startsWith(head),
      );
      return typeof child?.result === "string" ? child.result : undefined;
    },
  };
}

const cutMark = "[TRUNCATED: Last 20000 chars shown].. ";
const wholeMark = "[FULL OUTPUT SHOWN]... ";

function fastCell(row: Row, result: unknown): RecordedCell {
  const code = String(row["code"] ?? "");
  if (row["event_type"] === "code_generated")
    return { code, output: undefined, isCut: false, error: undefined, final: result };
  let output = String(row["output"] ?? "");
  const isCut = output.startsWith(cutMark);
  output = output === "[EMPTY OUTPUT]" ? "" : output.replace(isCut ? cutMark : wholeMark, "");
  const [printed = "", traceback] = output.split(/\n?Error: Traceback \(most recent call last\):\n/);
  return { code, output: printed, isCut, error: traceback && errorType(traceback), final: undefined };
}

/** The type in the last line of a traceback that begins like one. */
function errorType(traceback: string): string {
  return (
    traceback
      .split("\n")
      .map((line) => /^([A-Za-z_.]+(?:Error|Exception|Interrupt))\b/.exec(line)?.[1])
      .findLast((type) => type !== undefined) ?? "unknown"
  ).replace(/^.*\./, "");
}

/** What the first cell of each run shows: length, beginning and end. */
function firstLook(output: string): { characters: number; head: string; tail: string } {
  const characters = Number(/Context length: (\d+)/.exec(output)?.[1] ?? 0);
  const short = /\nContext: {2}([^]*)$/.exec(output)?.[1];
  if (short !== undefined) return { characters, head: take(short, 0, characters), tail: "" };
  const [, head = "", tail = ""] =
    /str\(context\): {2}([^]*)\n---\nLast 500 characters of str\(context\): {2}([^]*)$/.exec(output) ?? [];
  return { characters, head: take(head, 0, 500), tail: take(tail, 0, 500) };
}

/** Lays what cells printed of the context over a stand-in of its length. */
function rebuildContext(cells: readonly RecordedCell[]): { text: string; isWhole: boolean } {
  const { characters, head, tail } = firstLook(cells[0]?.output ?? "");
  const text: (string | undefined)[] = Array.from({ length: characters });
  const lay = (piece: string, start: number): void => {
    Array.from(piece).forEach((character, index) => {
      if (start + index < characters) text[start + index] = character;
    });
  };
  lay(head, 0);
  if (tail) lay(tail, characters - 500);
  for (const { code, output, isCut } of cells) {
    const printed = /^print\(context(?:\[(\d*):(\d*)\])?\)$/.exec(withoutComments(code));
    if (output === undefined || !printed) continue;
    const from = Number(printed[1] || 0);
    const to = Math.min(Number(printed[2] || characters), characters);
    // Of a long output the log has the last 20,000 characters, the newline of print included.
    if (isCut) lay(Array.from(output).slice(-20_000, -1).join(""), to - 19_999);
    else lay(take(output, 0, to - from), from);
  }
  const isWhole = text.every((character) => character !== undefined);
  return {
    text: text.map((character, index) => character ?? (index % 80 === 79 ? "\n" : "·")).join(""),
    isWhole,
  };
}

function withoutComments(code: string): string {
  return code.replace(/^\s*#.*$/gm, "").trim();
}

function take(text: string, start: number, end: number): string {
  return Array.from(text).slice(start, end).join("");
}

// The log of the reference implementation: one line per turn, with all variables.

function referenceRun(file: string, rows: readonly Row[]): RecordedRun {
  const blocks = rows.flatMap((row) =>
    Array.isArray(row["code_blocks"]) ? row["code_blocks"].filter(isPlainObject) : [],
  );
  const results = blocks.map((block) => (isPlainObject(block["result"]) ? block["result"] : {}));
  const contexts = results.map(({ locals }) => (isPlainObject(locals) ? locals["context"] : undefined));
  const calls = results.flatMap((result) =>
    Array.isArray(result["rlm_calls"]) ? result["rlm_calls"].filter(isPlainObject) : [],
  );
  const answers = new Map(calls.map((call) => [String(call["prompt"]), String(call["response"])]));
  const context = contexts.find((value) => typeof value === "string");
  return {
    name: file.slice(0, 32),
    context: typeof context === "string" ? context : "",
    isContextWhole: typeof context === "string",
    cells: blocks.map((block, index) => {
      const { stdout, stderr, final_answer: final } = results[index] ?? {};
      const error = String(stderr ?? "").trim();
      return {
        code: String(block["code"]),
        output: String(stdout ?? ""),
        isCut: false,
        error: error ? errorType(error) : undefined,
        final: final ?? undefined,
      };
    }),
    answer: (prompt) => answers.get(prompt),
  };
}
