/** Laws of keeping conversations, on random histories: both stores must agree with what was said, and with each other. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { RE2JS } from "re2js";
import { searchableText, summaryId } from "../core/conversation.ts";
import type { Branch, NewMessage, SummaryContent } from "../core/conversation.ts";
import type { ConversationStore, SearchQuery } from "../core/conversation-store.ts";
import { asConversationId } from "../core/ids.ts";
import type { Json } from "../core/json.ts";
import { textOfMessage } from "../core/message.ts";
import type { Message } from "../core/message.ts";
import { memoryConversations, sqliteConversations } from "./conversations.ts";
import { matcherOf } from "./conversations/matcher.ts";
import { requiredTexts } from "./conversations/required-text.ts";
import { caseless, indexedText, trigramsOf } from "./conversations/search-text.ts";

const directory = await mkdtemp(join(tmpdir(), "laws-"));
let disk: ConversationStore;
const memory = memoryConversations();
before(async () => {
  disk = await sqliteConversations({ directory });
});
after(async () => {
  await disk.close();
  await rm(directory, { recursive: true });
});

const runs = Number(process.env["UNABRIDGED_RUNS"] ?? 60);
let conversations = 0;

async function newConversation(store: ConversationStore): Promise<Branch> {
  const { branches } = await store.open(asConversationId(`law ${++conversations}`));
  assert.ok(branches[0]);
  return branches[0];
}

/** Code units, not characters: halves of characters, NUL and the like are texts too. */
const unit = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...Array.from("abcABC '\"\\\n-")) },
  { weight: 2, arbitrary: fc.constantFrom(...Array.from("会议预算日本é\u0301ςΣσßẞſKİı")) },
  { weight: 1, arbitrary: fc.constantFrom("🐘", "\ud800", "\udc00", "\0", "\u2028", "\ufffd", "\ue000") },
);
const text = fc.array(unit, { maxLength: 40 }).map((units) => units.join(""));
const json = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as Json);
const message: fc.Arbitrary<Message> = fc.oneof(
  text.map((content): Message => ({ role: "system", content })),
  fc
    .array(
      fc.oneof(
        text.map((value) => ({ type: "text" as const, text: value })),
        text.map((filename) => ({ type: "file" as const, mediaType: "image/png", data: "QUJD", filename })),
      ),
      { maxLength: 3 },
    )
    .map((content): Message => ({ role: "user", content })),
  fc.tuple(text, text, json).map(([reasoning, said, input]): Message => ({
    role: "assistant",
    content: [
      { type: "reasoning", text: reasoning, opaque: { signature: reasoning } },
      { type: "text", text: said },
      { type: "tool-call", toolCallId: "c", toolName: "t", input },
    ],
  })),
  fc.oneof(json, text).map((output): Message => ({
    role: "tool",
    content: [{ type: "tool-result", toolCallId: "c", toolName: "t", output }],
  })),
);
const newMessage: fc.Arbitrary<NewMessage> = fc
  .record({ message, at: fc.integer(), verbatim: fc.option(text), metadata: fc.option(json) })
  .map(({ message: said, at, verbatim, metadata }) => ({
    message: said,
    at,
    ...(verbatim === null ? {} : { verbatim }),
    ...(metadata === null ? {} : { metadata: { metadata } }),
  }));

async function law(property: fc.IAsyncProperty<unknown[]> | object, numRuns: number = runs): Promise<void> {
  await fc.assert(property as fc.IAsyncProperty<unknown>, { numRuns });
}

test("what is read is what was appended, to the letter, on disk as in memory", async () => {
  await law(
    fc.asyncProperty(fc.array(newMessage, { maxLength: 12 }), async (messages) => {
      const hashes: string[] = [];
      for (const store of [disk, memory]) {
        const main = await newConversation(store);
        await store.messages.append(main, messages);
        const stored = await Array.fromAsync(store.messages.read(main));
        assert.deepEqual(
          stored.map(({ message: said, verbatim, metadata }) => JSON.stringify([said, verbatim, metadata])),
          messages.map(({ message: said, verbatim, metadata }) => JSON.stringify([said, verbatim, metadata])),
        );
        hashes.push(stored.at(-1)?.hash ?? "");
        assert.deepEqual((await store.check(main.conversationId)).problems, []);
      }
      assert.equal(hashes[0], hashes[1], "hashes follow from what was said alone");
    }),
  );
});

test("appending any part of a keyed history again, in any order, adds nothing", async () => {
  const deliveries = fc
    .array(newMessage, { minLength: 1, maxLength: 10 })
    .chain((messages) =>
      fc.tuple(fc.constant(messages), fc.array(fc.nat(messages.length - 1), { maxLength: 20 })),
    );
  await law(
    fc.asyncProperty(deliveries, async ([messages, again]) => {
      const keyed = messages.map((one, index) => ({ ...one, key: `k${index}` }));
      for (const store of [disk, memory]) {
        const main = await newConversation(store);
        await store.messages.append(main, keyed);
        const head = (await store.branch(main)).head;
        const repeated = again.flatMap((index) => keyed[index] ?? []);
        const outcomes = await store.messages.append(main, repeated);
        assert.ok(outcomes.every(({ status }) => status === "known"));
        assert.deepEqual((await store.branch(main)).head, head);
      }
    }),
  );
});

