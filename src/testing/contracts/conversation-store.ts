/** What every ConversationStore must do, as tests: an adapter's test file calls this with a way to open one. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { rootHash, summaryId } from "../../core/conversation.ts";
import type { Branch } from "../../core/conversation.ts";
import type { ConversationStore } from "../../core/conversation-store.ts";
import { ConfigError, StoreError } from "../../core/errors.ts";
import { asConversationId, asMessageId } from "../../core/ids.ts";
import type { Message } from "../../core/message.ts";
import { system, user } from "../../core/message.ts";
import { conversationBlobTests } from "./conversation-blobs.ts";
import { conversationErasureTests } from "./conversation-erasure.ts";
import {
  awkward,
  condensedOf,
  idsOf,
  isError,
  leafOf,
  mainOf,
  say,
  textsOf,
} from "./conversation-harness.ts";
import type { ConversationTest } from "./conversation-harness.ts";
import { conversationSearchTests } from "./conversation-search.ts";
import { durableConversationsContract } from "./durable-conversations.ts";
import type { DurableConversations } from "./durable-conversations.ts";

export interface ConversationStoreUnderTest {
  /** Opens the store of an empty folder. */
  open(directory: string): Promise<ConversationStore>;
  /** Only for a store that outlives its process: lets other processes open it, to be killed. */
  readonly durable?: DurableConversations;
}

/** Registers the contract with node:test. */
export function conversationStoreContract(name: string, subject: ConversationStoreUnderTest): void {
  const storeTest: ConversationTest = (title, check) => {
    test(title, async () => {
      const directory = await mkdtemp(join(tmpdir(), "conversations-"));
      const store = await subject.open(directory);
      try {
        const main = mainOf(await store.open(asConversationId("a talk")));
        await check(store, main);
        const { problems } = await store.check("all").catch((error: unknown) => {
          if (error instanceof StoreError && error.code === "unavailable") return { problems: [] };
          throw error;
        });
        assert.deepEqual(problems, []);
      } finally {
        await store.close();
        await rm(directory, { recursive: true });
      }
    });
  };
  describe(`${name} keeps the contract of a conversation store`, () => {
    messageTests(storeTest);
    branchTests(storeTest);
    contextTests(storeTest);
    conversationBlobTests(storeTest);
    conversationSearchTests(storeTest);
    conversationErasureTests(storeTest);
    if (subject.durable) durableConversationsContract(subject.durable);
  });
}

