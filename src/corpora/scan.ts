/** Finds a pattern in files with ripgrep and tells positions in bytes. It knows files, not documents. */
import { ConfigError } from "../core/errors.ts";
import { badPattern } from "./pattern.ts";
import type { RipgrepPattern } from "./pattern.ts";
import { RecordTooLong, recordReader, runRipgrep } from "./ripgrep.ts";

export interface Scan {
  readonly pattern: RipgrepPattern;
  /** As the caller wrote it: for messages. */
  readonly written: string;
  readonly ignoreCase: boolean;
  readonly signal: AbortSignal;
}

export interface Hit {
  readonly file: string;
  readonly start: number;
  readonly end: number;
}

/** Reports hits in the order of the files if `inOrder`, else as ripgrep's threads find them. False stops. */
export async function scanFiles(
  files: readonly string[],
  scan: Scan,
  onHit: (hit: Hit) => boolean,
  options: { readonly inOrder: boolean; readonly linesPerFile?: number },
): Promise<"ended" | "stopped"> {
  const args = [
    ...searchArguments(scan),
    ...(options.inOrder ? ["--threads", "1"] : []),
    ...(options.linesPerFile === undefined || panicsOnMostLines(scan.pattern)
      ? []
      : ["--max-count", String(options.linesPerFile)]),
    ...(scan.pattern.crossesLines ? ["--json"] : ["--only-matching", "--byte-offset", ...named]),
  ];
  const readRecord = scan.pattern.crossesLines ? hitsOfJson : hitOfLine;
  for (const batch of batchesOf(files)) {
    let wantsMore = true;
    const reader = recordReader(newline, (record) => {
      for (const hit of readRecord(record, scan.pattern)) if (!onHit(hit)) return (wantsMore = false);
      return true;
    });
    await run(args, batch, scan, reader);
    if (!wantsMore) return "stopped";
  }
  return "ended";
}

/** ripgrep 15's JSON output panics where look-around sees beyond the last line that --max-count lets through. */
function panicsOnMostLines({ engine, crossesLines }: RipgrepPattern): boolean {
  return engine === "pcre2" && crossesLines;
}

/** Matches by file; files without any are left out. */
export async function countInFiles(files: readonly string[], scan: Scan): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const args = [...searchArguments(scan), "--count-matches", ...named];
  const reader = recordReader(newline, (record) => {
    const end = record.indexOf(0);
    counts.set(record.toString("utf8", 0, end), Number(record.toString("latin1", end + 1)));
    return true;
  });
  for (const batch of batchesOf(files)) await run(args, batch, scan, reader);
  return counts;
}

const newline = 0x0a;
const named = ["--with-filename", "--null", "--no-heading"];

/** Bytes are matched as they are: no ignore files, no guess at encodings, nothing taken for binary. */
function searchArguments({ pattern, ignoreCase }: Scan): string[] {
  return [
    "--no-ignore",
    "--hidden",
    "--text",
    "--encoding=none",
    "--color=never",
    // A file's lines take as long to count as to search. They are counted once, with its characters.
    "--no-line-number",
    "--regex-size-limit=100M",
    "--dfa-size-limit=500M",
    ...(pattern.engine === "pcre2" ? ["--pcre2"] : []),
    ...(pattern.crossesLines ? ["--multiline"] : []),
    ...(ignoreCase ? ["--ignore-case"] : []),
    `--regexp=${pattern.source}`,
  ];
}

async function run(
  args: readonly string[],
  files: readonly string[],
  scan: Scan,
  onOutput: (chunk: Buffer) => boolean,
): Promise<void> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = AbortSignal.any([scan.signal, timeout]);
  const result = await runRipgrep([...args, "--", ...files], onOutput, { signal }).catch((error: unknown) => {
    if (error instanceof RecordTooLong) {
      throw badPattern(scan.written, "one match spans too much text; use a lazy quantifier such as .*?");
    }
    if (timeout.aborted && !scan.signal.aborted) {
      throw badPattern(scan.written, `the search took longer than ${timeoutMs / 1000} s; make it simpler`);
    }
    throw error;
  });
  if (result.status === "failed") throw errorOf(result.stderr, scan);
}

/** Far above any honest search; PCRE2's own match limit ends most patterns that backtrack without end much earlier. */
const timeoutMs = 120_000;

function errorOf(stderr: string, scan: Scan): ConfigError {
  if (stderr.includes("match limit exceeded")) {
    return badPattern(scan.written, "it backtracks without end; make its repetitions exclude each other");
  }
  if (stderr.includes("panicked")) {
    return badPattern(scan.written, "ripgrep fails on it; write it without look-around or back-references");
  }
  const [, reason] = /error compiling pattern[^:]*: (.+)/.exec(stderr) ?? /^error: (.+)/m.exec(stderr) ?? [];
  if (reason !== undefined || stderr.includes("regex parse error")) {
    return badPattern(scan.written, reason ?? stderr.trim());
  }
  const [first = "it stopped without a reason; a file may have been removed"] = stderr
    .trim()
    .split("\n")
    .filter(Boolean);
  return new ConfigError(
    "unreadable",
    `The search failed: ${first}. Open the corpus again if its files changed.`,
  );
}

/** "path NUL offset:match" */
function* hitOfLine(record: Buffer, pattern: RipgrepPattern): Generator<Hit> {
  const pathEnd = record.indexOf(0);
  const offsetEnd = record.indexOf(colon, pathEnd);
  const start = Number(record.toString("latin1", pathEnd + 1, offsetEnd));
  yield {
    file: record.toString("utf8", 0, pathEnd),
    start,
    end: start + record.length - offsetEnd - 1 - (endsInDroppedReturn(record.at(-1), pattern) ? 1 : 0),
  };
}

const colon = 0x3a;

interface JsonMatch {
  readonly type: "match";
  readonly data: {
    readonly path: { readonly text: string };
    readonly lines: { readonly text: string } | { readonly bytes: string };
    readonly absolute_offset: number;
    readonly submatches: readonly { readonly start: number; readonly end: number }[];
  };
}

function* hitsOfJson(record: Buffer, pattern: RipgrepPattern): Generator<Hit> {
  if (!record.subarray(0, matchPrefix.length).equals(matchPrefix)) return;
  const { data } = JSON.parse(record.toString("utf8")) as JsonMatch;
  const lines = "text" in data.lines ? Buffer.from(data.lines.text) : Buffer.from(data.lines.bytes, "base64");
  for (const { start, end } of data.submatches) {
    const dropped = end > start && endsInDroppedReturn(lines[end - 1], pattern) ? 1 : 0;
    const base = data.absolute_offset;
    yield { file: data.path.text, start: base + start, end: base + end - dropped };
  }
}

const matchPrefix = Buffer.from('{"type":"match"');

function endsInDroppedReturn(lastByte: number | undefined, pattern: RipgrepPattern): boolean {
  return pattern.dropsCarriageReturn && lastByte === 0x0d;
}

/** Files by the argument list that the system takes: 200,000 paths are a dozen megabytes. */
function* batchesOf(files: readonly string[]): Generator<readonly string[]> {
  const most = process.platform === "win32" ? 24_000 : process.platform === "linux" ? 1_000_000 : 400_000;
  let batch: string[] = [];
  let size = 0;
  for (const file of files) {
    // A pointer to each argument counts, too.
    const added = Buffer.byteLength(file) + 9;
    if (size + added > most && batch.length > 0) {
      yield batch;
      batch = [];
      size = 0;
    }
    batch.push(file);
    size += added;
  }
  if (batch.length > 0) yield batch;
}
