/** Asks one question over files, shows each turn as it happens, and stops at a ceiling of cost. */
import { createEngine } from "../src/index.ts";

const [question = "What is this about?", ...paths] = process.argv.slice(2);
const engine = createEngine({ limits: { costUsd: 0.5 } });
try {
  const run = engine.ask({ query: question, context: { paths } });
  for await (const event of run) if (event.type === "turn-start") console.error(`turn ${event.turn}`);
  const { status, answer, citations } = await run.result();
  console.log(status, answer);
  for (const { id, path, line } of citations) console.log(`${id}: ${path ?? "text"}:${line}`);
} finally {
  await engine.close();
}