type Act = { readonly on: number; readonly say: number } | { readonly on: number; readonly forkAt: number };
const acts = fc.array(
  fc.oneof(
    fc.record({ on: fc.nat(9), say: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ on: fc.nat(9), forkAt: fc.nat(20) }),
  ) satisfies fc.Arbitrary<Act>,
  { maxLength: 14 },
);

test("each branch has its own history and shares the beginning, whatever is forked from what", async () => {
  await law(
    fc.asyncProperty(acts, async (history) => {
      for (const store of [disk, memory]) {
        const branches = [await newConversation(store)];
        const paths: string[][] = [[]];
        let said = 0;
        for (const act of history) {
          const [branch, path] = [branches[act.on % branches.length], paths[act.on % branches.length]];
          assert.ok(branch && path);
          if ("say" in act) {
            const messages = Array.from({ length: act.say }, (): NewMessage => ({
              message: { role: "system", content: "x" },
            }));
            await store.messages.append(branch, messages);
            for (const _ of messages) path.push(`m${++said}`);
          } else {
            const at = act.forkAt % (path.length + 1);
            branches.push(await store.fork(branch, at));
            paths.push(path.slice(0, at));
          }
        }
        for (const [index, branch] of branches.entries()) {
          const ids = await Array.fromAsync(store.messages.read(branch), ({ id }) => id);
          assert.deepEqual(ids, paths[index]);
          const found = await store.search({ type: "literal", text: "x" }, { in: branch, limit: 1000 });
          assert.deepEqual(found.hits.map(({ id }) => id).sort(), ids.toSorted());
        }
        assert.deepEqual((await store.check(branches[0]?.conversationId ?? "all")).problems, []);
      }
    }),
  );
});

test("every piece of every text is found, in each message that has it and no other", async () => {
  const histories = fc.tuple(
    fc.array(newMessage, { minLength: 1, maxLength: 10 }),
    fc.nat(),
    fc.nat(),
    fc.nat(6),
    fc.boolean(),
  );
  await law(
    fc.asyncProperty(histories, async ([messages, which, start, length, ignoreCase]) => {
      const texts = messages.map((one) => searchableText(one.message));
      const source = texts[which % texts.length] ?? "";
      const from = start % Math.max(1, source.length);
      const piece = source.slice(from, from + 1 + length);
      if (piece === "") return;
      const query: SearchQuery = { type: "literal", text: piece, ignoreCase };
      const expected = texts.flatMap((one, index) => (one.includes(piece) ? [`m${index + 1}`] : []));
      const found: string[][] = [];
      for (const store of [disk, memory]) {
        const main = await newConversation(store);
        await store.messages.append(main, messages);
        const ids = await pagedIds(store, main, query);
        assert.equal(new Set(ids).size, ids.length);
        for (const id of expected) assert.ok(ids.includes(id), JSON.stringify([piece, id]));
        if (!ignoreCase) assert.deepEqual(ids, expected);
        found.push(ids);
      }
      assert.deepEqual(found[0], found[1]);
    }),
    runs * 3,
  );
});

async function pagedIds(store: ConversationStore, main: Branch, query: SearchQuery): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const options = { in: main, limit: 2, order: "oldest-first", ...(cursor ? { cursor } : {}) } as const;
    const page = await store.search(query, options);
    ids.push(...page.hits.map(({ id }) => id));
    cursor = page.next;
  } while (cursor !== undefined);
  return ids;
}

test("what could be looked up of a piece is in the indexed form of every text that has it, in any case", async () => {
  const pieces = fc.tuple(text, text, text);
  await law(
    fc.property(pieces, ([prefix, piece, suffix]) => {
      for (const cased of [piece, piece.toUpperCase(), piece.toLowerCase()]) {
        const characters = Array.from(indexedText(prefix + cased + suffix)).join("");
        const isSame = caseless(cased) === caseless(piece);
        for (const trigram of trigramsOf(piece)) assert.ok(!isSame || characters.includes(trigram), trigram);
      }
    }),
    2000,
  );
});

test("letters that differ by case only have one indexed form", () => {
  const patterns = new Map<string, string[]>();
  for (let code = 0x80; code < 0x1_f000; code++) {
    if (code >= 0xd800 && code <= 0xdfff) continue;
    const character = String.fromCodePoint(code);
    for (const other of [character.toLowerCase(), character.toUpperCase()]) {
      if (other !== character && Array.from(other).length === 1)
        patterns.set(character, [...(patterns.get(character) ?? []), other]);
    }
  }
  for (const [character, others] of patterns) {
    for (const other of others) {
      const equal = RE2JS.compile(RE2JS.quote(character), RE2JS.CASE_INSENSITIVE).testExact(other);
      if (equal) assert.equal(caseless(character), caseless(other), `${character} ${other}`);
    }
  }
});

