/** Runs recorded cells in a sandbox of ours, with the answers that were recorded, and says how each came out. It knows no log format. */
import { isPlainObject, type Json } from "../../core/json.ts";
import type { ExecutionResult, Sandbox } from "../../core/sandbox.ts";
import type { RecordedCell, RecordedRun } from "./recorded-runs.ts";

/** Only "different" is a failure; the others name what the log lacks or what was the recorder's own fault. */
export type Verdict =
  | "as recorded"
  | "context not logged"
  | "sub-call not logged"
  | "foreign module"
  | "refused or lost by the recorder"
  | "context over what the sandbox loads"
  | "different";

/** Modules that the recorded machine knew of and the standard library has not. */
const foreignModules = /^\s*(?:import|from) (?:pandas|micropip|numpy)\b/m;
export const unlogged = "(this answer was not logged)";

/** Answers given so far, by prompt; undefined where the log has none. */
export type Asked = Map<string, string | undefined>;

export async function replayCells(
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

export function judge(run: RecordedRun, cell: RecordedCell, result: ExecutionResult, asked: Asked): Verdict {
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

/** The type of the exception that ended a cell, or how else it ended. */
export function errorOf(result: ExecutionResult): string | undefined {
  return result.status === "threw" ? result.error.type : result.status === "ok" ? undefined : result.status;
}
