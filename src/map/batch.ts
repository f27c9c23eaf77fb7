/** Several items in one prompt: each with an id that must come back exactly once; only what is missing is asked again. */
import { callModel } from "../core/call-model.ts";
import { ModelError } from "../core/errors.ts";
import type { ClaimedUnit } from "../core/job-store.ts";
import { isPlainObject, type Json, type JsonObject } from "../core/json.ts";
import { user } from "../core/message.ts";
import type { RunScope } from "../core/scope.ts";
import { parseReply } from "../core/typed-call.ts";
import { failure, metered, type Asked, type Asking } from "./asking.ts";
import { AskingError } from "./item.ts";
import type { Output } from "./output-schema.ts";
import { fieldOf } from "./template.ts";
import { elect, shuffled } from "./votes.ts";

/** Throws what keeps the whole batch from being answered. */
export async function askBatch(
  asking: Asking & { readonly output: Output },
  scope: RunScope,
  units: readonly ClaimedUnit[],
): Promise<readonly Asked[]> {
  const { scope: own, meter } = metered(scope);
  const usable = units.filter(({ item }) => asking.template.render(item).type === "prompt");
  try {
    const rounds = await Promise.all(
      Array.from({ length: asking.task.votes }, (_, vote) => answerAll(asking, own, shuffled(usable, vote))),
    );
    const share = meter.costUsd === null ? null : meter.costUsd / Math.max(1, usable.length);
    return units.map((unit) => {
      const rendered = asking.template.render(unit.item);
      if (rendered.type === "missing") {
        const message = `This item has no field "${rendered.field}", which the prompt uses.`;
        return { unit, outcome: failure("missing_field", message), attempts: 0, costUsd: 0 };
      }
      return { unit, costUsd: share, ...tally(rounds.flatMap((round) => round.get(unit.unit) ?? [])) };
    });
  } catch (error) {
    throw new AskingError(error, meter.attempts, meter.costUsd);
  }
}

type BatchAnswer = { readonly attempts: number } & (
  { readonly value: Json } | { readonly fault: string; readonly code: string }
);

/** A vote that failed is no vote; where all failed, the item has. */
function tally(answers: readonly BatchAnswer[]): Pick<Asked, "outcome" | "attempts"> {
  const attempts = answers.reduce((sum, answer) => sum + answer.attempts, 0);
  const values = answers.flatMap((answer) => ("value" in answer ? [answer.value] : []));
  const failed = answers.find((answer) => "fault" in answer);
  if (values.length === 0)
    return {
      attempts,
      outcome: failure(failed?.code ?? "bad_response", failed?.fault ?? "There was no answer."),
    };
  if (answers.length === 1) return { attempts, outcome: { ok: true, result: values[0] ?? null } };
  const elected = elect(values);
  return {
    attempts,
    outcome: { ...elected, agreement: ((elected.agreement ?? 1) * values.length) / answers.length },
  };
}

async function answerAll(
  asking: Asking & { readonly output: Output },
  scope: RunScope,
  units: readonly ClaimedUnit[],
): Promise<Map<number, BatchAnswer>> {
  const answers = new Map<number, BatchAnswer>();
  const faults = new Map<number, string>();
  let open = units;
  for (let attempt = 1; open.length > 0 && attempt <= asking.pace.attempts; attempt++) {
    const asked = open;
    let reply: Awaited<ReturnType<typeof callModel>>;
    try {
      reply = await send(asking, scope, asked, faults);
    } catch (error) {
      if (!(error instanceof ModelError) || error.code !== "context_overflow") throw error;
      const [only, another] = asked;
      if (only && !another)
        return answers.set(only.unit, { attempts: attempt, fault: error.message, code: error.code });
      const half = Math.ceil(asked.length / 2);
      const halves = [asked.slice(0, half), asked.slice(half)];
      for (const part of await Promise.all(halves.map((half) => answerAll(asking, scope, half))))
        for (const [unit, answer] of part) answers.set(unit, answer);
      return answers;
    }
    const read = await readBatch(reply, asked.length, asking.output);
    for (const [index, { unit }] of asked.entries()) {
      const result = read[index] ?? { fault: "it was not in the answer." };
      if ("value" in result) answers.set(unit, { attempts: attempt, value: result.value });
      else faults.set(unit, result.fault);
    }
    open = asked.filter(({ unit }) => !answers.has(unit));
  }
  for (const { unit } of open) {
    const fault = `No valid answer in ${asking.pace.attempts} attempts: ${faults.get(unit) ?? ""}`;
    answers.set(unit, { attempts: asking.pace.attempts, fault, code: "bad_response" });
  }
  return answers;
}

