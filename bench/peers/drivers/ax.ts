/** Drives AxAgent of @ax-llm/ax from npm: a distiller that runs code, then a responder. */
import { drive } from "./harness.ts";
import { base, callLimitMs, cellLimitMs, width, type Peer } from "./scene.ts";

interface Ax {
  ai(options: object): unknown;
  axCreateJSRuntime(options: object): unknown;
  agent(
    signature: string,
    options: object,
  ): { forward(ai: unknown, values: object): Promise<{ answer?: unknown }> };
}

const name: string = "@ax-llm/ax";
const { ai, agent, axCreateJSRuntime } = (await import(name)) as Ax;
const llm = ai({
  name: "openai",
  apiKey: "x",
  apiURL: base,
  config: { model: "gpt-4o-mini", stream: false },
  ...(callLimitMs !== undefined && { options: { timeout: callLimitMs } }),
});
const one = agent("context:string, query:string -> answer:string", {
  contextFields: ["context"],
  maxSubAgentCalls: 10_000,
  maxBatchedLlmQueryConcurrency: width,
  maxTurns: 12,
  ...(cellLimitMs !== undefined && { runtime: axCreateJSRuntime({ timeout: cellLimitMs }) }),
});

const peer: Peer = {
  language: "js",
  takesPaths: false,
  lastWhen: "### Context variables that were analyzed",
  without: { large: "none: a model writes the answer" },
  run: async (query, context) => String((await one.forward(llm, { context, query })).answer),
  step: (code) => `Javascript Code: ${code}; console.log("done")`,
  // The responder writes the answer from evidence, so what a cell computed is told by a second reply that repeats it.
  // A stage that was lost to a fault is followed by one in which the same is said by another name.
  finish: (expression, before = "") => [
    `Javascript Code: ${before};
const handed = ["Answer with the evidence", { value: ${expression} }];
try { await respond(...handed) } catch (error) { if (!String(error).includes("only available")) throw error; await final(...handed) }`,
    "Answer: @evidence",
  ],
  fan: (n) => ({
    before: `var answers = await llmQuery(Array.from({ length: ${n} }, (_, i) => ({ query: "SUB " + i, context: "x" })))`,
    expression: 'String(answers.filter((a) => String(a).includes("yes")).length)',
  }),
  scan: { expression: "String((inputs.context.match(/ERR-\\d{5}/g) ?? []).length)" },
};

await drive(peer);