function messageTests(storeTest: ConversationTest): void {
  storeTest(
    "messages come back to the letter, linked by hashes from the first one on",
    async (store, main) => {
      const messages: Message[] = [
        system(awkward),
        user(""),
        { role: "user", content: [] },
        {
          role: "user",
          content: [{ type: "file", mediaType: "image/png", data: "AAAA", filename: awkward }],
        },
        {
          role: "assistant",
          content: [
            { type: "reasoning", text: "hm", opaque: { signature: awkward } },
            { type: "tool-call", toolCallId: "1", toolName: "t", input: { b: 1, a: [awkward, null] } },
          ],
          opaque: { $text: { $text: "0".repeat(64) } },
        },
        { role: "tool", content: [{ type: "tool-result", toolCallId: "1", toolName: "t", output: long }] },
      ];
      const news = messages.map((message, index) => ({
        message,
        verbatim: `{"n": ${index}, "raw" : "${awkward}${long}" }\n`,
        metadata: { index, awkward },
        at: 1_700_000_000_000.5 + index,
      }));
      const appended = await store.messages.append(main, news);
      const stored = await Array.fromAsync(store.messages.read(main));
      assert.equal(stored.length, messages.length);
      let parentHash = rootHash;
      for (const [index, message] of stored.entries()) {
        assert.equal(JSON.stringify(message.message), JSON.stringify(messages[index]));
        assert.equal(message.verbatim, news[index]?.verbatim);
        assert.deepEqual(message.metadata, news[index]?.metadata);
        assert.equal(message.at, news[index]?.at);
        assert.equal(message.position, index + 1);
        assert.equal(message.id, appended[index]?.id);
        assert.equal(message.hash, appended[index]?.hash);
        assert.equal(message.parentHash, parentHash);
        assert.deepEqual(await store.messages.get(main.conversationId, message.id), message);
        parentHash = message.hash;
      }
      assert.deepEqual((await store.branch(main)).head, { position: messages.length, hash: parentHash });
    },
  );

  storeTest("the same text said twice is two messages, the same key and text is one", async (store, main) => {
    const [first] = await store.messages.append(main, [{ message: user("Yes."), key: "k1" }]);
    const again = await store.messages.append(main, [
      { message: user("Yes.") },
      { message: user("Yes."), key: "k1" },
      { message: user("Yes."), key: "k2" },
      { message: user("Yes."), key: "k2" },
    ]);
    assert.deepEqual(
      again.map(({ status, id }) => `${status} ${id}`),
      ["added m2", "known m1", "added m3", "known m3"],
    );
    assert.equal(again[1]?.hash, first?.hash);
    assert.deepEqual(await idsOf(store, main), ["m1", "m2", "m3"]);
  });

  storeTest(
    "a key with another content is refused, and nothing of its batch is kept",
    async (store, main) => {
      await store.messages.append(main, [{ message: user("Yes."), key: "k" }]);
      const refused = [{ message: user("new") }, { message: user("No."), key: "k" }];
      await assert.rejects(
        store.messages.append(main, refused),
        isError("key_conflict", /a talk.*"k".*Fork/),
      );
      const other = [{ message: user("Yes."), metadata: { other: true }, key: "k" }];
      await assert.rejects(store.messages.append(main, other), isError("key_conflict"));
      assert.deepEqual(await idsOf(store, main), ["m1"]);
      // After the fork the key is free again: an edited turn keeps its name.
      const edited = await store.fork(main, 0);
      await store.messages.append(edited, [{ message: user("No."), key: "k" }]);
      assert.deepEqual(await idsOf(store, edited), ["m2"]);
    },
  );

  storeTest("an append that expects another head is refused", async (store, main) => {
    const [first] = await store.messages.append(main, [{ message: user("1") }], { expectedHead: rootHash });
    const late = store.messages.append(main, [{ message: user("2") }], { expectedHead: rootHash });
    await assert.rejects(late, isError("version_conflict", /moved on/));
    await store.messages.append(main, [{ message: user("2") }], { expectedHead: first?.hash ?? "" });
    assert.deepEqual(await idsOf(store, main), ["m1", "m2"]);
  });

  storeTest("many appends at once are all there, in the order of their calls", async (store, main) => {
    const texts = Array.from({ length: 700 }, (_, index) => `message ${index}`);
    await Promise.all(texts.map((text) => store.messages.append(main, [{ message: user(text) }])));
    const stored = await Array.fromAsync(store.messages.read(main), ({ message }) => message);
    assert.deepEqual(stored, texts.map(user));
  });

  storeTest("a range is read in either order, across pages", async (store, main) => {
    await store.messages.append(
      main,
      Array.from({ length: 1300 }, () => ({ message: user("x") })),
    );
    const positions = async (range: object): Promise<number[]> =>
      Array.fromAsync(store.messages.read(main, range), ({ position }) => position);
    const upwards = Array.from({ length: 1300 }, (_, index) => index + 1);
    assert.deepEqual(await positions({}), upwards);
    assert.deepEqual(await positions({ order: "newest-first" }), upwards.toReversed());
    assert.deepEqual(await positions({ first: 510, last: 1030 }), upwards.slice(509, 1030));
    assert.deepEqual(await positions({ first: 1299, order: "newest-first" }), [1300, 1299]);
    assert.deepEqual(await positions({ first: 7, last: 7, order: "newest-first" }), [7]);
    assert.deepEqual(await positions({ first: 1301 }), []);
    assert.deepEqual(await positions({ first: 5, last: 4 }), []);
    assert.deepEqual(await positions({ first: 5, last: 4, order: "newest-first" }), []);
  });

  storeTest("what is not there is undefined or refused by name", async (store, main) => {
    assert.equal(await store.messages.get(main.conversationId, asMessageId("m1")), undefined);
    assert.equal(await store.messages.get(main.conversationId, asMessageId("rubbish")), undefined);
    const nowhere = { conversationId: asConversationId("nowhere"), name: "main" };
    await assert.rejects(store.branch(nowhere), isError("not_found", /"nowhere".*"a talk"/));
    await assert.rejects(store.branch({ ...main, name: "side" }), isError("not_found", /"side".*main/));
    await assert.rejects(store.messages.append(nowhere, [{ message: user("x") }]), isError("not_found"));
    await assert.rejects(store.open(asConversationId("")), (error) => error instanceof ConfigError);
  });

  storeTest(
    "conversations are listed by last use, and opening one again changes nothing",
    async (store, main) => {
      const other = mainOf(await store.open(asConversationId("other")));
      await store.messages.append(other, [{ message: user("x"), tokens: 3, at: 5 }]);
      await store.messages.append(main, [{ message: user("y"), tokens: 4, at: 6 }]);
      const [first, second] = await store.list({ limit: 9 });
      assert.deepEqual([first?.id, second?.id], ["a talk", "other"]);
      assert.equal(second?.lastMessageAt, 5);
      assert.deepEqual([second?.messages, second?.branches, second?.tokens], [1, 1, 3]);
      const again = await store.open(asConversationId("other"));
      assert.equal(again.createdAt, second?.createdAt);
      assert.equal(again.branches[0]?.head.position, 1);
    },
  );

  storeTest("what a caller changes after a write is not stored", async (store, main) => {
    const content = [{ type: "text" as const, text: "before" }];
    const appending = store.messages.append(main, [{ message: { role: "user", content } }]);
    content[0] = { type: "text", text: "after" };
    await appending;
    const [stored] = await Array.fromAsync(store.messages.read(main));
    assert.deepEqual(stored?.message, user("before"));
  });

  storeTest("a closed store says so", async (store) => {
    await store.close();
    await assert.rejects(store.list({ limit: 1 }), isError("unavailable", /closed/));
  });
}

