/** Drives this project through its front door. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEngine } from "../../../src/index.ts";
import { openaiCompatible } from "../../../src/models/index.ts";
import { drive, setScene, type Peer } from "./harness.ts";

const base = process.env["PEERS_BASE"] ?? "";
const home = mkdtempSync(join(tmpdir(), "unabridged-peers-"));
const sandbox = process.env["PEERS_SANDBOX"] === "native" ? "native" : "wasm";
const model = openaiCompatible({ baseUrl: base, id: "root", apiKey: "x", contextWindow: 128_000 });
const engine = createEngine({
  model,
  subModel: model,
  home,
  sandbox,
  limits: { concurrency: 16, cellTimeoutMs: 10_000 },
});

const fence = "```";
const block = (code: string): string => `${fence}repl\n${code}\n${fence}`;

const peer: Peer = {
  language: "python",
  takesPaths: true,
  async run(query, context, { path }) {
    const from = path === undefined ? context : { paths: [path] };
    const { answer } = await engine.ask({ query, context: from }, { cache: false, phase0: false }).result();
    return answer;
  },
  step: block,
  finish: (expression, before = "") => [block(`${before}\nFINAL(${expression})`)],
  fan: (n) => ({
    before: `answers = llm_query_batched([f"SUB {i}" for i in range(${n})])`,
    expression: 'str(sum(1 for a in answers if a == "yes"))',
  }),
  scan: { expression: 'str(grep(r"ERR-\\d{5}", limit=1).total)' },
  async budget(capUsd) {
    const priced = openaiCompatible({
      baseUrl: base,
      id: "leaf",
      apiKey: "x",
      contextWindow: 128_000,
      price: { input: 10_000, output: 0 },
    });
    const own = createEngine({
      model,
      subModel: priced,
      modelsByDepth: [priced],
      home,
      sandbox,
      limits: { depth: 2, costUsd: capUsd },
    });
    const code =
      'rs = rlm_query_batched([f"child {i}" for i in range(8)], contexts=["x" * 50_000] * 8)\nFINAL("done")';
    await setScene([block(code)], {
      subReply: block("FINAL('x')"),
      usage: { input: 100, output: 20, costUsd: 1 },
    });
    const { status, limit } = await own
      .ask({ query: "ROOTMARK", context: "A text." }, { cache: false })
      .result();
    await own.close();
    return `${status}${limit ? ` (${limit.code})` : ""}`;
  },
  close: () => engine.close(),
};

await drive(peer);
