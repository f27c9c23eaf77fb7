/**
 * Cells that real models wrote for other programs. Each runs here as plain Python runs it; and as it was recorded,
 * wherever the log holds all that its output depends on.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { readRecordings, type RecordedRun } from "../src/bench/recordings/recorded-runs.ts";
import {
  errorOf,
  judge,
  replayCells,
  unlogged,
  type Asked,
  type Verdict,
} from "../src/bench/recordings/replay-cells.ts";
import type { ExecutionResult, Sandbox } from "../src/core/sandbox.ts";
import { native } from "../src/sandboxes/native.ts";
import type { PoolSettings } from "../src/sandboxes/pool.ts";
import { wasm } from "../src/sandboxes/wasm.ts";
import { testData, unlessThere } from "./test-data.ts";

const folder = join(testData, "trajectories");
const missing = unlessThere("trajectories");

/** What plain Python made of each input, for the sandboxes that come to the same one. */
const plainResults = new Map<string, PlainResult[]>();

for (const open of [wasm, native]) {
  const skip = missing === false ? await reasonToSkip(open) : missing;
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
    for (const run of readRecordings(folder)) {
      const count = (verdict: Verdict, cells = 1): void =>
        void counts.set(verdict, (counts.get(verdict) ?? 0) + cells);
      if (Buffer.byteLength(run.context) > (sandbox.eagerBytes ?? Infinity)) {
        count("context over what the sandbox loads", run.cells.length);
        continue;
      }
      const { results, asked } = await replayCells(sandbox, run);
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
