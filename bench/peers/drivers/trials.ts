/** The rows that are tried: faults of the provider, attempts to get out of a cell, a cell without end, REPL semantics, a budget. */
import { base, query, quoted, scene, stats, tell, timed, within, type Peer } from "./scene.ts";

/** What a first run makes ready belongs to the row of overhead, not to these. */
async function warm(peer: Peer): Promise<void> {
  await scene(peer.finish(quoted("ok")));
  await within(
    60_000,
    () => peer.run(query, "A small text."),
    () => "ok",
  );
}

/** A run that goes on would play the replies of the next one. */
function goesOn(outcome: string | undefined): boolean {
  return outcome?.startsWith("no end") === true;
}

const faultKinds = ["429", "500", "broken-json", "empty-choices", "null-content", "reset"] as const;

export async function faults(peer: Peer): Promise<unknown> {
  const outcomes: Record<string, string> = {};
  const run = (): Promise<string> => peer.run(query, "A small text.");
  await warm(peer);
  for (const kind of faultKinds) {
    const times = kind === "429" || kind === "500" ? 2 : 1;
    await scene(peer.finish(quoted("ok")), { fault: { on: "root", kind, times } });
    outcomes[kind] = await within(40_000, run, (answer) =>
      answer.includes("ok") ? "ok" : `wrong: "${answer.slice(0, 40)}"`,
    );
    tell(outcomes);
    if (goesOn(outcomes[kind])) return outcomes;
  }
  const { before, expression } = peer.fan(40);
  await scene(peer.finish(expression, before), {
    subReply: peer.subReply,
    fault: { on: "sub", kind: "500", times: 4 },
  });
  outcomes["sub-calls"] = await within(40_000, run, ofForty);
  return outcomes;
}

/** The call is taken and never answered; a second one would be. */
export async function hang(peer: Peer, on: "root" | "sub"): Promise<unknown> {
  const { before, expression } = peer.fan(40);
  const root = on === "root" ? peer.finish(quoted("ok")) : peer.finish(expression, before);
  await warm(peer);
  await scene(root, { subReply: peer.subReply, fault: { on, kind: "hang", times: 1 } });
  const { ms, value } = await timed(() =>
    within(
      40_000,
      () => peer.run(query, "A small text."),
      on === "root"
        ? (answer) => (answer.includes("ok") ? "ok" : `wrong: "${answer.slice(0, 40)}"`)
        : ofForty,
    ),
  );
  return { outcome: value, ms };
}

function ofForty(answer: string): string {
  if (answer.trim() === "40") return "ok";
  return /^\d+$/.test(answer.trim())
    ? `${answer.trim()} of 40 answered`
    : `wrong: "${answer.replaceAll(/\s+/g, " ").slice(0, 30)}"`;
}

export async function escapes(peer: Peer): Promise<unknown> {
  const probes = peer.language === "js" ? jsProbes : pythonProbes;
  const outcomes: Record<string, string> = {};
  await warm(peer);
  for (const [name, probe] of Object.entries(probes)) {
    await scene(peer.finish(probe.expression, probe.before));
    const said = await within(
      30_000,
      () => peer.run(query, "A small text."),
      (answer) => (/PEERS-SECRET|uid=|\bREACHED\b/.test(answer) ? "escaped" : "held"),
    );
    outcomes[name] = said.startsWith("throws") ? "held" : said;
    tell(outcomes);
    if (goesOn(said)) break;
  }
  return outcomes;
}

interface Cell {
  readonly before: string;
  readonly expression: string;
}

// What is reached for was put there for it: a variable and a file with a made-up secret, `id`, and this run's own server.
const secretFile = process.env["PEERS_FILE"] ?? "";
const port = new URL(base === "" ? "http://x" : base).port || "80";

const reach =
  "(() => { try { return llm_query.constructor('return process')() } catch (e) { return globalThis.process ?? globalThis.constructor.constructor('return process')() } })()";
const jsAttempt = (code: string): Cell => ({
  before: `var p = "none"; try { p = ${code} } catch (e) { p = "no " + e }`,
  expression: "String(p)",
});
const pythonAttempt = (code: string): Cell => ({
  before: `try:\n    ${code}\nexcept BaseException as e:\n    p = "no " + repr(e)`,
  expression: "str(p)",
});

