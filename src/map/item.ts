/** One item, asked for by itself: prompt → answer → typed result, or again with what was wrong. */
import { callModel } from "../core/call-model.ts";
import { delegate } from "../core/delegate.ts";
import { ModelError } from "../core/errors.ts";
import type { ClaimedUnit } from "../core/job-store.ts";
import type { Json } from "../core/json.ts";
import { user } from "../core/message.ts";
import type { RunScope } from "../core/scope.ts";
import { callForJson, parseJson } from "../core/typed-call.ts";
import { failure, metered, type Asked, type Asking } from "./asking.ts";
import { elect } from "./votes.ts";

/** Throws what keeps the item from being answered: the caller knows whose fault that is. */
export async function askItem(asking: Asking, scope: RunScope, unit: ClaimedUnit): Promise<Asked> {
  const rendered = asking.template.render(unit.item);
  if (rendered.type === "missing") {
    const message = `This item has no field "${rendered.field}", which the prompt uses.`;
    return { unit, outcome: failure("missing_field", message), attempts: 0, costUsd: 0 };
  }
  const { scope: own, meter } = metered(scope);
  const ask = (): Promise<Json> => answer(asking, own, unit.item, rendered.prompt);
  try {
    const { votes } = asking.task;
    const outcome =
      votes === 1
        ? ({ ok: true, result: await ask() } as const)
        : elect(await Promise.all(Array.from({ length: votes }, ask)));
    return { unit, outcome, attempts: meter.attempts, costUsd: meter.costUsd };
  } catch (error) {
    throw new AskingError(error, meter.attempts, meter.costUsd);
  }
}

/** What went wrong, with what it took: the caller records both. */
export class AskingError extends Error {
  readonly attempts: number;
  readonly costUsd: number | null;
  constructor(cause: unknown, attempts: number, costUsd: number | null) {
    super("An item could not be answered.", { cause });
    this.attempts = attempts;
    this.costUsd = costUsd;
  }
}

async function answer(asking: Asking, scope: RunScope, item: Json, prompt: string): Promise<Json> {
  if (asking.agent) return agentAnswer(asking, scope, item, prompt);
  const { model, output, pace } = asking;
  const limit = pace.maxOutputTokens === undefined ? {} : { maxOutputTokens: pace.maxOutputTokens };
  if (output)
    return callForJson(scope, model, prompt, output.schema, {
      ...{ role: "sub", attempts: pace.attempts, signal: scope.signal, check: output.faultOf },
      ...limit,
    });
  const reply = await callModel(
    scope,
    model,
    { messages: [user(prompt)], ...limit },
    { role: "sub", signal: scope.signal },
  );
  if (reply.stopReason === "length")
    throw new ModelError(
      "bad_response",
      `${model.id}'s answer was cut off at its limit of tokens. Ask for less, or allow more.`,
      { retryable: false },
    );
  return reply.text;
}

/** An agent answers in prose or JSON; what does not fit the schema is put into its form by a plain call. */
async function agentAnswer(asking: Asking, scope: RunScope, item: Json, prompt: string): Promise<Json> {
  const { agent, output, model, pace } = asking;
  const budget = delegate(scope.budget);
  const text = (await agent?.({ query: prompt, item, budget, signal: scope.signal })) ?? "";
  if (!output) return text;
  const parsed = await parseJson(text);
  if (parsed.type === "json" && (await output.faultOf(parsed.value)) === undefined) return parsed.value;
  const question = `Below is an answer to the question: ${prompt}\n\nPut what it says into the form asked for, adding nothing.\n\n<answer>\n${text}\n</answer>`;
  return callForJson(scope, model, question, output.schema, {
    ...{ role: "sub", attempts: pace.attempts, signal: scope.signal, check: output.faultOf },
  });
}
