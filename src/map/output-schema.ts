/** What results must be: a JSON Schema, or any Standard Schema (zod and its like), made into one thing to ask by. */
import { ConfigError } from "../core/errors.ts";
import { isPlainObject, type Json, type JsonObject } from "../core/json.ts";
import { schemaCheck } from "../core/typed-call.ts";

/** The part of Standard Schema (version 1, with its JSON Schema extension) that is used here: https://standardschema.dev */
export interface StandardSchema<Output = unknown> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly jsonSchema?: {
      readonly output: (options: { target: "draft-2020-12" }) => Record<string, unknown>;
    };
  };
}

type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | {
      readonly issues: readonly {
        readonly message: string;
        readonly path?: readonly unknown[] | undefined;
      }[];
    };

export type OutputSchema = JsonObject | StandardSchema;

export interface Output {
  readonly schema: JsonObject;
  /** What is wrong with a value, as a sentence for the model; undefined where nothing is. */
  faultOf(value: Json): Promise<string | undefined>;
}

/** Throws ConfigError where the schema is none. */
export async function outputOf(given: OutputSchema): Promise<Output> {
  if (!isPlainObject(given) && typeof given !== "function")
    throw new ConfigError(
      "invalid_input",
      `Expected the output's schema to be a JSON Schema object, got ${JSON.stringify(given)}.`,
    );
  if (!isStandard(given)) {
    const check = await schemaCheck(given);
    return { schema: given, faultOf: async (value) => check(value) };
  }
  const standard = given["~standard"];
  if (!standard.jsonSchema)
    throw new ConfigError(
      "invalid_input",
      `A schema of "${standard.vendor}" can't say what it is as JSON Schema, which the model must be shown. Give its JSON Schema instead.`,
    );
  const schema = standard.jsonSchema.output({ target: "draft-2020-12" }) as JsonObject;
  const check = await schemaCheck(schema);
  return {
    schema,
    async faultOf(value) {
      const fault = check(value);
      if (fault !== undefined) return fault;
      const { issues } = await standard.validate(value);
      return issues?.map(({ message, path }) => `value${pathOf(path)}: ${message}`).join("; ");
    },
  };
}

function isStandard(given: OutputSchema): given is StandardSchema {
  return "~standard" in given;
}

function pathOf(path: readonly unknown[] | undefined): string {
  return (path ?? []).map((step) => `/${String(isPlainObject(step) ? step["key"] : step)}`).join("");
}
