/** Tests of the translation from Python's dialect. What the engines make of it is tested in grep.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { plainPattern, translatePattern } from "./pattern.ts";

const translations: readonly (readonly [python: string, ripgrep: string])[] = [
  ["foo.bar|^baz", "foo.bar|^baz"],
  ["end$", "end(?:\\r?$)"],
  ["a{2,3}b{,4}", "a{2,3}b{0,4}"],
  ["{name} x{y", "\\{name\\}\\x{20}x\\{y"],
  ["[]a]", "[\\]a]"],
  ["[[x&&~~]", "[\\[x\\&\\&\\~\\~]"],
  ["[a-z-9]", "[a-z\\-9]"],
  ["[\\w-.]", "[\\w\\-\\.]"],
  ["[\\b]", "[\\x{8}]"],
  ["\\<b\\>", "<b>"],
  ["\\x41\\u00e9\\U0001f389\\012", "\\x{41}\\x{e9}\\x{1f389}\\x{a}"],
  ["end\\Z", "end\\z"],
  ["(?P<year>\\d{4})(?#a year)", "(?P<year>\\d{4})"],
  ["(?i)a(?:b)(?s:.)(?m)", "(?i)a(?:b)(?s:.)"],
  ["(?x) a b # comment\n c\\ d", "abc\\x{20}d"],
  ["a\\#b c", "a\\x{23}b\\x{20}c"],
  ["a]b}", "a\\]b\\}"],
];

for (const [python, ripgrep] of translations) {
  test(`${JSON.stringify(python)} becomes ${JSON.stringify(ripgrep)}`, () => {
    assert.equal(translatePattern(python).source, ripgrep);
  });
}

test("only patterns that the default engine lacks go to PCRE2", () => {
  for (const pattern of ["(?=a)", "(?<!b)c", "(a)\\1", "(?P<q>a)(?P=q)", "(?>a)b", "a++b"]) {
    assert.equal(translatePattern(pattern).engine, "pcre2", pattern);
  }
  for (const pattern of ["a+?", "(?P<q>a)", "(?:a)", "a\\+b", "[+]+"]) {
    assert.equal(translatePattern(pattern).engine, "default", pattern);
  }
});

test("a pattern looks across lines exactly when it can match a line's end", () => {
  for (const pattern of [
    "a\\nb",
    "a\\sb",
    "[^x]",
    "\\W",
    "(?s)a.b",
    "a\nb",
    "[\\s,]",
    "\\Aa",
    "\\x0a",
    "[\\n]",
  ]) {
    assert.equal(translatePattern(pattern).crossesLines, true, pattern);
  }
  for (const pattern of ["a.b", "[^\\n]*", "[^\\s]", "\\w+\\S", "[a-z ]", "^a$", "[\\t ]"]) {
    assert.equal(translatePattern(pattern).crossesLines, false, pattern);
  }
});

test("a bad escape or an open set is refused before anything is searched", () => {
  assert.throws(() => translatePattern("\\h"), { code: "invalid_input", message: /bad escape \\h/ });
  assert.throws(() => translatePattern("[a"), {
    code: "invalid_input",
    message: /unterminated character set/,
  });
  assert.throws(() => translatePattern("a\\"), { code: "invalid_input", message: /single backslash/ });
});

test("plain text is escaped whole", () => {
  assert.equal(plainPattern("a.b(c) #1").source, "a\\.b\\(c\\)\\x{20}\\x{23}1");
});
