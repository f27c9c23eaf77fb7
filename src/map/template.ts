/** A prompt over the fields of an item: `{{field}}`, `{{a.b}}`, and `{{item}}` for all of it. Pure. */
import { ConfigError } from "../core/errors.ts";
import { isPlainObject, type Json } from "../core/json.ts";

export interface Template {
  readonly text: string;
  /** What the placeholders name, each once, in order. */
  readonly fields: readonly string[];
  /** The prompt for an item, or the field that it lacks. */
  render(item: Json): { readonly type: "prompt"; readonly prompt: string } | MissingField;
}

export interface MissingField {
  readonly type: "missing";
  readonly field: string;
}

/** `\{{` stands for two braces. Without any placeholder the item follows the text, else all prompts would be equal. */
export function parseTemplate(text: string): Template {
  const pieces: (string | { readonly field: string })[] = [];
  let copied = 0;
  for (const match of text.matchAll(placeholder)) {
    const [whole, escaped, field = ""] = match;
    pieces.push(text.slice(copied, match.index), escaped === undefined ? { field } : "{{");
    copied = match.index + whole.length;
  }
  pieces.push(text.slice(copied));
  const named = pieces.filter((piece) => typeof piece === "object").map(({ field }) => field);
  const fields = [...new Set(named)];
  if (fields.length === 0) {
    pieces.push("\n\n", { field: whole });
    fields.push(whole);
  }
  return { text, fields, render: (item) => render(pieces, item) };
}

/** Throws ConfigError where no item of a sample has a field that the template names. */
export function checkTemplate(template: Template, sample: readonly Json[]): void {
  const [field] = unseenFields(template, sample);
  if (sample.length === 0 || field === undefined) return;
  const known = [...new Set(sample.flatMap((item) => (isPlainObject(item) ? Object.keys(item) : [])))];
  const remedy =
    known.length === 0
      ? "Items are plain values here; only {{item}} can be used."
      : `The fields are ${known.slice(0, 20).join(", ")}; {{item}} is the whole item.`;
  throw new ConfigError("invalid_input", `The prompt uses {{${field}}}, which no item has. ${remedy}`);
}

/** Those that no item has. */
export function unseenFields({ fields }: Template, items: readonly Json[]): readonly string[] {
  return fields.filter((field) => !items.some((item) => fieldOf(item, field) !== undefined));
}

/** The value of a field by its name or path; undefined where the item has none. */
export function fieldOf(item: Json, field: string): Json | undefined {
  if (field === whole) return item;
  const own = member(item, field);
  if (own !== undefined || !field.includes(".")) return own;
  const path = field.split(".");
  let value: Json | undefined = item;
  for (const name of path[0] === whole ? path.slice(1) : path) value = member(value, name);
  return value;
}

const whole = "item";
const placeholder = /(\\\{\{)|\{\{\s*([^{}]+?)\s*\}\}/g;

function render(
  pieces: readonly (string | { readonly field: string })[],
  item: Json,
): ReturnType<Template["render"]> {
  let prompt = "";
  for (const piece of pieces) {
    if (typeof piece === "string") {
      prompt += piece;
      continue;
    }
    const value = fieldOf(item, piece.field);
    if (value === undefined) return { type: "missing", field: piece.field };
    prompt += typeof value === "string" ? value : JSON.stringify(value);
  }
  return { type: "prompt", prompt };
}

function member(value: Json | undefined, name: string): Json | undefined {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  // A name that an object or an array has of its own is one of its members.
  return (value as { readonly [key: string]: Json })[name];
}