const atom = fc.oneof(
  fc.constantFrom(
    "abc",
    "ab",
    "c",
    ".",
    "\\.",
    "\\d",
    "[ab]",
    "[^]a]",
    "(?:bca|b)",
    "(ab)",
    "\\b",
    "^",
    "$",
    "会议",
    "{",
    "a{2}",
    "\\n",
  ),
);
const pattern = fc
  .array(fc.tuple(atom, fc.constantFrom("", "", "", "?", "*", "+", "{0,2}", "{2}", "+?")), {
    minLength: 1,
    maxLength: 5,
  })
  .map((pieces) => pieces.map(([one, times]) => one + (one === "{" ? "" : times)).join(""));
const patterns = fc.array(pattern, { minLength: 1, maxLength: 3 }).map((all) => all.join("|"));
const lines = fc.array(fc.constantFrom("abc", "ab", "c", "a", "b", ".", "1", "会议", "{", "\n", "A", "B"), {
  maxLength: 12,
});

test("a text that a pattern matches has all that the pattern was said to require", async () => {
  await law(
    fc.property(patterns, lines, fc.boolean(), (source, pieces, ignoreCase) => {
      let regex: RE2JS;
      try {
        regex = RE2JS.compile(source, RE2JS.MULTILINE | (ignoreCase ? RE2JS.CASE_INSENSITIVE : 0));
      } catch {
        return; // Not every row of pieces is a pattern.
      }
      const subject = pieces.join("");
      const required = requiredTexts(source);
      if (!required || !regex.matcher(subject).find()) return;
      const indexed = indexedText(subject);
      const holds = required.some((all) => all.every((piece) => indexed.includes(indexedText(piece))));
      assert.ok(holds, JSON.stringify([source, subject, required]));
      assert.ok(matcherOf({ type: "regex", pattern: source, ignoreCase }));
    }),
    3000,
  );
});

test("of two swaps from one version one wins, and the context always covers each position once", async () => {
  const rounds = fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.nat(8), fc.nat(8)), {
    minLength: 1,
    maxLength: 5,
  });
  await law(
    fc.asyncProperty(rounds, async (all) => {
      for (const store of [disk, memory]) {
        const main = await newConversation(store);
        for (const [count, first, second] of all) {
          const news = Array.from({ length: count }, (): NewMessage => ({
            message: { role: "system", content: "x" },
          }));
          await store.messages.append(main, news);
          const { version } = await store.context(main);
          const read = await Array.fromAsync(store.messages.read(main));
          const attempt = (cut: number) => {
            const last = (cut % read.length) + 1;
            const leaf = leafTo(last, read[last - 1]?.hash ?? "");
            const items = [{ type: "summary" as const, id: summaryId(leaf) }];
            return store.swap(main, {
              expectedVersion: version,
              items,
              newSummaries: [leaf],
              reason: `to ${last}`,
            });
          };
          const late = store.messages.append(main, news);
          const results = await Promise.all([attempt(first), attempt(second)]);
          await late;
          assert.deepEqual(
            results.map(({ status }) => status),
            ["swapped", "outdated"],
          );
          const context = await store.context(main);
          assert.equal(context.version, version + 1);
          assert.equal(context.through, (first % read.length) + 1);
        }
        assert.deepEqual((await store.check(main.conversationId)).problems, []);
      }
    }),
    Math.ceil(runs / 2),
  );
});

function leafTo(last: number, hash: string): SummaryContent {
  return {
    kind: "leaf",
    covers: { first: 1, last, hash },
    level: 1,
    origin: { type: "deterministic" },
    text: `to ${last}`,
    tokens: 2,
    needsRepair: true,
  };
}

test("an export makes the same conversation in another store, line for line", async () => {
  await law(
    fc.asyncProperty(fc.array(newMessage, { maxLength: 8 }), fc.nat(8), async (messages, at) => {
      for (const [from, to] of [
        [disk, memory],
        [memory, disk],
      ] as const) {
        const main = await newConversation(from);
        await from.messages.append(main, messages);
        const side = await from.fork(main, at % (messages.length + 1));
        await from.messages.append(side, messages.slice(0, 2));
        const exported = await Array.fromAsync(from.export(main.conversationId));
        await to.import(exported);
        assert.deepEqual(await Array.fromAsync(to.export(main.conversationId)), exported);
        assert.deepEqual((await to.check(main.conversationId)).problems, []);
      }
    }),
    Math.ceil(runs / 2),
  );
});

test("a message of five million characters comes back whole and is found by what is in its middle", async () => {
  const main = await newConversation(disk);
  const filler = "the quick brown fox 会议 jumps ".repeat(85_000);
  const content = `${filler}needle in the middle${filler}`;
  assert.ok(content.length > 5_000_000 - 200_000);
  await disk.messages.append(main, [{ message: { role: "system", content } }]);
  const [stored] = await Array.fromAsync(disk.messages.read(main));
  assert.ok(stored && textOfMessage(stored.message) === content);
  const { hits } = await disk.search({ type: "literal", text: "needle in the" }, { in: main });
  assert.equal(hits.length, 1);
  assert.match(hits[0]?.snippets[0]?.text ?? "", /^….*needle in the middle.*…$/);
});
