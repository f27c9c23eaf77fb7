/** The laws of the parts that are pure, as properties over sizes, texts and lists of messages. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { StoredMessage, SummaryNode } from "../../core/conversation.ts";
import type { SummaryId } from "../../core/ids.ts";
import { estimateTokens } from "../../core/tokens.ts";
import { assembleContext } from "../assemble.ts";
import { labelWithoutModel } from "../deterministic.ts";
import { messageEntry, nodeEntry, type Entry } from "../entries.ts";
import { fence, fenceTokens, harmless } from "../fence.ts";
import { groupMessages } from "../groups.ts";
import { messageTokens } from "../measure.ts";
import { compacted, decide, type PlanInput } from "../plan.ts";
import { recallTools } from "../recall-tools.ts";
import { sizesFor } from "../sizes.ts";
import { sourceOf } from "../source.ts";
import { foldsOf, totalTokens, type Unit } from "../units.ts";
import { Random, randomGroup, randomText } from "./random-history.fixture.ts";
import { asMessage } from "./checks.fixture.ts";

const numRuns = 2_000;
const seed = fc.integer({ min: 0, max: 0xffff_ffff });

test("law 1: however units are folded, they cover the same messages in the same order", () => {
  fc.assert(
    fc.property(seed, (from) => {
      const { units, sizes } = randomUnits(new Random(from));
      const target = compacted(units, sizes);
      assert.deepEqual(flat(target), flat(units));
      for (const fold of foldsOf(target))
        if (fold.type === "condensed") assert.deepEqual(flat(fold.children).at(-1), fold.last);
    }),
    { numRuns },
  );
});

test("law 4: whatever the sizes, a swap at the hard limit gives what fits", () => {
  fc.assert(
    fc.property(seed, (from) => {
      const { units, sizes } = randomUnits(new Random(from));
      const decision = decide(planOf(units, sizes));
      if (decision.type === "swap") assert.ok(sizes.overhead + totalTokens(decision.target) <= sizes.hard);
      else assert.ok(sizes.overhead + totalTokens(units) <= sizes.hard);
    }),
    { numRuns },
  );
});

test("law 4: labels of any history take a bounded part of the window", () => {
  fc.assert(
    fc.property(seed, (from) => {
      const random = new Random(from);
      const window = random.pick([8_000, 32_000, 200_000]);
      const sizes = sizesFor({ window, maxOutputTokens: undefined, overhead: 600 });
      let units: Unit[] = [];
      let position = 1;
      for (let swap = 0; swap < 60; swap++) {
        for (let i = 0; i < 20; i++) {
          const tokens = Math.ceil(sizes.leafSource / random.int(4, 16));
          const beginsTurn = random.chance(0.5);
          units.push({ type: "group", first: position, last: position, tokens, isPinned: false, beginsTurn });
          position++;
        }
        units = made(compacted(units, sizes));
        const labels = units.filter((unit) => unit.type === "node");
        // Law 2: the steps from a label down to its messages grow with the logarithm of the history.
        const deepest = Math.max(0, ...labels.map(({ level }) => level));
        assert.ok(deepest <= Math.log2(position) + 1, `level ${deepest} at message ${position}`);
        assert.ok(
          totalTokens(labels) <= sizes.region,
          `${totalTokens(labels)} of ${sizes.region} at message ${position}`,
        );
      }
    }),
    { numRuns: 100 },
  );
});

test("law 5: a fold makes the request shorter, and what was folded is not folded again", () => {
  fc.assert(
    fc.property(seed, (from) => {
      const { units, sizes } = randomUnits(new Random(from));
      const target = compacted(units, sizes);
      if (foldsOf(target).length === 0) return;
      assert.ok(totalTokens(target) < totalTokens(units));
      let again = made(target);
      for (let round = 0; round < 12; round++) {
        const next = compacted(again, sizes);
        if (foldsOf(next).length === 0) return;
        assert.ok(totalTokens(next) < totalTokens(again));
        again = made(next);
      }
      assert.fail("folding goes on and on");
    }),
    { numRuns },
  );
});

test("law 6: a label made without a model keeps its cap, and is shorter than its source", () => {
  fc.assert(
    fc.property(seed, fc.integer({ min: 1, max: 2_000 }), (from, cap) => {
      const random = new Random(from);
      const source = sourceOf(randomStored(random, 6));
      const text = labelWithoutModel(source, cap);
      assert.ok(estimateTokens(text) <= Math.min(cap, Math.max(1, source.tokens - 1)), text);
      assert.equal(text, labelWithoutModel(source, cap));
    }),
    { numRuns },
  );
});

test("law 7: groups partition a history and keep each call with its results", () => {
  fc.assert(
    fc.property(seed, (from) => {
      const messages = randomStored(new Random(from), 12).map(({ message }) => message);
      const groups = groupMessages(messages);
      assert.deepEqual(
        groups.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i)),
        messages.map((_, index) => index),
      );
      for (const { first, last, isOpen } of groups) {
        const calls = messages
          .slice(first, last + 1)
          .flatMap((message) =>
            message.role === "assistant" ? message.content.filter(({ type }) => type === "tool-call") : [],
          );
        const results = messages
          .slice(first, last + 1)
          .flatMap((message) => (message.role === "tool" ? message.content : []));
        if (!isOpen) assert.equal(calls.length, results.length);
      }
    }),
    { numRuns },
  );
});

test("law 8: the request of a longer history begins with that of a shorter one", () => {
  fc.assert(
    fc.property(seed, (from) => {
      const random = new Random(from);
      const entries = randomEntries(random);
      const texts = messagesOf(entries);
      const shorter = messagesOf(entries.slice(0, random.int(0, entries.length)));
      assert.deepEqual(texts.slice(0, shorter.length), shorter);
    }),
    { numRuns },
  );
});

test("law 9: the same entries give the same bytes, in any time zone and language", () => {
  const zone = process.env["TZ"];
  fc.assert(
    fc.property(seed, fc.constantFrom("UTC", "Asia/Tokyo", "America/St_Johns"), (from, other) => {
      const entries = randomEntries(new Random(from));
      const before = JSON.stringify(assemble(entries));
      process.env["TZ"] = other;
      process.env["LANG"] = "de_DE.UTF-8";
      assert.equal(JSON.stringify(assemble(randomEntries(new Random(from)))), before);
    }),
    { numRuns },
  );
  if (zone === undefined) delete process.env["TZ"];
  else process.env["TZ"] = zone;
});

test("law 14: a history with nothing hidden is assembled as it was said, without tools of ours", () => {
  fc.assert(
    fc.property(seed, (from) => {
      const stored = randomStored(new Random(from), 8);
      const entries = stored.map((message) => messageEntry(message, Number.POSITIVE_INFINITY));
      const { request } = assemble(entries);
      assert.equal(
        JSON.stringify(request),
        JSON.stringify({
          messages: [{ role: "system", content: "Be brief." }, ...stored.map(({ message }) => message)],
        }),
      );
    }),
    { numRuns },
  );
});

test("law 15: the user's latest message is pinned, and only a stub may take its place", () => {
  fc.assert(
    fc.property(seed, (from) => {
      const { units, sizes } = randomUnits(new Random(from));
      const decision = decide(planOf(units, sizes));
      if (decision.type !== "swap") return;
      for (const pinned of units.filter((unit) => unit.type === "group" && unit.isPinned)) {
        const after = decision.target.find(
          (unit) => unit.first === pinned.first && unit.last === pinned.last,
        );
        assert.ok(
          after === pinned ||
            (after?.type === "fold" && after.fold.type === "stub" && pinned.tokens > sizes.room / 8),
        );
      }
    }),
    { numRuns },
  );
});

test("law 18: no text ends its fence, starts a role, or calls a tool", () => {
  const signs = fc.constantFrom(
    "</label>",
    "< / label >",
    "<|im_start|>system",
    "<system>",
    "[INST]",
    "<function_calls>",
    "</LABEL\n>",
    "<<SYS>>",
    "\u0000",
    "\u202e",
    "<invoke>",
    "\ud800",
  );
  const text = fc
    .array(fc.oneof(signs, fc.string(), fc.string({ unit: "binary" })))
    .map((pieces) => pieces.join(""));
  fc.assert(
    fc.property(text, (given) => {
      const shown = fence({
        id: "sum_0123456789abcde" as SummaryId,
        covers: { first: 1, last: 9, hash: "" },
        text: given,
      });
      assert.equal(shown.match(/<[\s/|]*label/gi)?.length, 2);
      assert.ok(shown.endsWith("\n</label>"));
      assert.doesNotMatch(
        harmless(given),
        /<[\s/|<]*(?:system|im_|antml|function|assistant|user)|\[\/?INST|<<SYS/i,
      );
      assert.ok(shown.isWellFormed());
      assert.ok(estimateTokens(shown) <= estimateTokens(given) * 1.6 + fenceTokens);
    }),
    { numRuns },
  );
});

function planOf(units: readonly Unit[], sizes: PlanInput["sizes"]): PlanInput {
  const cache = { isCold: false, changed: undefined, readShare: 0.1, writeShare: 1.25, growth: 200 };
  return {
    units,
    ready: units,
    sizes,
    cache,
    labelsAreFree: false,
    tokens: sizes.overhead + totalTokens(units),
  };
}

function randomUnits(random: Random): { units: readonly Unit[]; sizes: PlanInput["sizes"] } {
  const window = random.pick([1_800, 4_000, 8_192, 32_768, 200_000, 1_000_000]);
  const sizes = sizesFor({
    window,
    maxOutputTokens: random.pick([500, 8_000, 100_000]),
    overhead: 600,
  });
  const units: Unit[] = [];
  let position = 1;
  for (let level = random.int(0, 4); level > 0; level--)
    for (let i = random.int(0, 5); i > 0; i--) {
      const first = position;
      position += random.int(1, 50);
      const tokens = random.int(40, Math.max(41, sizes.capOfLevel(level)));
      units.push({
        type: "node",
        id: `sum_${position}` as SummaryId,
        level,
        first,
        last: position - 1,
        tokens,
      });
    }
  const groups = random.int(1, 40);
  const pinned = random.int(0, groups);
  for (let i = 0; i < groups; i++) {
    const first = position;
    position += random.int(1, 3);
    const tokens = random.chance(0.1) ? random.int(1, window * 2) : random.int(1, Math.ceil(window / 15));
    const isPinned = i === pinned;
    const beginsTurn = isPinned || random.chance(0.4);
    units.push({ type: "group", first, last: position - 1, tokens, isPinned, beginsTurn });
  }
  return { units, sizes };
}

/** As if every fold had been made, with the most tokens it may take. */
function made(units: readonly Unit[]): Unit[] {
  return units.map((unit) => {
    if (unit.type !== "fold") return unit;
    const { first, last, tokens, level } = unit;
    return { type: "node", id: `sum_${first}_${last}_${level}` as SummaryId, level, first, last, tokens };
  });
}

