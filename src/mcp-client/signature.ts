/** A tool in one line for a prompt: a Python signature out of its JSON Schema, and the beginning of its description. Pure. */
import { isPlainObject } from "../core/json.ts";

export interface Described {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: Readonly<Record<string, unknown>>;
}

export interface Parameter {
  readonly name: string;
  readonly type: string;
  readonly isRequired: boolean;
}

/** The required ones first: so they may be given by position. */
export function parametersOf(schema: Readonly<Record<string, unknown>>): readonly Parameter[] {
  const properties = isPlainObject(schema["properties"]) ? schema["properties"] : {};
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  const all = Object.entries(properties).map(([name, property]) => ({
    ...{ name, type: typeOf(property), isRequired: required.includes(name) },
  }));
  return [...all.filter(({ isRequired }) => isRequired), ...all.filter(({ isRequired }) => !isRequired)];
}

/** "(query: str, limit: int = None)" */
export function signatureOf(schema: Readonly<Record<string, unknown>>): string {
  const parameters = parametersOf(schema).map(
    ({ name, type, isRequired }) =>
      `${name}${type === "" ? "" : `: ${type}`}${isRequired ? "" : type === "" ? "=None" : " = None"}`,
  );
  return `(${parameters.join(", ")})`;
}

/**
 * As much of each tool as has room together. The signature is what must not be missing: without the rest there is `tool_help`.
 */
export function listing(tools: readonly Described[]): readonly string[] {
  const signatures = tools.map(({ inputSchema }) => signatureOf(inputSchema));
  for (const characters of [240, 80, 0]) {
    const lines = tools.map(({ description }, index) => {
      const told = beginning(description, characters);
      return `${signatures[index]}${told === "" ? "" : ` ${told}`}`;
    });
    const length = lines.reduce((sum, line) => sum + line.length, 0);
    if (length <= mostCharacters || characters === 0) return lines;
  }
  return signatures;
}

const mostCharacters = 8_000;

/** Its first sentence, or as much of it as there is room for. */
function beginning(description: string, characters: number): string {
  if (characters === 0) return "";
  const flat = description.replace(/\s+/g, " ").trim();
  const [sentence = flat] = /^.*?[.!?](?=\s|$)/.exec(flat) ?? [];
  return sentence.length <= characters ? sentence : `${sentence.slice(0, characters - 1).toWellFormed()}…`;
}

const pythonTypes: Readonly<Record<string, string>> = {
  ...{ string: "str", integer: "int", number: "float", boolean: "bool", array: "list", object: "dict" },
  null: "None",
};

function typeOf(schema: unknown): string {
  if (!isPlainObject(schema)) return "";
  const choices = schema["enum"];
  if (Array.isArray(choices) && choices.length > 0 && choices.length <= 8)
    return choices.map((choice) => JSON.stringify(choice)).join(" | ");
  const { type } = schema;
  if (Array.isArray(type)) return type.map((one) => pythonTypes[String(one)] ?? "").join(" | ");
  const items = schema["items"];
  const inner = type === "array" && isPlainObject(items) ? typeOf(items) : "";
  return inner === "" || inner.length > 40 ? (pythonTypes[String(type)] ?? "") : `list[${inner}]`;
}
