/** Drives code-rabi's rllm from npm. */
import { drive } from "./harness.ts";
import { base, type Peer } from "./scene.ts";

interface Rllm {
  createRLLM(options: object): {
    completion(query: string, options: object): Promise<{ answer?: unknown }>;
  };
}

const name: string = "rllm";
const { createRLLM } = (await import(name)) as Rllm;
const options = {
  model: "root",
  provider: "openai",
  apiKey: "x",
  baseUrl: base,
  baseURL: base,
};
const rlm = createRLLM({ ...options, client: options, verbose: false });

const fence = "```";
// Its later turns don't hold the question, so the server knows them by this remark.
const block = (code: string): string => `${fence}repl\n// ROOTMARK\n${code}\n${fence}`;

const peer: Peer = {
  language: "js",
  takesPaths: false,
  async run(query, context) {
    const { answer } = await rlm.completion(query, { context });
    const value =
      typeof answer === "object" && answer !== null && "message" in answer ? answer.message : answer;
    return String(value);
  },
  step: block,
  finish: (expression, before = "") => [block(`${before};\ngiveFinalAnswer({ message: ${expression} })`)],
  fan: (n) => ({
    before: `var answers = await llm_query_batched(Array.from({ length: ${n} }, (_, i) => "SUB " + i))`,
    expression: 'String(answers.filter((a) => a === "yes").length)',
  }),
  scan: { expression: "String((context.match(/ERR-\\d{5}/g) ?? []).length)" },
};

await drive(peer);
