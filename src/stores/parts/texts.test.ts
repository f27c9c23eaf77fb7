/** Folding long texts out of JSON and back. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import fc from "fast-check";
import { openTexts, textMigrations } from "./texts.ts";
import type { Texts } from "./part.ts";

function newTexts(): { database: DatabaseSync; texts: Texts } {
  const database = new DatabaseSync(":memory:");
  for (const { sql } of textMigrations) database.exec(sql);
  return { database, texts: openTexts(database) };
}

test("any JSON comes back character for character", () => {
  const { texts } = newTexts();
  const piece = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(fc.integer({ min: 0, max: 0xffff })).map((codes) => String.fromCharCode(...codes)),
    fc.constantFrom(
      '$text"',
      '"',
      "\\",
      '\\"',
      "$",
      '{"$text":"',
      "$text",
      "$$text",
      '":',
      "\ud83d",
      "a".repeat(64),
    ),
  );
  const text = fc.oneof(
    { weight: 3, arbitrary: fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join("")) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(piece, piece)
        .map(([a, b]) => `${a}${b} `.repeat(Math.ceil(1500 / (a.length + b.length + 1)))),
    },
    fc.constantFrom("0".repeat(64), "$text", "$$text", "$$$text", "__proto__"),
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      text,
      fc.double(),
      fc.constantFrom(null, true),
      tie("array"),
      tie("object"),
    ),
    array: fc.array(tie("value"), { maxLength: 5 }),
    object: fc.dictionary(text, tie("value"), { maxKeys: 5 }),
  }));
  fc.assert(
    fc.property(value, (any) => {
      const json = JSON.stringify(any);
      assert.equal(texts.unfold(texts.fold(json)), json);
    }),
    { numRuns: 3000 },
  );
});

test("a text is stored once, as itself, and compressed where that saves room", () => {
  const { database, texts } = newTexts();
  const long = "Nothing cut, nothing lost. 🐘\n".repeat(1000);
  const folded = texts.fold(JSON.stringify({ a: long, b: [long, "short"] }));
  assert.equal(texts.fold(JSON.stringify([long])).length, '[{"$text":""}]'.length + 64);
  assert.match(folded, /^\{"a":\{"\$text":"[0-9a-f]{64}"\},"b":\[\{"\$text":"[0-9a-f]{64}"\},"short"\]\}$/);
  const rows = database.prepare("select compressed, length(content) as size, encoding from texts").all();
  assert.deepEqual(
    rows.map((row) => ({ ...row, size: Number(row["size"]) < 1000 })),
    [{ compressed: 1, size: true, encoding: "text" }],
  );
});

test("a text with lone surrogates is another text than its own notation", () => {
  const { texts } = newTexts();
  const lone = "\ud800".repeat(1100);
  const notation = JSON.stringify(lone);
  for (const text of [lone, notation]) {
    const json = JSON.stringify(text);
    assert.equal(texts.unfold(texts.fold(json)), json);
  }
});

test("a reference to a text that is not there is named as damage", () => {
  const { texts } = newTexts();
  assert.throws(() => texts.unfold(`{"$text":"${"0".repeat(64)}"}`), { code: "corrupt" });
});
