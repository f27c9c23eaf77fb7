/** The laws of what is stored: crashes, swaps at once, redelivery, erasure, search, failing summarisers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ConversationStore } from "../../core/conversation-store.ts";
import { searchableText } from "../../core/conversation.ts";
import { ModelError } from "../../core/errors.ts";
import { asConversationId, newRunId } from "../../core/ids.ts";
import { estimateTokens, TokenCalibration } from "../../core/tokens.ts";
import { memoryConversations } from "../../stores/conversations.ts";
import { scriptedModel, type FixedStep } from "../../testing/scripted-model.ts";
import { openConversation, type OpenConversation } from "../conversation.ts";
import type { MessageInput } from "../input.ts";
import { SummariserPatience } from "../patience.ts";
import { sourceOf } from "../source.ts";
import { standaloneScopes } from "../surroundings.ts";
import { summarize } from "../summarize.ts";
import { Crash, crashingStore } from "./crash-store.fixture.ts";
import { Random, randomGroup } from "./random-history.fixture.ts";
import { asMessage, poison } from "./checks.fixture.ts";

const numRuns = 2_000;
const seed = fc.integer({ min: 0, max: 0xffff_ffff });
const ref = { conversationId: asConversationId("talk"), name: "main" };
const window = 1_600;

function open(store: ConversationStore, model?: ReturnType<typeof scriptedModel>): OpenConversation {
  return openConversation("talk", {
    store,
    settings: { contextWindow: window, background: false },
    ...(model && { model }),
  });
}

function batches(random: Random, count: number): readonly (readonly MessageInput[])[] {
  const counter = { next: 0 };
  return Array.from({ length: count }, () => [
    ...randomGroup(random, window, counter),
    ...randomGroup(random, window, counter),
  ]);
}

test("law 10: killed at any step and opened again, nothing acknowledged is lost and no swap is half done", async () => {
  const when = fc.constantFrom("before", "after");
  await fc.assert(
    fc.asyncProperty(seed, fc.integer({ min: 1, max: 40 }), when, async (from, at, side) => {
      const inner = memoryConversations();
      const { store } = crashingStore(inner, at, side);
      const acknowledged: MessageInput[] = [];
      let pending: readonly MessageInput[] = [];
      try {
        const conversation = open(store);
        for (const batch of batches(new Random(from), 6)) {
          pending = batch;
          await conversation.append(batch);
          acknowledged.push(...batch);
          pending = [];
          await conversation.context();
        }
      } catch (error) {
        assert.ok(error instanceof Crash || isTooLong(error), String(error));
      }
      await inner.open(ref.conversationId);
      const again = open(inner);
      const kept = (await Array.fromAsync(again.history())).map(({ message }) => JSON.stringify(message));
      const said = acknowledged.map((input) => JSON.stringify(asMessage(input)));
      assert.deepEqual(kept.slice(0, said.length), said);
      // A batch in the air is there whole or not at all.
      assert.ok(kept.length === said.length || kept.length === said.length + pending.length);
      const { items, through } = await inner.context(ref);
      let next = 1;
      for (const item of items) {
        const covers =
          item.type === "messages" ? item : (await inner.summaries.get(ref.conversationId, item.id))?.covers;
        assert.equal(covers?.first, next);
        next = (covers?.last ?? 0) + 1;
      }
      assert.equal(next, through + 1);
      assert.deepEqual((await inner.check("all")).problems, []);
    }),
    { numRuns },
  );
});

test("law 11: what is appended while labels are made is there after the swap, and of two swaps one is refused", async () => {
  await fc.assert(
    fc.asyncProperty(seed, async (from) => {
      const random = new Random(from);
      const store = memoryConversations();
      // The summariser takes its time, in which others go on.
      const model = scriptedModel(
        async (request): Promise<FixedStep> => {
          for (let turn = random.int(0, 8); turn > 0; turn--) await Promise.resolve();
          return JSON.stringify(request.messages[0]).includes("You write labels")
            ? "Topic: something of theirs\nOpen: the rest"
            : "ok";
        },
        { contextWindow: window },
      );
      const [one, other] = [open(store, model), open(store, model)];
      const said: string[] = [];
      for (const batch of batches(random, 4)) {
        await one.append(batch);
        said.push(...batch.map((input) => JSON.stringify(asMessage(input))));
      }
      const more = { role: "user", content: "and meanwhile this" } as const;
      const settled = await Promise.allSettled([
        one.compact(),
        other.context(),
        other.append(more),
        one.context(),
      ]);
      for (const result of settled)
        if (result.status === "rejected") assert.ok(isTooLong(result.reason), String(result.reason));
      said.push(JSON.stringify(asMessage(more)));
      const kept = (await Array.fromAsync(other.history())).map(({ message }) => JSON.stringify(message));
      assert.deepEqual(kept, said);
      const positions = (await shownPositions(one)) ?? said.map((_, index) => index + 1);
      assert.deepEqual(
        positions,
        said.map((_, index) => index + 1),
      );
    }),
    { numRuns },
  );
});

test("law 12: redelivered in any order, keyed messages add nothing, while the same words said twice are two messages", async () => {
  await fc.assert(
    fc.asyncProperty(seed, async (from) => {
      const random = new Random(from);
      const conversation = open(memoryConversations());
      const said = batches(random, 3).flat();
      await conversation.append(said);
      const again = said.filter(() => random.chance(0.5)).reverse();
      const results = again.length === 0 ? [] : await conversation.append(again);
      assert.ok(results.every(({ status }) => status === "known"));
      await conversation.append([{ role: "user", content: "yes" }]);
      await conversation.append([{ role: "user", content: "yes" }]);
      assert.equal((await Array.fromAsync(conversation.history())).length, said.length + 2);
    }),
    { numRuns },
  );
});

test("law 13: an erasure takes the words and leaves a tombstone; nothing else is touched", async () => {
  await fc.assert(
    fc.asyncProperty(seed, async (from) => {
      const random = new Random(from);
      const store = memoryConversations();
      const conversation = open(store);
      await conversation.append(batches(random, 3).flat());
      await conversation.context().catch((error: unknown) => assert.ok(isTooLong(error)));
      const before = await Array.fromAsync(conversation.history());
      const gone = random.int(1, before.length);
      await conversation.erase({ type: "range", branch: "main", first: gone, last: gone }, "asked for");
      const after = await Array.fromAsync(conversation.history());
      after.forEach((stored, index) => {
        assert.equal(stored.hash, before[index]?.hash);
        if (stored.position === gone) assert.equal(stored.erased?.reason, "asked for");
        else assert.deepEqual(stored, before[index]);
      });
      const positions = await shownPositions(conversation);
      if (positions)
        assert.deepEqual(
          positions,
          before.map(({ position }) => position),
        );
    }),
    { numRuns },
  );
});

test("law 16: whatever the summariser answers, a label comes back that keeps its cap, and failures are flagged", async () => {
  const newScope = standaloneScopes(new TokenCalibration());
  const fault = fc.oneof(
    fc.constantFrom<FixedStep>(
      "",
      new ModelError("auth", "401"),
      new ModelError("timeout", "late", { retryable: false }),
      new ModelError("rate_limited", "slow down", { retryable: false }),
      new ModelError("refused", "no"),
      new ModelError("context_overflow", "too long"),
      { text: poison, stopReason: "length" },
      { text: poison, stopReason: "refused" },
      { reasoning: poison },
      `As an AI ${poison}`,
      `${poison} `.repeat(9_000),
      new TypeError(poison),
    ),
    fc
      .string({ unit: "binary", maxLength: 60 })
      .map((text): FixedStep => `${poison} 7766554 /etc/${poison} ${text} 9988776`),
  );
  await fc.assert(
    fc.asyncProperty(seed, fault, fc.integer({ min: 20, max: 400 }), async (from, step, cap) => {
      const model = scriptedModel(() => step);
      const { signal } = new AbortController();
      const scope = await newScope({
        runId: newRunId(),
        purpose: "labels",
        signal,
        limits: {},
        publish: () => undefined,
      });
      const messages = batches(new Random(from), 2)
        .flat()
        .map((input, index) => storedOf(input, index + 1));
      const source = sourceOf(messages);
      const label = await summarize(source, cap, {
        model,
        scope,
        signal,
        patience: new SummariserPatience(),
      });
      assert.ok(label.tokens <= cap && estimateTokens(label.text) === label.tokens);
      assert.ok(
        label.tokens <= source.tokens && label.needsRepair && !label.text.includes(poison),
        label.text,
      );
    }),
    { numRuns },
  );
});

test("law 17: any piece of three characters or more is found, each message once over all pages", async () => {
  await fc.assert(
    fc.asyncProperty(seed, async (from) => {
      const random = new Random(from);
      const conversation = open(memoryConversations());
      await conversation.append(batches(random, 3).flat());
      const stored = await Array.fromAsync(conversation.history());
      const searched = stored.filter(({ message }) => searchableText(message).trim().length >= 3);
      if (searched.length === 0) return;
      const target = random.pick(searched);
      const text = searchableText(target.message);
      const start = random.int(0, text.length - 3);
      const piece = text.slice(start, start + random.int(3, 12));
      const found: number[] = [];
      let cursor: string | undefined;
      do {
        const page = await conversation.recallGrep({
          pattern: piece,
          matchCase: true,
          limit: 2,
          ...(cursor !== undefined && { cursor }),
        });
        found.push(...page.hits.map(({ position }) => position));
        cursor = page.next;
      } while (cursor !== undefined);
      const expected = stored
        .filter(({ message }) => searchableText(message).includes(piece))
        .map(({ position }) => position);
      assert.deepEqual(
        found.sort((a, b) => a - b),
        expected,
      );
    }),
    { numRuns },
  );
});

test("law 17: a model that finds nothing is told what was searched", async () => {
  const conversation = open(memoryConversations());
  await conversation.append([{ role: "user", content: "the port is 8080" }]);
  const page = await conversation.recallGrep("9090");
  assert.equal(page.hits.length, 0);
  assert.equal(page.searched.messages, 1);
});

async function shownPositions(conversation: OpenConversation): Promise<readonly number[] | undefined> {
  try {
    const { items } = await conversation.context();
    return items.flatMap((item) => {
      if (item.type === "label")
        return Array.from({ length: item.last - item.first + 1 }, (_, i) => item.first + i);
      return item.type === "message" ? [item.position] : [];
    });
  } catch (error) {
    assert.ok(isTooLong(error), String(error));
    return undefined;
  }
}

/** A random history may begin with instructions longer than so small a window. */
function isTooLong(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "window_too_small";
}

function storedOf(input: MessageInput, position: number): Parameters<typeof sourceOf>[0][number] {
  return {
    ...{
      id: "m1" as never,
      position,
      message: asMessage(input),
      verbatim: undefined,
      key: undefined,
      metadata: undefined,
    },
    ...{ blobs: [], at: 0, tokens: 0, contentHash: "", hash: "", parentHash: "", erased: undefined },
  };
}