function send(
  asking: Asking & { readonly output: Output },
  scope: RunScope,
  units: readonly ClaimedUnit[],
  faults: ReadonlyMap<number, string>,
): ReturnType<typeof callModel> {
  const { model, pace, output } = asking;
  const schema = batchSchema(output.schema);
  const request = {
    messages: [user(batchPrompt(asking, units, faults, schema))],
    ...(model.structuredOutputs ? { output: { schema, name: "answers" } } : {}),
    ...(pace.maxOutputTokens === undefined ? {} : { maxOutputTokens: pace.maxOutputTokens * units.length }),
  };
  return callModel(scope, model, request, { role: "sub", signal: scope.signal });
}

/** The instructions once, then the items; ids are the places in this very prompt, from 1. */
export function batchPrompt(
  { template }: Pick<Asking, "template">,
  units: readonly ClaimedUnit[],
  faults: ReadonlyMap<number, string>,
  schema: JsonObject,
): string {
  const lines = units.map(({ item }, index) =>
    JSON.stringify({ id: index + 1, ...shown(template.fields, item) }),
  );
  const wrong = units.flatMap(({ unit }, index) => {
    const fault = faults.get(unit);
    return fault === undefined ? [] : [`- id ${index + 1}: ${fault}`];
  });
  return [
    `Carry out the instructions below for each of ${units.length} items, each on its own: what one says has no bearing on another.`,
    `<instructions>\n${template.text}\n</instructions>`,
    ...(template.text.includes("{{")
      ? ["In the instructions, a name in double braces stands for that field of the item."]
      : []),
    `<items>\n${lines.join("\n")}\n</items>`,
    ...(wrong.length === 0 ? [] : [`Earlier answers for these ids were not valid:\n${wrong.join("\n")}`]),
    `Answer with one JSON value and nothing else. Have each id from 1 to ${units.length} in it exactly once. It must satisfy this JSON Schema:\n${JSON.stringify(schema)}`,
  ].join("\n\n");
}

function shown(fields: readonly string[], item: Json): JsonObject {
  if (fields.includes("item")) return { item };
  return Object.fromEntries(fields.map((field) => [field, fieldOf(item, field) ?? null]));
}

/** The schema of one result, in a list of them. Its own definitions move to the root, where its references look. */
export function batchSchema(schema: JsonObject): JsonObject {
  const { $defs, definitions, $schema: _dialect, ...result } = schema;
  const entry = {
    type: "object",
    properties: { id: { type: "integer" }, result },
    required: ["id", "result"],
    additionalProperties: false,
  };
  return {
    type: "object",
    properties: { results: { type: "array", items: entry } },
    required: ["results"],
    additionalProperties: false,
    ...($defs === undefined ? {} : { $defs }),
    ...(definitions === undefined ? {} : { definitions }),
  };
}

type Read = { readonly value: Json } | { readonly fault: string };

/** What a reply says of each item, by its place. */
async function readBatch(
  reply: Parameters<typeof parseReply>[0],
  items: number,
  output: Output,
): Promise<readonly Read[]> {
  const parsed = await parseReply(reply);
  const none = (fault: string): readonly Read[] => Array.from({ length: items }, () => ({ fault }));
  if (parsed.type === "invalid") return none(`The whole answer was not valid: ${parsed.fault}`);
  const list = Array.isArray(parsed.value)
    ? parsed.value
    : isPlainObject(parsed.value)
      ? parsed.value["results"]
      : undefined;
  if (!Array.isArray(list)) return none('The whole answer was not valid: it has no list "results".');
  const byId = new Map<number, Json[]>();
  for (const entry of list) {
    // Models write ids as texts now and then.
    const id = isPlainObject(entry) ? Number(entry["id"]) : Number.NaN;
    if (isPlainObject(entry)) byId.set(id, [...(byId.get(id) ?? []), (entry["result"] ?? null) as Json]);
  }
  return Promise.all(
    Array.from({ length: items }, async (_, index): Promise<Read> => {
      const [value, ...more] = byId.get(index + 1) ?? [];
      if (value === undefined) return { fault: "it was not in the answer." };
      if (more.length > 0) return { fault: `it was in the answer ${more.length + 1} times.` };
      const fault = await output.faultOf(value);
      return fault === undefined ? { value } : { fault };
    }),
  );
}
