/** A model call whose answer must be JSON of a given schema: asked for, repaired, validated, asked again with the fault. */
import type { ValidateFunction } from "ajv";
import { callModel, type CallOptions } from "./call-model.ts";
import { ConfigError, ModelError, messageOf } from "./errors.ts";
import { canonicalJson, isPlainObject, type Json, type JsonObject } from "./json.ts";
import { assistant, user, type Message } from "./message.ts";
import type { Model, ModelReply } from "./model.ts";
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
  options: JsonCallOptions,
): Promise<Json> {
  const faultOf = await schemaCheck(schema);
  const { attempts = 3, maxOutputTokens } = options;
  const messages: Message[] = [user(`${prompt}\n\n${instruction(schema)}`)];
  // Providers only enforce object schemas; the others are asked for in words.
  const output =
    model.structuredOutputs && schema.type === "object" ? { output: { schema, name: "answer" } } : {};
  for (let attempt = 1; ; attempt++) {
    const request = { messages, ...output, ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }) };
    const reply = await callModel(scope, model, request, options);
    const parsed = await parseReply(reply);
    const fault =
      parsed.type === "invalid"
        ? parsed.fault
        : (faultOf(parsed.value) ?? (await options.check?.(parsed.value)));
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

export interface JsonCallOptions extends CallOptions {
  /** Calls made at most before the last fault is thrown. @default 3 */
  readonly attempts?: number;
  readonly maxOutputTokens?: number;
  /** What else must hold of a value that the schema accepts: the fault as a sentence, or undefined. */
  readonly check?: (value: Json) => string | undefined | Promise<string | undefined>;
}

type Parsed =
  { readonly type: "json"; readonly value: Json } | { readonly type: "invalid"; readonly fault: string };

/** A reply that was cut off is never mended: what is missing from it would be missing unseen. */
export async function parseReply(reply: Pick<ModelReply, "text" | "stopReason">): Promise<Parsed> {
  if (reply.stopReason !== "length") return parseJson(reply.text);
  const whole = readJson(reply.text);
  return whole ?? { type: "invalid", fault: "it was cut off before its end. Be briefer." };
}

/** Reads the JSON value out of a reply: whole, or in a fence, or with the slips that models make. */
export async function parseJson(text: string): Promise<Parsed> {
  const whole = readJson(text);
  if (whole) return whole;
  const body = bodyOf(text);
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

function bodyOf(text: string): string {
  return (/```(?:json)?[ \t]*\n([\s\S]*?)\n?```/.exec(text)?.[1] ?? text).trim();
}

function readJson(text: string): Extract<Parsed, { type: "json" }> | undefined {
  try {
    return { type: "json", value: JSON.parse(bodyOf(text)) as Json };
  } catch {
    return undefined; // Not JSON as it stands: the caller decides what that means.
  }
}

/** A function that says what is wrong with a value by a schema, or undefined. Throws ConfigError where the schema is none. */
export async function schemaCheck(schema: JsonObject): Promise<(value: Json) => string | undefined> {
  let check = checks.get(schema);
  if (!check) {
    const { validate, describe } = await compile(schema);
    check = (value) => (validate(value) ? undefined : describe(validate));
    checks.set(schema, check);
  }
  return check;
}

// By identity first: a job asks for one and the same schema a million times.
const checks = new WeakMap<JsonObject, (value: Json) => string | undefined>();

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
  let text = instructions.get(schema);
  if (text === undefined) {
    text = `Answer with one JSON value and nothing else. It must satisfy this JSON Schema:\n${JSON.stringify(schema)}`;
    instructions.set(schema, text);
  }
  return text;
}

const instructions = new WeakMap<JsonObject, string>();