function branchTests(storeTest: ConversationTest): void {
  storeTest("branches share what they have in common and go on apart", async (store, main) => {
    await say(store, main, "1", "2", "3");
    const edit = await store.fork(main, 2);
    assert.deepEqual(edit.forkedFrom, { name: "main", position: 2 });
    await say(store, edit, "3'", "4'");
    await say(store, main, "4");
    const again = await store.fork(edit, 1, { name: "again" });
    const deep = await store.fork(edit, 4);
    await say(store, deep, "5''");
    assert.deepEqual(await textsOf(store, main), ["1", "2", "3", "4"]);
    assert.deepEqual(await textsOf(store, edit), ["1", "2", "3'", "4'"]);
    assert.deepEqual(await textsOf(store, again), ["1"]);
    assert.deepEqual(await textsOf(store, deep), ["1", "2", "3'", "4'", "5''"]);
    const newestFirst = Array.fromAsync(store.messages.read(deep, { order: "newest-first" }));
    assert.deepEqual(
      (await newestFirst).map(({ id }) => id),
      (await idsOf(store, deep)).reverse(),
    );
    const { branches } = await store.open(main.conversationId);
    assert.deepEqual(
      branches.map(({ name }) => name),
      ["main", "branch-2", "again", "branch-4"],
    );
    assert.equal((await store.branch(again)).forkedFrom?.name, "main", "the one that has the message");
    const { parentHash } = (await Array.fromAsync(store.messages.read(edit, { first: 3 })))[0] ?? {};
    assert.equal(parentHash, (await Array.fromAsync(store.messages.read(main, { first: 2 })))[0]?.hash);
  });

  storeTest("a fork beyond the head or with a taken name is refused", async (store, main) => {
    await say(store, main, "1");
    await assert.rejects(store.fork(main, 2), isError("not_found", /1 messages.*position 2/));
    await assert.rejects(store.fork(main, 1, { name: "main" }), isError("version_conflict", /"main"/));
  });

  storeTest("a fork begins with the newest context that it has all messages of", async (store, main) => {
    await say(store, main, "1", "2", "3", "4", "5", "6");
    const messages = (last: number) => [{ type: "messages" as const, first: 1, last }];
    for (const [expectedVersion, last] of [2, 4, 6].entries()) {
      await store.swap(main, {
        expectedVersion,
        items: messages(last),
        newSummaries: [],
        reason: `to ${last}`,
      });
    }
    const fork = await store.fork(main, 5);
    const { version, through, reason, items } = await store.context(fork);
    assert.deepEqual(
      { version, through, reason, items },
      { version: 1, through: 4, reason: "to 4", items: messages(4) },
    );
    const deeper = await store.fork(await store.fork(fork, 5), 3);
    assert.equal((await store.context(deeper)).through, 2);
    assert.equal((await store.context(await store.fork(main, 1))).version, 0);
    assert.equal((await store.context(main)).through, 6);
  });
}

