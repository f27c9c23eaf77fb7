/** Drives recursive-llm-ts from npm: a shell in TypeScript over a binary in Go. */
import { createRequire } from "node:module";
import { drive } from "./harness.ts";
import { base, callLimitMs, type Peer } from "./scene.ts";

interface Rts {
  readonly RLM: new (
    model: string,
    options: object,
  ) => { completion(query: string, context: string): Promise<{ result?: unknown }> };
}

// Its ESM build does not find the binary that was installed with it; its CommonJS build does.
const { RLM } = createRequire(import.meta.url)("recursive-llm-ts") as Rts;
const rlm = new RLM("root", {
  api_key: "x",
  api_base: base,
  max_iterations: 12,
  max_depth: 3,
  ...(callLimitMs !== undefined && { timeout: callLimitMs / 1_000 }),
});

const fence = "```";
const block = (code: string): string => `${fence}javascript\n${code}\n${fence}`;

const peer: Peer = {
  language: "js",
  takesPaths: false,
  without: { missing: "none: an answer is words", large: "none: a model writes the answer" },
  run: async (query, context) => String((await rlm.completion(query, context)).result),
  step: block,
  // It ends with words alone: a value has to be printed first, and then written by the model.
  finish: (expression, before = "") =>
    before === "" && expression.startsWith('"')
      ? [`FINAL(${expression})`]
      : [block(`${before};\nconsole.log('val' + 'ue: "' + (${expression}) + '"')`), 'FINAL("@evidence")'],
  fan: (n) => ({
    before: `var answers = []; for (var i = 0; i < ${n}; i++) answers.push(recursive_llm("SUB " + i, "x"))`,
    expression: 'String(answers.filter(function (a) { return String(a).indexOf("yes") >= 0 }).length)',
  }),
  // A sub-call is a run of its own, which ends with these words alone.
  subReply: 'FINAL("yes")',
  scan: { expression: "String((context.match(/ERR-\\d{5}/g) || []).length)" },
};

await drive(peer);
