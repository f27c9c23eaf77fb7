/** Drives this project through its front door. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEngine, type Model } from "../../../src/index.ts";
import { openaiCompatible } from "../../../src/models/index.ts";
import { drive } from "./harness.ts";
import { base, callLimitMs, cellLimitMs, scene, width, type Peer } from "./scene.ts";

const home = mkdtempSync(join(tmpdir(), "unabridged-peers-home-"));
const sandbox = process.env["PEERS_SANDBOX"] === "native" ? "native" : "wasm";
const model = served("root");
const engine = createEngine({
  model,
  subModel: model,
  home,
  sandbox,
  limits: { concurrency: width, cellTimeoutMs: cellLimitMs, callTimeoutMs: callLimitMs },
});

const fence = "```";
const block = (code: string): string => `${fence}repl\n${code}\n${fence}`;

const peer: Peer = {
  language: "python",
  takesPaths: true,
  async run(query, context, path) {
    const from = path === undefined ? context : { paths: [path] };
    // Neither an answer from before nor a search before the first cell: what is measured is the run.
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
  ownScan: { before: "import re", expression: 'str(len(re.findall(r"ERR-\\d{5}", context)))' },
  async budget(capUsd) {
    // What a child is expected to take is what the server says that it took: about two thousand tokens.
    const priced = served("leaf", { input: 500, output: 0 });
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
    await scene([block(code)], {
      subReply: block("FINAL('x')"),
      usage: { input: 2_000, output: 20, costUsd: 1 },
    });
    const { status, limit } = await own
      .ask({ query: "ROOTMARK", context: "A text." }, { cache: false })
      .result();
    await own.close();
    return `${status}${limit ? ` (${limit.code})` : ""}`;
  },
  async close() {
    await engine.close();
    rmSync(home, { recursive: true, force: true });
  },
};

function served(id: string, price?: { readonly input: number; readonly output: number }): Model {
  return openaiCompatible({
    baseUrl: base,
    id,
    apiKey: "x",
    contextWindow: 128_000,
    ...(price && { price }),
  });
}

await drive(peer);
