/** What the catalogue holds, and by which names a model is found in it or rightly not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { costOf, noUsage } from "../core/usage.ts";
import { catalogue, isReasoningFamily, knownModel, vendorOf } from "./catalogue.ts";

test("every entry is whole and plausible, and no model is listed twice", () => {
  const { date, models } = catalogue();
  assert.match(date, /^\d{4}-\d{2}-\d{2}$/);
  assert.equal(new Set(models.map((model) => `${model.provider}/${model.id}`)).size, models.length);
  for (const { id, price, contextWindow, maxOutputTokens, ...rest } of models) {
    assert.deepEqual(
      Object.keys(rest)
        .sort()
        .filter((name) => name !== "provider" && name !== "reasoning"),
      [],
      id,
    );
    for (const limit of [contextWindow, maxOutputTokens])
      assert.ok(limit === undefined || Number.isInteger(limit), id);
    if (contextWindow !== undefined && maxOutputTokens !== undefined)
      assert.ok(maxOutputTokens < contextWindow, id);
    for (const rate of [price, price?.long]) {
      if (rate === undefined) continue;
      assert.ok(rate.input > 0 && rate.output >= rate.input, id);
      assert.ok((rate.cachedInput ?? 0) <= rate.input, id);
    }
  }
});

test("a model is found with its vendor before it, a date behind it, and in either spelling of its version", () => {
  const plain = knownModel("gpt-5-mini");
  assert.equal(plain.price?.input, 0.25);
  assert.deepEqual(knownModel("openai/gpt-5-mini"), plain);
  assert.deepEqual(knownModel("gpt-5-mini-2025-08-07"), plain);
  assert.deepEqual(knownModel("openai/gpt-5-mini:free"), plain);
  assert.deepEqual(knownModel("anthropic/claude-opus-4.5"), knownModel("claude-opus-4-5-20251101"));
  assert.equal(knownModel("claude-opus-4-5").contextWindow, 200_000);
});

test("a likeness is no find, and an unknown model has no facts", () => {
  assert.deepEqual(knownModel("gpt-5-mega"), {});
  assert.deepEqual(knownModel("my-own-model"), {});
  assert.deepEqual(knownModel("gpt-5-mini", "anthropic"), {});
});

test("a long request costs its long rate", () => {
  const { price } = knownModel("gpt-6-sol");
  assert.equal(costOf({ ...noUsage, inputTokens: 200_000, outputTokens: 1000 }, price), 0.41);
  assert.equal(costOf({ ...noUsage, inputTokens: 300_000, outputTokens: 1000 }, price), 1.215);
});

test("open weights that think are known by their name, whoever serves them", () => {
  assert.ok(isReasoningFamily("openai/gpt-oss-20b"));
  assert.ok(isReasoningFamily("Qwen/Qwen3-30B-A3B-Thinking-2507"));
  assert.ok(isReasoningFamily("qwen3:8b"));
  assert.ok(!isReasoningFamily("qwen3-coder:30b"));
  assert.ok(!isReasoningFamily("Qwen3-30B-A3B-Instruct-2507"));
  assert.ok(!isReasoningFamily("llama-3.1-8b"));
});

test("only a vendor's own host stands for the vendor", () => {
  assert.equal(vendorOf("https://api.openai.com/v1"), "openai");
  assert.equal(vendorOf("http://localhost:8000/v1"), undefined);
});
