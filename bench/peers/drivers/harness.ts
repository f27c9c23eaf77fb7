/**
 * What every driver in JavaScript does with its peer, row by row: sets the scene at the server, runs, and prints one JSON object. It
 * knows a peer only by the functions of `Peer`. Copied beside the peer's packages and run there, so it imports nothing but Node.
 */
import { readdirSync, readFileSync } from "node:fs";

export interface Peer {
  readonly language: "js" | "python";
  /** Runs one question to its end. `path` is the file that the text is from, for a peer that takes files. */
  run(query: string, context: string, options: RunOptions): Promise<string>;
  /** Root replies that run a cell and go on. */
  step(code: string): string;
  /** Root replies that end a run with the value of an expression, after the cell that computes it. */
  finish(expression: string, before?: string): readonly string[];
  /** An expression: how many of n prompts to a sub-LM, sent together, were answered "yes". Undefined where there are no sub-calls. */
  fan?(n: number): { readonly before: string; readonly expression: string };
  /** What the server answers to sub-calls, where plain words don't end them. @default "yes" */
  readonly subReply?: string;
  /** An expression that counts ERR- and five digits in the context. */
  readonly scan: { readonly before?: string; readonly expression: string };
  /** False where a run must be given the text and not a path. */
  readonly takesPaths: boolean;
  /** For peers with a limit in dollars: eight children of one dollar each. @returns how it ended */
  budget?(capUsd: number): Promise<string>;
  close?(): Promise<void>;
}

export interface RunOptions {
  readonly path?: string;
  readonly concurrency?: number;
}

const base = process.env["PEERS_BASE"] ?? "";
const [, , row = "", ...args] = process.argv;

export async function drive(peer: Peer): Promise<void> {
  const rows: Record<string, () => Promise<unknown>> = {
    overhead: () => overhead(peer),
    fan: () => fanOut(peer, 200, 50),
    host: () => fanOut(peer, Number(args[0] ?? 1_000), 0),
    scan: () => scan(peer, args[0] ?? ""),
    noop: () => noop(peer, args[0] ?? ""),
    faults: () => faults(peer),
    escapes: () => escapes(peer),
    loop: () => endlessLoop(peer),
    repl: () => repl(peer),
    budget: () => budget(peer),
  };
  const act = rows[row];
  if (!act) throw new Error(`There is no row "${row}".`);
  try {
    print(await act());
  } catch (error) {
    print({ error: String(error instanceof Error ? error.message : error).slice(0, 500) });
  }
  await Promise.race([peer.close?.(), new Promise((resolve) => setTimeout(resolve, 3_000))]);
  process.exit(0);
}

function print(value: unknown): void {
  process.stdout.write(`\n@@${JSON.stringify(value)}\n`);
}

const query = "ROOTMARK: what does the text say?";

async function scene(root: readonly string[], more: object = {}): Promise<void> {
  await fetch(`${base}/control`, { method: "POST", body: JSON.stringify({ root, ...more }) });
}

interface Stats {
  readonly root: number;
  readonly sub: number;
  readonly maxInFlight: number;
  readonly subBytes: number;
  readonly spentUsd: number;
}

async function stats(): Promise<Stats> {
  return (await (await fetch(`${base}/stats`)).json()) as Stats;
}

/** A run that answers at once, less the same calls made with bare fetch, turn about. */
async function overhead(peer: Peer): Promise<unknown> {
  const context = "A line of a text that is of no interest at all.\n".repeat(460);
  await scene(peer.finish(quoted("ok")));
  const first = await timed(() => peer.run(query, context, {}));
  const { root } = await stats();
  const measure = async (times: number, pauseMs: number): Promise<{ runMs: number; bareMs: number }> => {
    const runs: number[] = [];
    const bare: number[] = [];
    for (let i = 0; i < times; i++) {
      await scene(peer.finish(quoted("ok")));
      // A person's questions do not follow each other at once: what is made ready in between counts, too.
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      runs.push((await timed(() => peer.run(query, context, {}))).ms);
      bare.push((await timed(() => bareCalls(root))).ms);
    }
    return { runMs: median(runs), bareMs: median(bare) };
  };
  const spaced = await measure(9, 1_000);
  const dense = await measure(15, 0);
  return { firstMs: first.ms, answer: first.value, rootCalls: root, spaced, dense };
}

async function bareCalls(count: number): Promise<void> {
  const messages = [{ role: "user", content: query }];
  for (let i = 0; i < count; i++) {
    const response = await fetch(`${base}/chat/completions`, {
      method: "POST",
      body: JSON.stringify({ model: "root", messages }),
    });
    await response.json();
  }
}

async function fanOut(peer: Peer, n: number, subDelayMs: number): Promise<unknown> {
  if (!peer.fan) return { unsupported: "no sub-calls" };
  const { before, expression } = peer.fan(n);
  await scene(peer.finish(quoted("ok")));
  await peer.run(query, "warm", { concurrency: 16 });
  await scene(peer.finish(expression, before), { subDelayMs, subReply: peer.subReply });
  const cpuBefore = treeCpuMs();
  const { ms, value } = await timed(() => peer.run(query, "A small text.", { concurrency: 16 }));
  const cpuMs = treeCpuMs() - cpuBefore;
  return { ms, cpuMs, answer: value, ...(await stats()), asked: n };
}

