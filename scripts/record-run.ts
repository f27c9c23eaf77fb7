/**
 * Turns a stored run into a recording that tests replay: `node scripts/record-run.ts RUN TARGET.json CONTEXT…`.
 * Reads the store of UNABRIDGED_HOME. Only for runs over text that may be in the repository.
 */
import { writeFile } from "node:fs/promises";
import { asRunId } from "../src/core/ids.ts";
import { sha256 } from "../src/core/json.ts";
import { textOfMessage, type Message } from "../src/core/message.ts";
import type { TraceEvent } from "../src/core/trace.ts";
import { createEngine } from "../src/index.ts";
import type { Recording } from "../test/recordings/recording.ts";

const [run = "", target = "", ...context] = process.argv.slice(2);
if (run === "" || target === "" || context.length === 0) {
  process.stderr.write(
    "Usage: node scripts/record-run.ts RUN TARGET.json CONTEXT…, where a context is data:PATH or fixture:FOLDER\n",
  );
  process.exit(2);
}
const engine = createEngine();
const stored = await engine.runs.get(asRunId(run));
const questions = new Map<string, string>();
const pending = new Map<
  string,
  { readonly role: string; readonly runId: string; readonly messages: readonly Message[] }
>();
const turns: { question: string; reply: string }[] = [];
const subCalls: { prompt: string; reply: string }[] = [];
let depth = 1;
for await (const event of engine.runs.events(stored.id)) take(event);
await engine.close();
if (!stored.end) throw new Error(`${run} has not ended.`);
const recording: Recording = {
  about:
    "Played by hand from the messages alone. It shows that prompts, loop and sandbox lead to the answer, and says nothing of any model.",
  question: stored.query,
  context,
  depth,
  turns,
  subCalls,
  answer: stored.end.answer,
};
await writeFile(target, `${JSON.stringify(recording, null, 2)}\n`);

function take(event: TraceEvent): void {
  if (event.type === "run-start") {
    questions.set(event.runId, event.query);
    depth = Math.max(depth, event.depth + 1);
  }
  if (event.type === "model-start")
    pending.set(event.callId, { role: event.role, runId: event.runId, messages: event.request.messages });
  if (event.type !== "model-end") return;
  const call = pending.get(event.callId);
  if (!call) throw new Error(`${event.callId} ended without a beginning.`);
  if (call.role === "root") turns.push({ question: questions.get(call.runId) ?? "", reply: event.text });
  else subCalls.push({ prompt: sha256(call.messages.map(textOfMessage).join("\n")), reply: event.text });
}