function flat(units: readonly Unit[]): readonly number[] {
  return units.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
}

function randomStored(random: Random, groups: number): readonly StoredMessage[] {
  const counter = { next: 0 };
  const inputs = Array.from({ length: random.int(1, groups) }, () =>
    randomGroup(random, 2_000, counter),
  ).flat();
  return inputs.map((input, index) => {
    const message = asMessage(input);
    return { ...emptyStored, position: index + 1, message, tokens: messageTokens(message) };
  });
}

const emptyStored = {
  ...{ id: "m1" as StoredMessage["id"], verbatim: undefined, key: undefined, metadata: undefined, blobs: [] },
  ...{ at: 0, contentHash: "", hash: "", parentHash: "", erased: undefined },
};

function randomEntries(random: Random): readonly Entry[] {
  const labels = Array.from({ length: random.int(0, 3) }, (_, index): Entry => {
    const node: SummaryNode = {
      ...{
        id: `sum_00000000000000${index}` as SummaryId,
        kind: "leaf",
        level: 1,
        needsRepair: false,
        tokens: 9,
      },
      ...{ covers: { first: index + 1, last: index + 1, hash: "" }, origin: { type: "deterministic" } },
      ...{ text: randomText(random, 500), createdAt: 0, erased: undefined },
    };
    return nodeEntry(node);
  });
  return [...labels, ...randomStored(random, 8).map((stored) => messageEntry(stored, 1_000))];
}

function assemble(entries: readonly Entry[]): ReturnType<typeof assembleContext> {
  return assembleContext({ instructions: "Be brief.", tools: [], recallTools, entries, factor: 1.1 });
}

function messagesOf(entries: readonly Entry[]): readonly string[] {
  return assemble(entries).request.messages.map((message) => JSON.stringify(message));
}
