/** What exporting, importing and erasing must do in a ConversationStore. */
import assert from "node:assert/strict";
import { summaryId } from "../../core/conversation.ts";
import type { Branch } from "../../core/conversation.ts";
import type { ConversationStore } from "../../core/conversation-store.ts";
import { asConversationId, asMessageId } from "../../core/ids.ts";
import type { ConversationId } from "../../core/ids.ts";
import type { Message } from "../../core/message.ts";
import { user } from "../../core/message.ts";
import { awkward, isError, leafOf, mainOf, say, textsOf } from "./conversation-harness.ts";
import type { ConversationTest } from "./conversation-harness.ts";

export function conversationErasureTests(storeTest: ConversationTest): void {
  storeTest("an export is imported hash for hash, and twice is once", async (store, main) => {
    await fill(store, main);
    const lines = await Array.fromAsync(store.export(main.conversationId));
    await store.import(lines);
    assert.deepEqual(await Array.fromAsync(store.export(main.conversationId)), lines);
    const copy = asConversationId("copy");
    const renamed = renameTo(copy, lines);
    const imported = await store.import(renamed);
    assert.equal(imported.id, copy);
    assert.deepEqual(await Array.fromAsync(store.export(copy)), renamed);
    assert.deepEqual(
      imported.branches.map(({ head }) => head),
      (await store.open(main.conversationId)).branches.map(({ head }) => head),
    );
    const query = { type: "literal", text: "pelican" } as const;
    assert.equal((await store.search(query, { in: { conversationId: copy } })).hits.length, 1);
    const [main2, side2] = imported.branches;
    assert.ok(main2 && side2);
    await say(store, side2, "goes on");
    assert.equal((await textsOf(store, side2)).at(-1), "goes on");
  });

  storeTest("a damaged export is refused and leaves nothing", async (store, main) => {
    await fill(store, main);
    const lines = renameTo(
      asConversationId("copy"),
      await Array.fromAsync(store.export(main.conversationId)),
    );
    const index = lines.findIndex((line) => line.includes("pelican"));
    const damaged: [string[], RegExp][] = [
      [lines.map((line) => line.replace("pelican", "pelicon")), /content of m2/],
      [lines.toSpliced(index, 1), /position 3.*not the one that follows/],
      [[...lines, "{"], /line \d+/],
      [lines.slice(1), /first line/],
      [[...lines, '{"type":"branch","name":"main","parent":null,"forkPosition":0,"createdAt":1}'], /twice/],
    ];
    for (const [bad, message] of damaged) {
      await assert.rejects(store.import(bad), isError("corrupt", message), String(message));
    }
    assert.equal((await store.list({ limit: 9 })).length, 1);
    assert.equal((await store.search({ type: "literal", text: "pelican" }, { in: "all" })).hits.length, 1);
    const other = mainOf(await store.open(asConversationId("other")));
    await say(store, other, "something else");
    const exported = await Array.fromAsync(store.export(other.conversationId));
    const foreign = store.import(renameTo(main.conversationId, exported));
    await assert.rejects(foreign, isError("version_conflict", /"a talk"/));
    await store.import(lines);
  });

  storeTest(
    "what is erased is gone from reading, search, summaries, blobs and exports, and the rest can be verified",
    async (store, main) => {
      const { side, blobId } = await fill(store, main);
      const leaf = await leafOf(store, main, 1, 3);
      await store.swap(main, {
        expectedVersion: 0,
        items: [{ type: "summary", id: summaryId(leaf) }],
        newSummaries: [leaf],
        reason: "r",
      });
      const before = await Array.fromAsync(store.messages.read(main));
      const report = await store.erase(
        main.conversationId,
        { type: "messages", ids: [asMessageId("m2")] },
        "asked for",
      );
      assert.deepEqual(report, { messages: 1, summaries: 1, blobs: 1 });
      const after = await Array.fromAsync(store.messages.read(main));
      assert.deepEqual(
        after.map(({ hash, contentHash }) => [hash, contentHash]),
        before.map(({ hash, contentHash }) => [hash, contentHash]),
      );
      const erased = after[1];
      assert.equal(erased?.erased?.reason, "asked for");
      assert.deepEqual(erased?.message, user("[erased]"));
      assert.deepEqual([erased?.verbatim, erased?.metadata, erased?.blobs], [undefined, undefined, []]);
      assert.deepEqual((await Array.fromAsync(store.messages.read(side)))[1], erased);
      assert.equal(await store.blobs.describe(blobId), undefined);
      assert.equal((await store.search({ type: "literal", text: "pelican" }, { in: "all" })).hits.length, 0);
      assert.equal((await store.search({ type: "words", text: "pelican" }, { in: "all" })).hits.length, 0);
      const node = await store.summaries.get(main.conversationId, summaryId(leaf));
      assert.equal(node?.needsRepair, true);
      assert.equal(node?.erased?.reason, "asked for");
      assert.doesNotMatch(node?.text ?? "", /About/);
      const lines = await Array.fromAsync(store.export(main.conversationId));
      assert.doesNotMatch(lines.join(), /pelican|About 1 to 3/);
      assert.deepEqual(
        await store.erase(main.conversationId, { type: "messages", ids: [asMessageId("m2")] }, "again"),
        { messages: 0, summaries: 0, blobs: 0 },
      );
      const copy = renameTo(asConversationId("copy"), lines);
      await store.import(copy);
      assert.deepEqual(await Array.fromAsync(store.export(asConversationId("copy"))), copy);
    },
  );

  storeTest("an erased message that is delivered again stays erased", async (store, main) => {
    const message = { message: user("secret"), key: "k" };
    await store.messages.append(main, [message]);
    await store.erase(main.conversationId, { type: "conversation" }, "r");
    const [again] = await store.messages.append(main, [message]);
    assert.equal(again?.status, "known");
    assert.deepEqual(await textsOf(store, main), ["[erased]"]);
  });

  storeTest("a range goes on its branch only, and tool calls keep what pairs them", async (store, main) => {
    const call: Message = {
      role: "assistant",
      content: [
        { type: "text", text: "Let me see" },
        { type: "tool-call", toolCallId: "c1", toolName: "read", input: { path: "secret" } },
      ],
    };
    const result: Message = {
      role: "tool",
      content: [{ type: "tool-result", toolCallId: "c1", toolName: "read", output: "secret" }],
    };
    await store.messages.append(main, [{ message: user("1") }, { message: call }, { message: result }]);
    const side = await store.fork(main, 1);
    await say(store, side, "kept");
    await store.erase(main.conversationId, { type: "range", branch: "main", first: 2, last: 9 }, "r");
    assert.deepEqual(await textsOf(store, side), ["1", "kept"]);
    const [, calling, answering] = await Array.fromAsync(store.messages.read(main), ({ message }) => message);
    assert.doesNotMatch(JSON.stringify([calling, answering]), /secret|Let me/);
    assert.match(JSON.stringify(calling), /"c1"/);
    assert.match(JSON.stringify(answering), /"c1"/);
    const unknown = store.erase(main.conversationId, { type: "messages", ids: [asMessageId("m99")] }, "r");
    await assert.rejects(unknown, isError("not_found", /m99/));
  });

  storeTest("a text and a blob that another message also has stay", async (store, main) => {
    const blob = await store.blobs.put([Buffer.from("shared bytes")], { mediaType: "text/plain" });
    const long = `shared ${"x".repeat(5000)}`;
    const shared = { message: user(long), blobs: [blob.id] };
    await store.messages.append(main, [shared, shared]);
    const report = await store.erase(
      main.conversationId,
      { type: "messages", ids: [asMessageId("m1")] },
      "r",
    );
    assert.equal(report.blobs, 0);
    assert.deepEqual(await textsOf(store, main), ["[erased]", long]);
    assert.equal(Buffer.concat(await Array.fromAsync(store.blobs.read(blob.id))).toString(), "shared bytes");
  });
}

/** Three messages, the second with everything a message can have; a branch after it; a summary. */
async function fill(store: ConversationStore, main: Branch) {
  const blob = await store.blobs.put([Buffer.from("attached")], { mediaType: "text/plain", name: "a.txt" });
  const rich = {
    message: user(`the pelican brief ${awkward} ${"long ".repeat(600)}`),
    verbatim: `{"pelican":"${awkward}"}`,
    metadata: { pelican: awkward },
    key: "k2",
    blobs: [blob.id],
    at: 1_700_000_000_001,
  };
  await store.messages.append(main, [
    { message: user("1"), at: 1_700_000_000_000 },
    rich,
    { message: user("3") },
  ]);
  const side = await store.fork(main, 2, { name: "side" });
  await say(store, side, "3'");
  await store.summaries.put(side, [await leafOf(store, side, 3, 3)]);
  const items = [{ type: "messages" as const, first: 1, last: 1 }];
  await store.swap(side, { expectedVersion: 0, items, newSummaries: [], reason: "r" });
  return { side, blobId: blob.id };
}

function renameTo(id: ConversationId, lines: readonly string[]): string[] {
  const [head = "{}", ...rest] = lines;
  return [JSON.stringify({ ...JSON.parse(head), id }), ...rest];
}