async function scan(peer: Peer, path: string): Promise<unknown> {
  const { before, expression } = peer.scan;
  await scene(peer.finish(quoted("ok")));
  await peer.run(query, "warm", {});
  await scene(peer.finish(expression, before));
  const memory = watchMemory();
  const { ms, value } = await timed(async () =>
    peer.run(query, peer.takesPaths ? "" : readFileSync(path, "utf8"), { path }),
  );
  return { ms, answer: value, peakMb: memory() };
}

/** What one more cell costs that does nothing, while the text is held. */
async function noop(peer: Peer, path: string): Promise<unknown> {
  const runWith = async (cells: number): Promise<number> => {
    const steps = Array.from({ length: cells }, (_, index) =>
      peer.step(peer.language === "js" ? `var z${index} = 1` : `z${index} = 1`),
    );
    await scene([...steps, ...peer.finish(quoted("ok"))]);
    return (
      await timed(async () => peer.run(query, peer.takesPaths ? "" : readFileSync(path, "utf8"), { path }))
    ).ms;
  };
  const one = await runWith(1);
  const five = await runWith(5);
  return { perCellMs: Math.max(0, (five - one) / 4), oneMs: one };
}

const faultKinds = ["429", "500", "broken-json", "empty-choices", "null-content", "reset"] as const;

async function faults(peer: Peer): Promise<unknown> {
  const outcomes: Record<string, string> = {};
  for (const kind of faultKinds) {
    await scene(peer.finish(quoted("ok")), {
      fault: { on: "root", kind, times: kind === "429" || kind === "500" ? 2 : 1 },
    });
    outcomes[kind] = await within(
      20_000,
      () => peer.run(query, "A small text.", {}),
      (answer) => (answer.includes("ok") ? "ok" : `wrong: ${answer.slice(0, 40)}`),
    );
  }
  if (peer.fan) {
    const { before, expression } = peer.fan(40);
    await scene(peer.finish(expression, before), {
      subReply: peer.subReply,
      fault: { on: "sub", kind: "500", times: 4 },
    });
    outcomes["4 of 40 sub-calls fail once"] = await within(
      30_000,
      () => peer.run(query, "A small text.", {}),
      (answer) => `${answer.slice(0, 20)} answered`,
    );
  }
  return outcomes;
}

async function escapes(peer: Peer): Promise<unknown> {
  const { environment, file, shell, network } = peer.language === "js" ? jsProbes : pythonProbes;
  const outcomes: Record<string, string> = {};
  for (const [name, probe] of Object.entries({ environment, file, shell, network })) {
    await scene(peer.finish(probe.expression, probe.before));
    outcomes[name] = await within(
      20_000,
      () => peer.run(query, "A small text.", {}),
      (answer) => (/PEERS-SECRET|uid=|\bREACHED\b/.test(answer) ? "escaped" : "held"),
    );
    if (outcomes[name]?.startsWith("error")) outcomes[name] = "held";
  }
  return outcomes;
}

interface Probe {
  readonly before: string;
  readonly expression: string;
}

const secretFile = process.env["PEERS_FILE"] ?? "";

const reach =
  "(() => { try { return llm_query.constructor('return process')() } catch (e) { return globalThis.process ?? globalThis.constructor.constructor('return process')() } })()";
const jsProbes: Record<"environment" | "file" | "shell" | "network", Probe> = {
  environment: {
    before: `var p = "none"; try { p = ${reach}.env.PEERS_SECRET } catch (e) { p = "no " + e }`,
    expression: "String(p)",
  },
  file: {
    before: `var p = "none"; try { p = ${reach}.getBuiltinModule("fs").readFileSync(${JSON.stringify(secretFile)}, "utf8") } catch (e) { p = "no " + e }`,
    expression: "String(p)",
  },
  shell: {
    before: `var p = "none"; try { p = ${reach}.getBuiltinModule("child_process").execSync("id").toString() } catch (e) { p = "no " + e }`,
    expression: "String(p)",
  },
  network: {
    before: `var p = "none"; try { p = ${reach}.getBuiltinModule("net") ? "REACHED" : "no" } catch (e) { p = "no " + e }`,
    expression: "String(p)",
  },
};

const attempt = (code: string): Probe => ({
  before: `try:\n    ${code}\nexcept BaseException as e:\n    p = "no " + repr(e)`,
  expression: "str(p)",
});
const pythonProbes: typeof jsProbes = {
  environment: attempt("import os; p = os.environ.get('PEERS_SECRET', 'none')"),
  file: attempt(`p = open(${JSON.stringify(secretFile)}).read()`),
  shell: attempt("import subprocess; p = subprocess.run(['id'], capture_output=True, text=True).stdout"),
  network: attempt(
    `import socket; s = socket.create_connection(("127.0.0.1", ${new URL(base || "http://x").port || 80}), 2); p = "REACHED"`,
  ),
};