type Probes = Readonly<Record<"environment" | "file" | "shell" | "network", Cell>>;
const jsProbes: Probes = {
  environment: jsAttempt(`${reach}.env.PEERS_SECRET`),
  file: jsAttempt(`${reach}.getBuiltinModule("fs").readFileSync(${quoted(secretFile)}, "utf8")`),
  shell: jsAttempt(`${reach}.getBuiltinModule("child_process").execSync("id").toString()`),
  network: jsAttempt(`${reach}.getBuiltinModule("net").connect(${port}, "127.0.0.1") ? "REACHED" : "no"`),
};
const pythonProbes: Probes = {
  environment: pythonAttempt("import os; p = os.environ.get('PEERS_SECRET', 'none')"),
  file: pythonAttempt(`p = open(${quoted(secretFile)}).read()`),
  shell: pythonAttempt(
    "import subprocess; p = subprocess.run(['id'], capture_output=True, text=True).stdout",
  ),
  network: pythonAttempt(
    `import socket; s = socket.create_connection(("127.0.0.1", ${port}), 2); p = "REACHED"`,
  ),
};

/** Is the host still alive while a cell runs for ever, and does the run come back? */
export async function endlessLoop(peer: Peer): Promise<unknown> {
  await warm(peer);
  await scene([peer.step(endless(peer)), ...peer.finish(quoted("ok"))]);
  let longest = 0;
  let last = performance.now();
  const beat = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 50);
  const outcome = await within(
    30_000,
    () => peer.run(query, "A small text."),
    (answer) => (answer.includes("ok") ? "ok" : `wrong: "${answer.slice(0, 30)}"`),
  );
  clearInterval(beat);
  longest = Math.max(longest, performance.now() - last);
  return { outcome, hostFrozenMs: Math.round(longest) };
}

function endless(peer: Peer): string {
  return peer.language === "js" ? "while (true) {}" : "while True: pass";
}

interface Trial {
  readonly replies: readonly string[];
  readonly context?: string;
  read?(answer: string): string | Promise<string>;
}

/** The last one may never end: what the others showed is told before. */
export async function repl(peer: Peer): Promise<unknown> {
  const outcomes: Record<string, string> = {};
  await warm(peer);
  for (const [name, { replies, context, read }] of Object.entries(trialsOf(peer))) {
    const why = peer.without?.[name];
    if (why !== undefined) {
      outcomes[name] = why;
      continue;
    }
    await scene(replies);
    outcomes[name] = await within(
      30_000,
      () => peer.run(query, context ?? "A small text."),
      read ??
        ((answer) =>
          answer.trim() === "42"
            ? "ok"
            : `"${answer
                .replaceAll(/[\s`]+/g, " ")
                .trim()
                .slice(0, 30)}"`),
    );
    tell(outcomes);
    if (goesOn(outcomes[name])) break;
  }
  return outcomes;
}

function trialsOf(peer: Peer): Readonly<Record<string, Trial>> {
  const isJs = peer.language === "js";
  const text = (expression: string): readonly string[] =>
    peer.finish(isJs ? `String(${expression})` : `str(${expression})`);
  const steps = (js: string, python: string, expression: string): readonly string[] => [
    peer.step(isJs ? js : python),
    ...text(expression),
  ];
  return {
    variable: { replies: steps("var kept = 41", "kept = 41", "kept + 1") },
    function: {
      replies: steps("function twice(x) { return 2 * x }", "def twice(x): return 2 * x", "twice(21)"),
    },
    raised: {
      replies: steps("var before = 42; throw new Error('x')", "before = 42\nraise ValueError('x')", "before"),
    },
    await: {
      replies: steps(
        "var waited = await Promise.resolve(42)",
        "import asyncio\nasync def f(): return 42\nwaited = await f()",
        "waited",
      ),
    },
    crlf: {
      replies: text(
        isJs ? "(typeof inputs === 'object' ? inputs.context : context).length + 36" : "len(context) + 36",
      ),
      context: "a\r\nb\r\n",
    },
    missing: { replies: [...peer.finish("not_there"), ...text("42")] },
    prose: { replies: ["I think that it says nothing much.", ...text("42")] },
    print: {
      replies: steps("console.log('x'.repeat(3e6)); var z = 1", "print('x' * 3_000_000)", "42"),
      async read() {
        const { lastRootBytes } = await stats();
        const size = `${Math.round(lastRootBytes / 1_000)} kB`;
        return lastRootBytes < 100_000 ? `ok, ${size}` : size;
      },
    },
    large: {
      replies: peer.finish(isJs ? "'x'.repeat(5e6)" : "'x' * 5_000_000"),
      read: (answer) => (answer.length === 5_000_000 ? "ok" : `${answer.length} characters`),
    },
    timeout: {
      replies: [
        peer.step(isJs ? "var kept = 41" : "kept = 41"),
        peer.step(endless(peer)),
        ...text("kept + 1"),
      ],
    },
  };
}

export async function budget(peer: Peer): Promise<unknown> {
  if (!peer.budget) return { unsupported: "no limit in dollars" };
  const ended = await peer.budget(1.5);
  const { spentUsd, sub } = await stats();
  return { ended, spentUsd, children: sub };
}
