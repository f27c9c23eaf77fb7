/**
 * Cells that real models wrote for other programs. Each runs here as plain Python runs it; and as it was recorded,
 * wherever the log holds all that its output depends on.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { isPlainObject, type Json } from "../src/core/json.ts";
import type { ExecutionResult, Sandbox } from "../src/core/sandbox.ts";
import { native } from "../src/sandboxes/native.ts";
import type { PoolSettings } from "../src/sandboxes/pool.ts";
import { wasm } from "../src/sandboxes/wasm.ts";
import { readRecordings, recordingsFolder, type RecordedCell, type RecordedRun } from "./recorded-runs.ts";

type Verdict =
  | "as recorded"
  | "context not logged"
  | "sub-call not logged"
  | "foreign module"
  | "refused or lost by the recorder"
  | "context over what the sandbox loads"
  | "different";

/** Modules that the recorded machine knew of and the standard library has not. */
const foreignModules = /^\s*(?:import|from) (?:pandas|micropip|numpy)\b/m;
const unlogged = "(this answer was not logged)";

const folder = recordingsFolder();
const missing = folder === undefined ? "no recordings here: set UNABRIDGED_TEST_DATA" : undefined;

/** What plain Python made of each input, for the sandboxes that come to the same one. */
const plainResults = new Map<string, PlainResult[]>();

for (const open of [wasm, native]) {
  const skip = missing ?? (await reasonToSkip(open));
  test(
    `every recorded cell that parses runs as recorded, in the sandbox ${open.name}`,
    { skip: skip ?? false },
    async (context) => runAll(open(), (text) => context.diagnostic(text)),
  );
}

async function runAll(sandbox: Sandbox, tell: (text: string) => void): Promise<void> {
  const counts = new Map<Verdict, number>();
  const wrong: string[] = [];
  try {
    for (const run of readRecordings(folder ?? "")) {
      const count = (verdict: Verdict, cells = 1): void =>
        void counts.set(verdict, (counts.get(verdict) ?? 0) + cells);
      if (Buffer.byteLength(run.context) > (sandbox.eagerBytes ?? Infinity)) {
        count("context over what the sandbox loads", run.cells.length);
        continue;
      }
      const { results, asked } = await replay(sandbox, run);
      const plain = runPlainly(run, asked);
      for (const [index, cell] of run.cells.entries()) {
        const result = results[index];
        const where = `${run.name} cell ${index}`;
        if (!result) throw new Error(`${where} did not run`);
        if (!samePlainly(plain[index], result))
          wrong.push(`${where}: plain Python ${short(plain[index])}, here ${short(result)}`);
        const verdict = judge(run, cell, result, asked);
        count(verdict);
        if (verdict === "different")
          wrong.push(`${where}: recorded ${short(cell.output ?? cell.final)}, here ${short(result)}`);
      }
    }
  } finally {
    await sandbox.close();
  }
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  tell(`${total} cells: ${[...counts].map(([verdict, count]) => `${count} ${verdict}`).join(", ")}`);
  assert.deepEqual(wrong, []);
}

/** Answers given so far, by prompt; undefined where the log has none. */
type Asked = Map<string, string | undefined>;

async function replay(
  sandbox: Sandbox,
  run: RecordedRun,
): Promise<{ results: ExecutionResult[]; asked: Asked }> {
  const { signal } = new AbortController();
  const asked: Asked = new Map();
  const answer = (item: unknown): Json => {
    const prompt = isPlainObject(item) ? String(item["prompt"]) : "";
    asked.set(prompt, run.answer(prompt));
    return { ok: true, text: asked.get(prompt) ?? unlogged };
  };
  const session = await sandbox.open({
    context: {
      shape: "text",
      documents: [{ id: "d1", start: 0, characters: undefined }],
      load: async () => Buffer.from(run.context),
    },
    call: async (_name, args) => ({
      results: isPlainObject(args) && Array.isArray(args["items"]) ? args["items"].map(answer) : [],
    }),
    limits: { memoryMb: 1_024 },
    signal,
  });
  const results: ExecutionResult[] = [];
  try {
    for (const { code } of run.cells)
      results.push(await session.execute(code, { timeoutMs: 60_000, signal }));
  } finally {
    await session.close();
  }
  return { results, asked };
}

interface PlainResult {
  readonly printed: string;
  readonly error: string | null;
}

function runPlainly(run: RecordedRun, asked: Asked): PlainResult[] {
  const answers = Object.fromEntries([...asked].map(([prompt, text]) => [prompt, text ?? unlogged]));
  const input = JSON.stringify({
    context: run.context,
    cells: run.cells.map(({ code }) => code),
    answers,
    otherwise: unlogged,
  });
  const known = plainResults.get(input);
  if (known) return known;
  const script = fileURLToPath(new URL("./plain_python.py", import.meta.url));
  const { stdout, stderr } = spawnSync("python3", ["-I", "-X", "utf8", script], {
    input,
    encoding: "utf8",
    maxBuffer: 2 ** 30,
  });
  if (stdout === "") throw new Error(`plain Python failed: ${stderr}`);
  const results = JSON.parse(stdout) as PlainResult[];
  plainResults.set(input, results);
  return results;
}

function samePlainly(plain: PlainResult | undefined, result: ExecutionResult): boolean {
  const { head, tail, characters } = result.stdout;
  if (!plain || plain.error !== (errorOf(result) ?? null)) return false;
  return tail === ""
    ? plain.printed === head
    : plain.printed.startsWith(head) &&
        plain.printed.endsWith(tail) &&
        Array.from(plain.printed).length === characters;
}

function judge(run: RecordedRun, cell: RecordedCell, result: ExecutionResult, asked: Asked): Verdict {
  if (foreignModules.test(cell.code)) return "foreign module";
  if (asRecorded(cell, result)) return "as recorded";
  // The one refused sub-calls by its own rules, the other dropped every assignment of a cell that raised.
  if (cell.error === "Exception" || cell.error === "JsException") return "refused or lost by the recorder";
  if (cell.error === "NameError" && result.status === "ok") return "refused or lost by the recorder";
  if (!run.isContextWhole) return "context not logged";
  return [...asked.values()].includes(undefined) ? "sub-call not logged" : "different";
}

function asRecorded(cell: RecordedCell, result: ExecutionResult): boolean {
  const final = result.final?.json ?? result.final?.text;
  if (cell.final !== undefined && JSON.stringify(cell.final) !== JSON.stringify(final)) return false;
  if (errorOf(result) !== cell.error) return false;
  if (cell.output === undefined) return true;
  const printed = (result.stdout.head + result.stdout.tail).trimEnd();
  const recorded = cell.output.trimEnd();
  return cell.isCut ? printed.endsWith(recorded.slice(-19_000)) : printed === recorded;
}

function errorOf(result: ExecutionResult): string | undefined {
  return result.status === "threw" ? result.error.type : result.status === "ok" ? undefined : result.status;
}

function short(value: unknown): string {
  return (JSON.stringify(value) ?? "nothing").slice(0, 500);
}

async function reasonToSkip(open: (settings: PoolSettings) => Sandbox): Promise<string | undefined> {
  const sandbox = open({ spares: 0 });
  const { signal } = new AbortController();
  try {
    await sandbox.open({
      context: { shape: "documents", documents: [], load: undefined },
      call: async () => null,
      limits: { memoryMb: 64 },
      signal,
    });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await sandbox.close();
  }
}