/** Is the host still alive while a cell runs for ever, and does the run come back within the minute? */
async function endlessLoop(peer: Peer): Promise<unknown> {
  await scene([
    peer.step(peer.language === "js" ? "while (true) {}" : "while True: pass"),
    ...peer.finish(quoted("ok")),
  ]);
  let longest = 0;
  let last = performance.now();
  const beat = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 50);
  const outcome = await within(
    40_000,
    () => peer.run(query, "A small text.", {}),
    (answer) => `came back: ${answer.slice(0, 20)}`,
  );
  clearInterval(beat);
  longest = Math.max(longest, performance.now() - last);
  return { outcome, hostFrozenMs: Math.round(longest) };
}

async function repl(peer: Peer): Promise<unknown> {
  const isJs = peer.language === "js";
  const tests: Record<
    string,
    {
      readonly steps: readonly string[];
      readonly expression: string;
      readonly expected: string;
      readonly context?: string;
    }
  > = {
    "a variable stays to the next turn": {
      steps: [isJs ? "var kept = 41" : "kept = 41"],
      expression: isJs ? "String(kept + 1)" : "str(kept + 1)",
      expected: "42",
    },
    "a function stays": {
      steps: [isJs ? "function twice(x) { return 2 * x }" : "def twice(x): return 2 * x"],
      expression: isJs ? "String(twice(21))" : "str(twice(21))",
      expected: "42",
    },
    "what came before an error stays": {
      steps: [isJs ? "var before = 42; throw new Error('x')" : "before = 42\nraise ValueError('x')"],
      expression: isJs ? "String(before)" : "str(before)",
      expected: "42",
    },
    "await at the top": {
      steps: [
        isJs
          ? "var waited = await Promise.resolve(42)"
          : "import asyncio\nasync def f(): return 42\nwaited = await f()",
      ],
      expression: isJs ? "String(waited)" : "str(waited)",
      expected: "42",
    },
    "CRLF stays CRLF": {
      steps: [isJs ? "var n = 0" : "n = 0"],
      expression: isJs
        ? "String((typeof inputs === 'object' ? inputs.context : context).length)"
        : "str(len(context))",
      expected: "6",
      context: "a\r\nb\r\n",
    },
  };
  const outcomes: Record<string, string> = {};
  for (const [name, { steps, expression, expected, context }] of Object.entries(tests)) {
    await scene([...steps.map((code) => peer.step(code)), ...peer.finish(expression)]);
    outcomes[name] = await within(
      20_000,
      () => peer.run(query, context ?? "A small text.", {}),
      (answer) => (answer.trim() === expected ? "ok" : `"${answer.slice(0, 40)}"`),
    );
  }
  return outcomes;
}

async function budget(peer: Peer): Promise<unknown> {
  if (!peer.budget) return { unsupported: "no limit in dollars" };
  const ended = await peer.budget(1.5);
  return { ended, spentUsd: (await stats()).spentUsd };
}

export async function setScene(root: readonly string[], more: object): Promise<void> {
  await scene(root, more);
}

export function quoted(text: string): string {
  return JSON.stringify(text);
}

async function timed<Value>(act: () => Promise<Value>): Promise<{ ms: number; value: Value }> {
  const start = performance.now();
  const value = await act();
  return { ms: performance.now() - start, value };
}

async function within(
  ms: number,
  act: () => Promise<string>,
  read: (answer: string) => string,
): Promise<string> {
  const late = new Promise<string>((resolve) =>
    setTimeout(() => resolve(`still running after ${ms / 1_000} s`), ms).unref(),
  );
  return Promise.race([
    act().then(
      read,
      (error: unknown) => `error: ${String(error instanceof Error ? error.message : error).slice(0, 60)}`,
    ),
    late,
  ]);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** Processes of this tree: a peer may do its work in children. */
function tree(): { pid: number; stat: string[] }[] {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        return [
          {
            pid: Number(name),
            stat: readFileSync(`/proc/${name}/stat`, "utf8")
              .replace(/^.*\) /s, "")
              .split(" "),
          },
        ];
      } catch {
        // It ended in between.
        return [];
      }
    });
  const inTree = new Set([process.pid]);
  for (let grown = true; grown;) {
    grown = false;
    for (const { pid, stat } of all)
      if (!inTree.has(pid) && inTree.has(Number(stat[1]))) grown = inTree.add(pid).has(pid);
  }
  return all.filter(({ pid }) => inTree.has(pid));
}

/** Of living members and of those that were waited for, in milliseconds; a tick of Linux is ten. */
function treeCpuMs(): number {
  return (
    tree().reduce(
      (sum, { stat }) => sum + [11, 12, 13, 14].reduce((own, at) => own + Number(stat[at]), 0),
      0,
    ) * 10
  );
}

function watchMemory(): () => number {
  let peak = 0;
  const sample = (): void => {
    const pages = tree().reduce((sum, { stat }) => sum + Number(stat[21]), 0);
    peak = Math.max(peak, (pages * 4_096) / 2 ** 20);
  };
  sample();
  const timer = setInterval(sample, 100);
  return () => {
    clearInterval(timer);
    sample();
    return Math.round(peak);
  };
}
