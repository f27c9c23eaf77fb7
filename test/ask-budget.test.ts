/** One ledger for a whole tree of runs, as the provider sees it: what it was asked for is counted at its end of the wire. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { costOf, type Price } from "../src/core/usage.ts";
import { code, type FakeReply, type FakeRequest } from "../src/testing/index.ts";
import { openStage, questionOf, type Say } from "./ask-stage.ts";

const rootPrice: Price = { input: 0.5, output: 2 };
const leafPrice: Price = { input: 2, output: 100 };
const pages = Array.from({ length: 8 }, (_, page) => ({
  path: `page-${page}.txt`,
  text: `Page ${page}. ${"It was a long day on the river and nobody spoke. ".repeat(120)}`,
}));

/** What a provider charges that counts tokens in its own way, a third above our estimate, and keeps to `max_tokens`. */
class Till {
  spentUsd = 0;
  charge(request: FakeRequest, reply: { readonly text: string; readonly wantedTokens: number }): FakeReply {
    const price = request.model === "leaf" ? leafPrice : rootPrice;
    const letters = request.messages.reduce((sum, message) => sum + message.text.length, 0);
    const most = Number(request.body["max_tokens"] ?? Number.POSITIVE_INFINITY);
    const usage = {
      inputTokens: Math.ceil(letters / 3),
      outputTokens: Math.min(reply.wantedTokens, most),
    };
    this.spentUsd += costOf({ ...usage, cachedInputTokens: 0, reasoningTokens: 0 }, price) ?? 0;
    const finishReason = most < reply.wantedTokens ? "length" : "stop";
    return { text: reply.text, usage, finishReason, delayMs: 5 };
  }
}

/** A child of $1: four readings of 2,500 tokens at a hundred dollars the million. */
const childCells: Record<string, string> = {
  "one after the other": code`
    parts = []
    for n in range(4):
        parts.append(llm_query(f"Reading {n}: tell all about it.\\n{context[:2000]}"))
        answer["content"] = f"{len(parts)} of 4 read"
    FINAL("all read")`,
  "at once": code`
    parts = llm_query_batched([f"Reading {n}: tell all about it.\\n{context[:2000]}" for n in range(4)])
    FINAL(f"{sum(1 for p in parts if p)} of 4 read")`,
};

for (const [order, childCell] of Object.entries(childCells))
  test(`eight children that want $1 each, reading ${order}, never spend more than the $1.5 of their root`, async (context) => {
    const till = new Till();
    const say = (text: string, request: FakeRequest): Say =>
      till.charge(request, { text, wantedTokens: 200 });
    await using stage = await openStage(
      {
        root: (turn, request) => {
          if (questionOf(request).startsWith("Read page")) return say(childCell, request);
          return say(turn === 1 ? rootCells.ask : rootCells.close, request);
        },
        leaf: (_prompt, request) => till.charge(request, { text: "a long report", wantedTokens: 2_500 }),
      },
      { limits: { costUsd: 1.5, depth: 2 }, rootPrice, leafPrice },
    );
    const run = stage.engine.ask({ query: "What do the pages say?", context: pages });
    let [open, mostOpen] = [0, 0];
    for await (const event of run)
      if (event.type === "run-start") mostOpen = Math.max(mostOpen, event.depth > 0 ? ++open : 0);
      else if (event.type === "run-end" && event.depth > 0) open--;
    const result = await run.result();
    context.diagnostic(`$${till.spentUsd.toFixed(3)} spent, ${stage.provider.calls} calls: ${result.answer}`);
    assert.ok(till.spentUsd <= 1.5, `$${till.spentUsd} were spent`);
    assert.ok(till.spentUsd > 0.75, `only $${till.spentUsd} were spent: the grant was not used`);
    assert.equal(result.costUsd?.toFixed(6), till.spentUsd.toFixed(6));
    assert.equal(result.status, "partial");
    assert.equal(result.limit?.code, "cost");
    assert.match(result.answer, /^8 of 8 pages: .*Not finished/s);
    assert.ok(mostOpen > 1, "the children ran one after the other");
  });

