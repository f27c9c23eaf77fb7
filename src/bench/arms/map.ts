/** Our operator for many records: a plan by one call of the root LM, one small prompt to every line, the answer by SQL over the results. */
import { z } from "zod";
import { callModel } from "../../core/call-model.ts";
import type { Corpus } from "../../core/corpus.ts";
import { user } from "../../core/message.ts";
import type { MapPlan } from "../task.ts";
import type { Arm, Setting } from "./arm.ts";
import { planPrompt } from "./prompts.ts";
import { closing } from "./single-call.ts";

const linesOfPrompt = 50;
const mostShownLines = 20;

export const map: Arm = {
  name: "map",
  about: `a plan by one call, one small prompt to every line (${linesOfPrompt} lines a call), SQL over the results`,
  async run({ context, question }, setting) {
    await using corpus = closing(await setting.openCorpus(context));
    const plan = await planFor(question, corpus.value, setting);
    if (!plan) return { status: "partial", answer: "" };
    const engine = setting.freshEngine();
    const { prompt, fields, sql } = plan;
    const run = engine.map(
      { items: linesIn(corpus.value), prompt, output: schemaOf(fields), batch: linesOfPrompt },
      { signal: setting.signal, limits: setting.limits },
    );
    const result = run.result();
    // The iteration throws the same failure; whichever is awaited first must not leave the other unhandled.
    result.catch(() => {});
    for await (const event of run) setting.watch(event);
    // A map's trace has no events for single calls: there may be millions.
    const { jobId, status, limit, counts, usage, costUsd } = await result;
    setting.addUnseen(usage, costUsd);
    setting.signal.throwIfAborted();
    const { rows } = await engine.jobs.sql(jobId, sql, { signal: setting.signal });
    return {
      status: status === "done" || status === "failed" ? "answered" : "partial",
      answer: rows.map((row) => row.map((value) => String(value ?? "")).join(" ")).join("\n"),
      ...(limit && { limit: limit.code }),
      facts: { rows: counts.rows, failed: counts.failed },
    };
  },
};

const planSchema: z.ZodType<MapPlan> = z.object({
  prompt: z.string().min(1),
  fields: z.record(z.string(), z.enum(["string", "integer", "boolean"])),
  sql: z.string().min(1),
});

/** Undefined where two replies in a row were no plan. */
async function planFor(
  question: string,
  corpus: Corpus,
  { scope, model, signal }: Setting,
): Promise<MapPlan | undefined> {
  const request = { messages: [user(planPrompt(await sampleOf(corpus), question))] };
  for (let attempt = 0; attempt < 2; attempt++) {
    const { text } = await callModel(scope, model, request, { role: "root", signal });
    const plan = planSchema.safeParse(jsonIn(text));
    if (plan.success) return plan.data;
  }
  return undefined;
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1));
  } catch {
    // Not a plan; the model is asked again.
    return undefined;
  }
}

async function sampleOf(corpus: Corpus): Promise<string> {
  const first = corpus.documents[0];
  const last = corpus.documents.at(-1);
  if (!first || !last) return "";
  const size = await corpus.characters(last.id);
  const head = (await corpus.read(first.id, 0, 6_000)).split("\n").slice(0, mostShownLines);
  const tail = (await corpus.read(last.id, Math.max(0, size - 1_500), size)).split("\n").slice(-5);
  return [...head, "…", ...tail].join("\n");
}

/** Every line that is not empty, read by stretches: the whole text is never held. */
async function* linesIn(corpus: Corpus): AsyncGenerator<{ readonly line: string }> {
  const step = 1_000_000;
  for (const { id } of corpus.documents) {
    const characters = await corpus.characters(id);
    let rest = "";
    for (let start = 0; start < characters; start += step) {
      const lines = (rest + (await corpus.read(id, start, Math.min(characters, start + step)))).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line.trim() !== "") yield { line };
    }
    if (rest.trim() !== "") yield { line: rest };
  }
}

function schemaOf(fields: MapPlan["fields"]): {
  type: "object";
  properties: Record<string, { type: string }>;
  required: string[];
  additionalProperties: false;
} {
  const properties = Object.fromEntries(Object.entries(fields).map(([name, type]) => [name, { type }]));
  return { type: "object", properties, required: Object.keys(fields), additionalProperties: false };
}
