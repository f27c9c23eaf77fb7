/** A model call whose answer must be JSON of a given schema: asked for, repaired, validated, asked again with the fault. */
import type { ValidateFunction } from "ajv";
import { callModel, type CallOptions } from "./call-model.ts";
import { ConfigError, ModelError, messageOf } from "./errors.ts";
import { canonicalJson, isPlainObject, type Json, type JsonObject } from "./json.ts";
import { assistant, user, type Message } from "./message.ts";
import type { Model } from "./model.ts";
import type { RunScope } from "./scope.ts";

/**
 * Resolves to a value that the schema accepts. Throws ModelError "bad_response" with the last fault once `attempts` are used
 * up, ConfigError where the schema is none, and whatever callModel throws.
 */
export async function callForJson(
  scope: RunScope,
  model: Model,
  prompt: string,
  schema: JsonObject,
  options: CallOptions & { readonly attempts?: number },
): Promise<Json> {
  const { validate, describe } = await compile(schema);
  const { attempts = 3 } = options;
  const messages: Message[] = [user(`${prompt}\n\n${instruction(schema)}`)];
  // Providers only enforce object schemas; the others are asked for in words.
  const output =
    model.structuredOutputs && schema.type === "object" ? { output: { schema, name: "answer" } } : {};
  for (let attempt = 1; ; attempt++) {
    const reply = await callModel(scope, model, { messages, ...output }, options);
    const parsed = await parseJson(reply.text);
    const fault =
      parsed.type === "invalid" ? parsed.fault : validate(parsed.value) ? undefined : describe(validate);
    if (fault === undefined && parsed.type === "json") return parsed.value;
    if (attempt >= attempts)
      throw new ModelError(
        "bad_response",
        `${model.id} gave no valid answer in ${attempts} attempts: ${fault ?? ""}`,
        { retryable: false },
      );
    messages.push(
      assistant(reply.text),
      user(`That is not valid: ${fault ?? ""} Answer again with the corrected JSON value and nothing else.`),
    );
  }
}

/** Reads the JSON value out of a reply: whole, or in a fence, or with the slips that models make. */
export async function parseJson(
  text: string,
): Promise<{ type: "json"; value: Json } | { type: "invalid"; fault: string }> {
  const body = (/```(?:json)?[ \t]*\n([\s\S]*?)\n?```/.exec(text)?.[1] ?? text).trim();
  try {
    return { type: "json", value: JSON.parse(body) as Json };
  } catch {
    // Not JSON as it stands: the repair below decides.
  }
  const start = body.search(/[[{"]|-?\d|true|false|null/);
  if (start < 0) return { type: "invalid", fault: "it holds no JSON value." };
  const { jsonrepair } = await import("jsonrepair");
  try {
    const value = JSON.parse(jsonrepair(body.slice(start))) as Json;
    // The repair turns bare prose into a string; that was no attempt at JSON.
    if (typeof value === "string" && !body.startsWith('"'))
      return { type: "invalid", fault: "it holds no JSON value." };
    return { type: "json", value };
  } catch (error) {
    return { type: "invalid", fault: `it can't be read as JSON (${messageOf(error)}).` };
  }
}

interface Compiled {
  readonly validate: ValidateFunction;
  readonly describe: (validate: ValidateFunction) => string;
}

const compiled = new Map<string, Compiled>();

async function compile(schema: JsonObject): Promise<Compiled> {
  const key = canonicalJson(schema);
  const known = compiled.get(key);
  if (known) return known;
  if (!isPlainObject(schema))
    throw new ConfigError("invalid_input", "Expected a JSON Schema to be an object.");
  const { Ajv2020 } = await import("ajv/dist/2020.js");
  const ajv = new Ajv2020({ allErrors: true, strict: false, validateFormats: false });
  // The dialect that a schema names may be one that Ajv was not told of; its keywords are what counts.
  const { $schema: _dialect, ...keywords } = schema;
  let validate: ValidateFunction;
  try {
    validate = ajv.compile(keywords);
  } catch (error) {
    throw new ConfigError("invalid_input", `This is not a valid JSON Schema: ${messageOf(error)}.`, {
      cause: error,
    });
  }
  const result = {
    validate,
    describe: ({ errors }: ValidateFunction) =>
      `${ajv.errorsText(errors, { dataVar: "value", separator: "; " })}.`,
  };
  if (compiled.size > 100) compiled.clear();
  compiled.set(key, result);
  return result;
}

function instruction(schema: JsonObject): string {
  return `Answer with one JSON value and nothing else. It must satisfy this JSON Schema:\n${JSON.stringify(schema)}`;
}
