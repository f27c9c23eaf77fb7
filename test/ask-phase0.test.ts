/** Phase 0, as the root LM sees it: what was looked up before its first call, as labels and never as text. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AskContext, AskOptions } from "../src/engine/index.ts";
import { code } from "../src/testing/index.ts";
import { openStage } from "./ask-stage.ts";

/** The first message that the root LM is sent. */
async function firstMessage(query: string, context: AskContext, options: AskOptions = {}): Promise<string> {
  await using stage = await openStage({ root: () => code`FINAL("done")` });
  await stage.engine.ask({ query, context }, options).result();
  return stage.provider.requests[0]?.text ?? "";
}

const line = "the lantern of the Harbour swings by night\n";

test("the root LM is told how often the query's terms occur, and where", async () => {
  const context = [`${line.repeat(400)}One albatross. Two albatrosses.\n`, line.repeat(3)];
  const prompt = await firstMessage("Does the albatross in Harbour 7 see a lantern or a zeppelin?", context);
  assert.match(prompt, /"albatross": 2 matches in 1 of 2 documents, at d1:17204-17213, d1:17219-17228/);
  assert.match(prompt, /"Harbour": 403 matches in 2 of 2 documents, first at d1:/);
  assert.match(prompt, /No match at all: .*"zeppelin"/);
  assert.doesNotMatch(prompt, /"lantern":/); // A word that is everywhere leads nowhere.
  assert.doesNotMatch(prompt, /One albatross\. Two/);
});

test("a name that is everywhere is not counted to its end, and says so", async () => {
  const prompt = await firstMessage("Where is the Harbour?", line.repeat(25_000));
  assert.match(prompt, /"Harbour": 20,000 matches or more, one at d1:\d+-\d+/);
});

test("without phase 0 nothing is looked up", async () => {
  const prompt = await firstMessage("Where is the Harbour?", line, { phase0: false });
  assert.doesNotMatch(prompt, /Look-ups/);
});
