/** The reader of imports over every way to write one, and the rules over small invented projects. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseImports } from "./layers/read-sources.ts";
import { findComplaints } from "./layers/rules.ts";

test("each form of import is seen with its line, and no text that only looks like one", () => {
  const text = [
    "/** What it is. */",
    'import type { A } from "./type.ts";',
    'import { type B } from "./inline-type.ts";',
    "export { c } from './export.ts';",
    'export type * from "./export-type.ts";',
    'import "./effect.ts";',
    'type T = import("./type-of.ts").T;',
    'const late = () => import("./late.ts");',
    "const inTemplate = `${await import(`./in-template.ts`)}`;",
    "const quoted = \"import { z } from './quoted.ts'\";",
    "const pattern = /import '.\\/pattern.ts'/;",
    '// import "./comment.ts"',
    "const computed = import(quoted);",
  ].join("\n");
  const imports = parseImports(new Map([["src/core/a.ts", text]])).get("src/core/a.ts") ?? [];
  assert.deepEqual(imports.map(({ specifier, line }) => `${line} ${specifier}`).toSorted(), [
    "2 ./type.ts",
    "3 ./inline-type.ts",
    "4 ./export.ts",
    "5 ./export-type.ts",
    "6 ./effect.ts",
    "7 ./type-of.ts",
    "8 ./late.ts",
    "9 ./in-template.ts",
  ]);
});

test("imports of plain JavaScript are seen, required ones too", () => {
  const imports = parseImports(
    new Map([
      ["src/a.mjs", 'import a from "./b.mjs";'],
      ["src/b.cjs", 'const a = require("node:fs");'],
    ]),
  );
  assert.equal(imports.get("src/a.mjs")?.[0]?.specifier, "./b.mjs");
  assert.equal(imports.get("src/b.cjs")?.[0]?.specifier, "node:fs");
});

test("an arrow down is fine, as are the folder itself, the face over all and whatever is not published", () => {
  assert.deepEqual(
    complaints({
      "src/core/run.ts": ["node:path", "./ids.ts"],
      "src/core/ids.ts": [],
      "src/rlm/ask.ts": ["../core/run.ts", "zod"],
      "src/engine/engine.ts": ["../rlm/ask.ts", "../core/run.ts"],
      "src/models/http.ts": ["../core/ids.ts"],
      "src/setup/open.ts": ["../engine/engine.ts", "../models/http.ts"],
      "src/cli/main.ts": ["../setup/open.ts", "../core/run.ts"],
      "src/index.ts": ["./models/http.ts", "./engine/engine.ts"],
      "test/story.test.ts": ["../src/cli/main.ts", "fast-check"],
      "examples/ask.ts": ["unabridged"],
    }),
    [],
  );
});

test("an arrow up or across names both folders and what is allowed", () => {
  assert.deepEqual(complaints({ "src/core/run.ts": ["../rlm/ask.ts"] }), [
    "src/core/run.ts:1: src/core may not import src/rlm: it imports no other folder.",
  ]);
  assert.deepEqual(complaints({ "src/rlm/ask.ts": ["../lcm/plan.ts"] }), [
    "src/rlm/ask.ts:1: src/rlm may not import src/lcm: it may import core.",
  ]);
  assert.deepEqual(complaints({ "src/mcp/main.ts": ["../cli/main.ts"] }), [
    "src/mcp/main.ts:1: src/mcp may not import src/cli: it may import setup, engine, core.",
  ]);
  assert.match(complaints({ "src/rlm/ask.ts": ["../index.ts"] }).join(), /may not import the package's face/);
  assert.match(complaints({ "src/rlm/ask.ts": ["../../scripts/x.ts"] }).join(), /not published/);
});

test("a test may also use adapters and what is there for testing, and is itself imported by none", () => {
  const uses = ["../testing/index.ts", "../sandboxes/native.ts"];
  assert.deepEqual(complaints({ "src/rlm/ask.test.ts": uses }), []);
  assert.equal(complaints({ "src/rlm/ask.ts": uses }).length, 2);
  assert.match(complaints({ "src/rlm/ask.test.ts": ["../cli/main.ts"] }).join(), /a test there may import/);
  assert.match(complaints({ "src/rlm/ask.ts": ["./a.fixture.ts"] }).join(), /only tests may import it/);
});

test("a folder that is not in the table is told where to go, and so is a file at the top", () => {
  assert.match(
    complaints({ "src/common/text.ts": [] }).join(),
    /src\/common is not in the table.*one of core, rlm/,
  );
  assert.match(complaints({ "src/text.ts": [] }).join(), /Only index\.ts stands at the top/);
});

test("what users would not have is not imported, nor the package by its own name", () => {
  assert.match(
    complaints({ "src/core/a.ts": ["fast-check"] }).join(),
    /fast-check is not among the dependencies/,
  );
  assert.match(complaints({ "src/core/a.ts": ["@types/node/x.js"] }).join(), /@types\/node is not among/);
  assert.match(complaints({ "src/core/a.ts": ["unabridged/models"] }).join(), /import the file itself/);
  assert.deepEqual(complaints({ "src/core/a.test.ts": ["fast-check"] }), []);
});

test("relative imports name the file with its ending", () => {
  assert.match(complaints({ "src/core/a.ts": ["./b", "./c.js"] }).join("\n"), /"\.\/b".*\n.*"\.\/c\.js"/);
});

test("a circle is told file by file, however often its files import each other", () => {
  const circle = {
    "src/core/a.ts": ["./b.ts", "./b.ts"],
    "src/core/b.ts": ["./c.ts"],
    "src/core/c.ts": ["./a.ts"],
  };
  assert.deepEqual(complaints(circle), [
    "src/core/a.ts:1: Files import each other in a circle: " +
      "src/core/a.ts → src/core/b.ts → src/core/c.ts → src/core/a.ts.",
  ]);
});

test("a file says first what it is, and ends before its four hundred and first line", () => {
  const form = (text: string): readonly string[] =>
    findComplaints([{ path: "src/core/a.ts", text, imports: [] }], []).map(({ message }) => message);
  assert.deepEqual(form("/** Words. */\n".repeat(400)), []);
  assert.match(form("/** Words. */\n".repeat(401)).join(), /^401 lines/);
  assert.match(form('import "x";\n').join(), /Expected a \/\*\* comment first/);
});

function complaints(files: Readonly<Record<string, readonly string[]>>): readonly string[] {
  const sources = Object.entries(files).map(([path, specifiers]) => ({
    path,
    text: "/** What it is. */\n",
    imports: specifiers.map((specifier) => ({ specifier, line: 1 })),
  }));
  return findComplaints(sources, ["zod"]).map(({ path, line, message }) => `${path}:${line}: ${message}`);
}
