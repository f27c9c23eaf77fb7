/** Prompts over items. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import { checkTemplate, parseTemplate } from "./template.ts";

function prompt(text: string, item: Json): unknown {
  const rendered = parseTemplate(text).render(item);
  return rendered.type === "prompt" ? rendered.prompt : rendered;
}

test("placeholders are filled with fields, paths and the whole item", () => {
  const item = { name: "Ada", n: 1.5, tags: ["x"], deep: { er: { est: true } }, "a.b": "dotted", none: null };
  assert.equal(
    prompt("{{name}} {{ n }} {{tags}} {{tags.0}} {{deep.er.est}} {{a.b}} {{none}}", item),
    'Ada 1.5 ["x"] x true dotted null',
  );
  assert.equal(prompt("Say: {{item}}", "plain"), "Say: plain");
  assert.equal(prompt("{{item}}/{{item.name}}", { name: "Ada" }), '{"name":"Ada"}/Ada');
  assert.equal(prompt("\\{{name}} {{name}}", item), "{{name}} Ada");
});

test("what items say is never taken for a placeholder", () => {
  assert.equal(prompt("{{a}}{{b}}", { a: "{{b}}", b: "$&" }), "{{b}}$&");
});

test("without a placeholder the item follows the prompt", () => {
  assert.equal(prompt("Shout it.", { a: 1 }), 'Shout it.\n\n{"a":1}');
});

test("a field that one item lacks is told of, and inherited members are no fields", () => {
  assert.deepEqual(prompt("{{b}}", { a: 1 }), { type: "missing", field: "b" });
  assert.deepEqual(prompt("{{constructor}}", {}), { type: "missing", field: "constructor" });
});

test("a field that no item has is refused with the fields there are", () => {
  const check = (text: string, ...items: Json[]): void => checkTemplate(parseTemplate(text), items);
  check("{{a}} {{b}}", { a: 1 }, { b: 1 });
  const refused = (pattern: RegExp) => (error: unknown) =>
    error instanceof ConfigError && pattern.test(error.message);
  assert.throws(
    () => check("{{qestion}}", { question: "?", id: 1 }),
    refused(/\{\{qestion\}\}.*question, id/),
  );
  assert.throws(() => check("{{a}}", "text"), refused(/\{\{item\}\}/));
});