const rootCells = {
  ask: code`
    replies = []
    replies = rlm_query_batched([f"Read page {n}" for n in range(8)], context)
    print(replies)`,
  close: code`FINAL(f"{sum(1 for r in replies if r)} of 8 pages: {replies}")`,
} as const;

test("a batch of forty readings at a quarter dollar stops under the cap, and what was read is kept", async (context) => {
  const till = new Till();
  await using stage = await openStage(
    {
      root: (turn, request) =>
        till.charge(request, { text: turn === 1 ? batchCells.read : batchCells.close, wantedTokens: 200 }),
      leaf: (_prompt, request) => till.charge(request, { text: "a long report", wantedTokens: 2_500 }),
    },
    { limits: { costUsd: 1.5 }, rootPrice, leafPrice },
  );
  const result = await stage.engine.ask({ query: "What do the pages say?", context: pages }).result();
  context.diagnostic(`$${till.spentUsd.toFixed(3)} spent: ${result.answer}`);
  assert.ok(till.spentUsd <= 1.5, `$${till.spentUsd} were spent`);
  assert.equal(result.status, "partial");
  assert.equal(result.limit?.code, "cost");
  assert.match(result.limit?.message ?? "", /limit of \$1\.50 .*--max-cost/);
  const [, read = "0", refused = "0"] = /^(\d+) read, (\d+) refused/.exec(result.answer) ?? [];
  assert.equal(Number(read) + Number(refused), 40);
  assert.equal(Number(read), stage.provider.requests.filter(({ model }) => model === "leaf").length);
  assert.ok(Number(read) >= 4);
});

test("no more calls are sent than --max-calls allows, whatever runs side by side", async () => {
  await using stage = await openStage(
    {
      root: (turn) => (turn === 1 ? batchCells.read : batchCells.close),
      leaf: () => ({ text: "yes", delayMs: 5 }),
    },
    { limits: { calls: 10 } },
  );
  const result = await stage.engine.ask({ query: "What do the pages say?", context: pages }).result();
  assert.ok(stage.provider.calls <= 10, `${stage.provider.calls} calls were sent`);
  assert.equal(result.status, "partial");
  assert.equal(result.limit?.code, "calls");
  assert.match(result.answer, /^8 read, 32 refused by budget/);
});

const batchCells = {
  read: code`
    replies = llm_query_batched([f"Reading {n}: tell all.\\n{context[n % 8][:2000]}" for n in range(40)])
    print(replies[-1])`,
  close: code`FINAL(f"{sum(1 for r in replies if r)} read, {sum(1 for r in replies if not r)} refused by {replies[-1].code}")`,
} as const;

test("children whose even share can't pay their first call get what is left, one after another, until it begins no more", async () => {
  // A child's first request is some two thousand tokens: about half a dollar each.
  const dear: Price = { input: 250, output: 0 };
  await using stage = await openStage(
    {
      root: (_turn, request) =>
        questionOf(request).startsWith("Child")
          ? code`FINAL("read")`
          : code`
              answers = rlm_query_batched([f"Child {n}" for n in range(8)], contexts=["x" * 50_000] * 8)
              FINAL("; ".join(str(a)[:30] for a in answers))`,
    },
    { limits: { costUsd: 1.5, depth: 2 }, rootPrice: dear },
  );
  const result = await stage.engine.ask({ query: "Ask them.", context: "A text." }).result();
  const answers = result.answer.split("; ");
  const began = answers.filter((answer) => answer === "read").length;
  assert.ok(began > 0 && began < 8, result.answer);
  assert.equal(answers.length, 8);
  assert.ok(
    answers.slice(began).every((answer) => answer.startsWith("<failed: budget")),
    result.answer,
  );
  assert.equal(stage.provider.calls, 1 + began);
  assert.deepEqual([result.status, result.limit?.code], ["partial", "cost"]);
  assert.ok((result.costUsd ?? 0) <= 1.5);
});