function contextTests(storeTest: ConversationTest): void {
  storeTest("a swap puts summaries and items in place, once for each version", async (store, main) => {
    await say(store, main, "1", "2", "3", "4");
    assert.deepEqual(await store.context(main), { version: 0, through: 0, items: [], reason: "", at: 0 });
    const leaves = [await leafOf(store, main, 1, 2), await leafOf(store, main, 3, 3)];
    const [one, two] = leaves.map(summaryId);
    assert.ok(one && two);
    const top = await condensedOf(store, main, 1, 3, [one, two]);
    const swap = {
      expectedVersion: 0,
      items: [{ type: "summary" as const, id: summaryId(top) }],
      newSummaries: [...leaves, top],
      reason: "soft threshold",
    };
    const [first, second] = await Promise.all([store.swap(main, swap), store.swap(main, swap)]);
    assert.deepEqual([first.status, second.status], ["swapped", "outdated"]);
    assert.deepEqual(second.context, first.context);
    assert.equal(first.context.through, 3);
    assert.deepEqual(await store.context(main), first.context);
    const listed = await store.summaries.list(main);
    assert.deepEqual(
      listed.map(({ id, level }) => `${id} ${level}`),
      [`${one} 1`, `${summaryId(top)} 2`, `${two} 1`],
    );
    const node = await store.summaries.get(main.conversationId, summaryId(top));
    assert.ok(node?.kind === "condensed");
    const { createdAt: _, erased: __, id: ___, ...content } = node;
    assert.deepEqual(content, top);
  });

  storeTest("messages appended meanwhile survive a swap and follow its items", async (store, main) => {
    await say(store, main, "1", "2");
    const leaf = await leafOf(store, main, 1, 2);
    await say(store, main, "3");
    const items = [{ type: "summary" as const, id: summaryId(leaf) }];
    await store.swap(main, { expectedVersion: 0, items, newSummaries: [leaf], reason: "r" });
    assert.equal((await store.context(main)).through, 2);
    assert.deepEqual(await textsOf(store, main), ["1", "2", "3"]);
  });

  storeTest(
    "a context that does not cover every position once is refused, with all that came with it",
    async (store, main) => {
      await say(store, main, "1", "2", "3", "4");
      const leaf = await leafOf(store, main, 1, 2);
      const summary = { type: "summary" as const, id: summaryId(leaf) };
      const range = (first: number, last: number) => ({ type: "messages" as const, first, last });
      const bad = [
        [range(2, 3)],
        [summary, range(2, 3)],
        [summary, range(4, 4)],
        [summary, summary],
        [range(1, 5)],
        [range(1, 0)],
        [{ type: "summary" as const, id: summaryId({ ...leaf, text: "unknown" }) }],
      ];
      for (const items of bad) {
        const swap = store.swap(main, { expectedVersion: 0, items, newSummaries: [leaf], reason: "r" });
        await assert.rejects(swap, isError("invalid_context"), JSON.stringify(items));
      }
      assert.equal((await store.context(main)).version, 0);
      assert.deepEqual(await store.summaries.list(main), []);
    },
  );

  storeTest(
    "a summary of another history, or of sources that don't make it up, is refused",
    async (store, main) => {
      await say(store, main, "1", "2", "3");
      const side = await store.fork(main, 1);
      await say(store, side, "2'");
      const [leaf, foreign] = [await leafOf(store, main, 1, 2), await leafOf(store, side, 1, 2)];
      await store.summaries.put(main, [leaf]);
      await assert.rejects(
        store.summaries.put(main, [foreign]),
        isError("invalid_context", /another history/),
      );
      const bad = [
        await condensedOf(store, main, 1, 3, [summaryId(leaf)]),
        await condensedOf(store, main, 1, 2, [summaryId(foreign)]),
        { ...(await condensedOf(store, main, 1, 2, [summaryId(leaf)])), level: 1 },
      ];
      for (const summary of bad) {
        await assert.rejects(store.summaries.put(main, [summary]), isError("invalid_context"));
      }
      const shared = await leafOf(store, main, 1, 1);
      await store.summaries.put(side, [shared]);
      const ids = async (branch: Branch) => (await store.summaries.list(branch)).map(({ id }) => id);
      assert.deepEqual(await ids(main), [summaryId(shared), summaryId(leaf)]);
      assert.deepEqual(await ids(side), [summaryId(shared)]);
    },
  );

  storeTest("a summary that is put twice is there once, as it was first", async (store, main) => {
    await say(store, main, "1");
    const leaf = await leafOf(store, main, 1, 1);
    const [first] = await store.summaries.put(main, [leaf]);
    assert.deepEqual(await store.summaries.put(main, [leaf, leaf]), [first, first]);
    assert.equal((await store.summaries.list(main)).length, 1);
  });
}

const long = "A line that is said again and again.\n".repeat(300);
