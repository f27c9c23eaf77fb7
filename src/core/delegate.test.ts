/** Delegation must end: laws over any tree of grants. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Budget, type Limits } from "./budget.ts";
import { delegate } from "./delegate.ts";
import { BudgetError } from "./errors.ts";

const amount = fc.record(
  {
    costUsd: fc.double({ min: 1e-6, max: 100, noNaN: true }),
    tokens: fc.integer({ min: 1, max: 1e7 }),
    calls: fc.integer({ min: 1, max: 1000 }),
    timeMs: fc.integer({ min: 1000, max: 1e7 }),
  },
  { requiredKeys: [] },
);
const names = ["costUsd", "tokens", "calls", "timeMs"] as const;

test("every child's grant is strictly smaller than what its parent has left, in every limited resource", () => {
  fc.assert(
    fc.property(amount, fc.array(amount, { maxLength: 12 }), (limits, wishes) => {
      let parent = new Budget(limits);
      for (const wanted of wishes) {
        const left = parent.remaining();
        let child: Budget;
        try {
          child = delegate(parent, wanted);
        } catch (error) {
          assert.ok(error instanceof BudgetError);
          return;
        }
        for (const name of names) {
          const granted = child.limits[name];
          const available = left[name];
          if (available !== null)
            assert.ok(
              granted !== undefined && granted < available && granted > 0,
              `${name}: ${granted} of ${available}`,
            );
          const asked = wanted[name];
          if (asked !== undefined) assert.ok((granted ?? Infinity) <= asked);
        }
        parent = child;
      }
    }),
  );
});

test("a chain of grants of calls is never longer than the first of them", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), (calls) => {
      let budget = new Budget({ calls });
      let depth = 0;
      assert.throws(() => {
        for (;;) {
          budget = delegate(budget);
          depth++;
        }
      }, BudgetError);
      assert.ok(depth < calls);
    }),
  );
});

test("whatever children of children spend, no ancestor's limit is crossed, and each sees it", async () => {
  const plan = fc.array(fc.tuple(fc.nat(5), fc.integer({ min: 1, max: 40 })), {
    minLength: 1,
    maxLength: 40,
  });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 50, max: 400 }), plan, async (tokens, calls) => {
      const root = new Budget({ tokens });
      const grants: Budget[] = [root];
      let spent = 0;
      for (const [pick, size] of calls) {
        const from = grants[pick % grants.length] ?? root;
        try {
          const child = delegate(from, {} satisfies Limits);
          grants.push(child);
          const needs = {
            modelKey: "m",
            wantedOutputTokens: size,
            leastOutputTokens: size,
            amount: (output: number) => ({ costUsd: 0, tokens: output }),
          };
          const reservation = await child.reserve(needs, new AbortController().signal);
          const usage = { inputTokens: 0, cachedInputTokens: 0, outputTokens: size, reasoningTokens: 0 };
          reservation.settle({ type: "answered", usage, costUsd: 0, source: "provider" });
          spent += size;
        } catch (error) {
          assert.ok(error instanceof BudgetError);
        }
      }
      assert.equal(root.usage.outputTokens, spent);
      for (const grant of grants) assert.ok(grant.usage.outputTokens <= (grant.limits.tokens ?? Infinity));
    }),
  );
});
