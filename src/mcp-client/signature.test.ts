/** How a tool looks in a prompt. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { listing, signatureOf } from "./signature.ts";

test("a signature has the required parameters first, each with its type", () => {
  const schema = {
    type: "object",
    properties: {
      limit: { type: "integer" },
      query: { type: "string" },
      order: { enum: ["new", "old"] },
      tags: { type: "array", items: { type: "string" } },
      where: { type: ["string", "null"] },
      any: {},
    },
    required: ["query", "order"],
  };
  assert.equal(
    signatureOf(schema),
    '(query: str, order: "new" | "old", limit: int = None, tags: list[str] = None, where: str | None = None, any=None)',
  );
});

test("a tool without parameters has empty brackets", () => {
  assert.equal(signatureOf({ type: "object" }), "()");
});

test("few tools are told with their first sentence, very many by their signatures alone", () => {
  const tool = (name: string): Parameters<typeof listing>[0][number] => ({
    name,
    description: `Finds what ${name} has. And more.`,
    inputSchema: { type: "object", properties: { query: { type: "string" } }, required: ["query"] },
  });
  assert.deepEqual(listing([tool("one")]), ["(query: str) Finds what one has."]);
  const many = listing(Array.from({ length: 400 }, (_, n) => tool(`tool ${n}`)));
  assert.equal(many.length, 400);
  assert.ok(many.every((line) => line === "(query: str)"));
});

test("a long sentence is cut", () => {
  const [line = ""] = listing([{ name: "one", description: "word ".repeat(500), inputSchema: {} }]);
  assert.ok(line.length < 260);
  assert.match(line, /…$/);
});
