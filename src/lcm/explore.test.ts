/** What is told of a text too large to show, by its kind. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { estimateTokens } from "../core/tokens.ts";
import { explore } from "./explore.ts";

test("JSON is told by its shape, with what is missing here and there marked", () => {
  const value = { items: [{ id: 1, name: "a" }, { id: 2 }], total: 2 };
  const { kind, text } = explore(JSON.stringify(value));
  assert.equal(kind, "json");
  assert.match(text, /items: \[2 × \{ id: number, name\?: string \}\], total: number/);
});

test("lines of JSON are told by the shape of a line", () => {
  const lines = Array.from({ length: 20 }, (_, i) => JSON.stringify({ n: i, state: i % 2 ? "on" : "off" }));
  const { kind, text } = explore(lines.join("\n"));
  assert.equal(kind, "jsonl");
  assert.match(text, /n: number, state: "off" \| "on"/);
});

test("a table is told by its columns, with ranges and choices, also with quoted delimiters", () => {
  const rows = Array.from(
    { length: 40 },
    (_, i) => `${i},"last, first",${i % 2 ? "red" : "blue"},2024-01-${String((i % 28) + 1).padStart(2, "0")}`,
  );
  const { kind, text } = explore(`id,name,colour,day\n${rows.join("\n")}\n`, { name: "t.csv" });
  assert.equal(kind, "csv");
  assert.match(
    text,
    /4 columns[\s\S]*- id: number, 0 to 39[\s\S]*- name: one of last, first[\s\S]*- colour: one of blue, red[\s\S]*- day: date/,
  );
});

test("a log is told by its span, its levels and its most frequent lines", () => {
  const lines = Array.from(
    { length: 50 },
    (_, i) =>
      `2024-05-01 10:${String(i).padStart(2, "0")}:00 ${i % 10 === 0 ? "ERROR" : "INFO"} request ${i} took ${i * 3} ms`,
  );
  const { kind, text } = explore(lines.join("\n"));
  assert.equal(kind, "log");
  assert.match(
    text,
    /From 2024-05-01 10:00:00 to 2024-05-01 10:49:00[\s\S]*INFO 45, ERROR 5[\s\S]*45 × INFO request # took # ms/,
  );
});

test("code is told by its definitions, with their lines", () => {
  const code =
    "import x from 'x';\n\nexport class Cat {\n  purr() {}\n}\n\nexport async function feed(cat) {\n  return cat;\n}\nconst hidden = 1;\n";
  const { kind, text } = explore(code, { name: "cat.ts" });
  assert.equal(kind, "code");
  assert.match(text, /1 imports[\s\S]*- 3: export class Cat[\s\S]*- 7: export async function feed\(cat\)/);
});

test("Markdown is told by its headings, prose by its ends and its names", () => {
  assert.match(explore("# A\n\ntext\n\n## B\n\nmore\n").text, /2 headings[\s\S]*- 1: # A[\s\S]*- 5: ## B/);
  const prose = explore(
    "It was the best of times. Then came Sydney Carton to Paris with 48,123 francs. ".repeat(300),
  );
  assert.equal(prose.kind, "text");
  assert.match(prose.text, /Begins: “It was the best[\s\S]*48,123/);
});

test("broken JSON, an empty text and bytes are described all the same, within the cap", () => {
  for (const text of [
    '{"a": [1, 2',
    "",
    "\u0000\ufffd".repeat(5_000),
    "x".repeat(3_000_000),
    `[${"1,".repeat(50_000)}1]`,
  ]) {
    assert.ok(estimateTokens(explore(text, { tokens: 300 }).text) <= 300);
  }
});
