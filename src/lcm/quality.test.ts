/** Which texts may stand as labels, and what must be exact in them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { inventedFacts, tellingFacts } from "./facts.ts";
import { sharesLanguage } from "./language.ts";
import { checkLabel } from "./quality.ts";

const source =
  "user: please set the timeout in src/http/client.ts to 4,500 ms, as ticket NET-812 says. assistant: done, commit 3fa9c1b2 has it, and retryLimit is 7 in v2.4.1 now. ".repeat(
    6,
  );
const check = (text: string, more: Partial<Parameters<typeof checkLabel>[1]> = {}): string => {
  const verdict = checkLabel(text, { source, sourceTokens: 300, cap: 120, style: "normal", ...more });
  return verdict.type === "good" ? "good" : verdict.fault;
};

test("a label with the facts of its source is good, also where a number is written otherwise", () => {
  assert.equal(
    check("Topic: client timeout\nDecided: 4500 ms in src/http/client.ts (NET-812), commit 3fa9c1b2"),
    "good",
  );
  assert.equal(check("```\nTopic: the timeout is 4,500 ms in client.ts\n```"), "good");
  assert.equal(check("<think>what do they want</think>Topic: the timeout of the http client"), "good");
});

test("what is empty, thinking, refusing, garbage, too long or cut is refused with its fault", () => {
  assert.match(check("  "), /empty/);
  assert.match(check("<think>so the user"), /thinking/);
  assert.match(check("I'm sorry, but I can't do that."), /refuses/);
  assert.match(check("Here is the label you asked for: a timeout"), /refuses/);
  assert.match(check("#### ---- %%%% //// ####"), /not a text/);
  assert.match(check("blah blah ".repeat(30)), /not a text/);
  assert.match(check("timeout of the client ".repeat(40)), /cap of 120/);
  assert.match(
    check("timeout of the client and more ".repeat(4), { sourceTokens: 10 }),
    /not shorter than its source/,
  );
});

test("invented paths, ids and numbers are refused; a count is not", () => {
  assert.match(check("Decided: 5400 ms in src/http/server.ts, ticket NET-999"), /source has not: .*server/);
  assert.equal(check("Topic: 6 requests about the timeout of 4,500 ms"), "good");
  assert.deepEqual(
    inventedFacts("port 8081, 12 tests", "port 8080").map(({ text }) => text),
    ["8081"],
  );
});

test("a label in another language or script than its source is refused", () => {
  const chinese = "我们决定把超时时间改成四千五百毫秒，然后提交代码，最后再检查一次结果。".repeat(3);
  assert.equal(
    sharesLanguage("We decided to set the timeout and to check the result once more in the end.", chinese),
    false,
  );
  assert.equal(
    sharesLanguage("我们决定把超时时间改成四千五百毫秒，提交之后检查结果 src/client.ts。", chinese),
    true,
  );
  const german =
    "Wir haben die Zeit auf den Wert gesetzt und das ist nicht mehr zu ändern, weil der Kunde es so will und die Frage mit ihm geklärt ist. ".repeat(
      2,
    );
  assert.equal(
    sharesLanguage(
      "The client wants it that way and we set the time to the value, and it is not to be changed for him.",
      german,
    ),
    false,
  );
});

test("in normal style the lines that were asked for must be there, where the cap has room for them", () => {
  const plain = "the timeout of the client was set to 4,500 ms";
  assert.match(check(plain, { cap: 200 }), /lacks the lines/);
  assert.equal(check(plain, { cap: 200, style: "aggressive" }), "good");
  assert.equal(check(plain), "good");
});

test("telling facts come with ids and paths first, whole and once", () => {
  const facts = tellingFacts(source).map(({ text }) => text);
  assert.deepEqual(new Set(facts).size, facts.length);
  for (const fact of ["src/http/client.ts", "NET-812", "3fa9c1b2", "v2.4.1", "retryLimit"])
    assert.ok(facts.slice(0, 6).includes(fact), fact);
});

test("texts made to be slow to read are read in time", () => {
  for (const text of [
    "a-".repeat(60_000),
    "/".repeat(100_000),
    "1,".repeat(60_000),
    `"${"x".repeat(100_000)}`,
    "A".repeat(200_000),
    "a.".repeat(60_000),
  ]) {
    assert.ok(tellingFacts(text).length >= 0);
  }
});
