/** Asks the same of every record of a file, counts the answers, and asks a question over all of them. */
import { createEngine } from "../src/index.ts";

const [input = "reviews.jsonl"] = process.argv.slice(2);
const engine = createEngine({ limits: { costUsd: 0.5 } });
try {
  const run = engine.map({
    items: { input },
    prompt: "What is this review about, and is it kind? {{text}}",
    output: {
      type: "object",
      properties: { about: { type: "string" }, kind: { type: "boolean" } },
      required: ["about", "kind"],
    },
  });
  for await (const event of run)
    if (event.type === "job-progress") console.error(`${event.done} of ${event.items}`);
  const { jobId } = await run.result();
  console.log(await engine.jobs.countBy(jobId, "kind"));
  const stream = async function* (): AsyncGenerator<string> {
    for await (const { key, outcome } of engine.jobs.results(jobId))
      if (outcome.ok) yield `${key}: ${JSON.stringify(outcome.result)}\n`;
  };
  const asked = engine.ask({ query: "What is praised most?", context: { stream: stream() } });
  console.log((await asked.result()).answer);
} finally {
  await engine.close();
}
