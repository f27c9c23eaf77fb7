/** What the sandbox contract runs against: a session with a small corpus and a host that answers predictably. */
import { BudgetError } from "../../core/errors.ts";
import type { Json } from "../../core/json.ts";
import { isPlainObject } from "../../core/json.ts";
import type { ExecutionResult, GuestTool, HostCall, Sandbox, SandboxSession } from "../../core/sandbox.ts";

export interface Setup {
  readonly texts?: readonly (string | Uint8Array)[];
  readonly shape?: "text" | "documents";
  /** Keep the texts on the host. @default false */
  readonly lazy?: boolean;
  readonly memoryMb?: number;
  readonly call?: HostCall;
  readonly tools?: readonly GuestTool[];
}

export interface Trial extends AsyncDisposable {
  readonly session: SandboxSession;
  /** Every host call that came, in order. */
  readonly calls: { readonly name: string; readonly args: Json }[];
  /** Runs a cell with a generous limit. */
  run(code: string, options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<ExecutionResult>;
  /** Runs a cell that must succeed, and returns what its last expression shows. */
  value(code: string): Promise<string | undefined>;
}

export async function openTrial(sandbox: Sandbox, setup: Setup = {}): Promise<Trial> {
  const closing = new AbortController();
  const calls: { name: string; args: Json }[] = [];
  const texts = (setup.texts ?? ["hello\r\nworld"]).map((text) =>
    typeof text === "string" ? Buffer.from(text) : text,
  );
  const answer = setup.call ?? echoHost(texts);
  const session = await sandbox.open({
    context: {
      shape: setup.shape ?? (texts.length === 1 ? "text" : "documents"),
      documents: texts.map((_, index) => ({
        id: `d${index + 1}`,
        path: `folder/${index + 1}.txt`,
        start: 0,
        characters: undefined,
      })),
      load: setup.lazy ? undefined : async (index) => texts[index] ?? new Uint8Array(),
    },
    call: (name, args, signal) => {
      calls.push({ name, args });
      return answer(name, args, signal);
    },
    limits: { memoryMb: setup.memoryMb ?? 512 },
    ...(setup.tools && { tools: setup.tools }),
    signal: closing.signal,
  });
  const run: Trial["run"] = (code, { timeoutMs = 20_000, signal = closing.signal } = {}) =>
    session.execute(code, { timeoutMs, signal });
  const value: Trial["value"] = async (code) => {
    const result = await run(code);
    if (result.status !== "ok")
      throw new Error(`Expected the cell to succeed, got ${JSON.stringify(result)}\n${code}`);
    return result.value;
  };
  return { session, calls, run, value, [Symbol.asyncDispose]: () => session.close() };
}

/** Answers prompts with themselves; words in capitals make it fail, refuse or hang. */
function echoHost(texts: readonly Uint8Array[]): HostCall {
  const decoded = texts.map((text) => Array.from(Buffer.from(text).toString("utf8")));
  return async (name, args, signal) => {
    const record = isPlainObject(args) ? args : {};
    if (name === "llm_query" || name === "llm_map" || name === "rlm_query") {
      const items = Array.isArray(record["items"]) ? record["items"] : [];
      return { results: await Promise.all(items.map((item: unknown) => echo(item, signal))) };
    }
    const document = decoded[Number(String(record["document"]).slice(1)) - 1] ?? [];
    if (name === "characters") return { characters: document.length };
    if (name === "read")
      return { text: document.slice(Number(record["start"]), Number(record["end"])).join("") };
    if (name === "budget") return { calls: 7, usd: 0.5 };
    throw new Error(`There is no host function "${name}".`);
  };
}

async function echo(item: unknown, signal: AbortSignal): Promise<Json> {
  const { prompt, schema } = isPlainObject(item) ? item : {};
  const text = String(prompt);
  if (text.includes("FAIL")) return { ok: false, code: "timeout", message: "the model did not answer" };
  if (text.includes("SPENT")) throw new BudgetError("calls", "all 7 calls are used", { limit: 7, spent: 7 });
  if (text.includes("HANG"))
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  if (text.includes("SLOW")) await new Promise((resolve) => setTimeout(resolve, 700));
  return schema === undefined ? { ok: true, text: `echo ${text}` } : { ok: true, value: { label: text } };
}

/** All that a cell printed. */
export function printed(result: ExecutionResult): string {
  return result.stdout.head + result.stdout.tail;
}
