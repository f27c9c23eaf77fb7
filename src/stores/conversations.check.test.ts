/** What a check of the file on disk finds: each kind of damage that another program, or a disk, could do to it. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { summaryId } from "../core/conversation.ts";
import type { CheckProblem } from "../core/conversation-store.ts";
import { asConversationId } from "../core/ids.ts";
import { user } from "../core/message.ts";
import { sqliteConversations } from "./conversations.ts";

const long = "a text that is kept apart from its message, ".repeat(40);

/** Three messages, one of them with a blob, under a summary; then the damage, then a check. */
async function checkAfter(damage: string): Promise<readonly CheckProblem[]> {
  const directory = await mkdtemp(join(tmpdir(), "check-"));
  try {
    const store = await sqliteConversations({ directory });
    const [main] = (await store.open(asConversationId("a"))).branches;
    assert.ok(main);
    const blob = await store.blobs.put([Buffer.from("bytes")], { mediaType: "text/plain" });
    await store.messages.append(main, [
      { message: user("the first one") },
      { message: user(long), blobs: [blob.id] },
      { message: user("the third one"), key: "k" },
    ]);
    const { head } = await store.branch(main);
    const origin = { type: "deterministic" } as const;
    const leaf = { kind: "leaf", level: 1, origin, text: "s", tokens: 1, needsRepair: true } as const;
    const summary = { ...leaf, covers: { first: 1, last: 3, hash: head.hash } };
    const items = [{ type: "summary", id: summaryId(summary) }] as const;
    await store.swap(main, { expectedVersion: 0, items, newSummaries: [summary], reason: "r" });
    await store.close();

    const database = new DatabaseSync(join(directory, "conversations.db"), {
      enableForeignKeyConstraints: false,
    });
    database.exec(damage);
    database.close();

    const damaged = await sqliteConversations({ directory });
    const { problems } = await damaged.check("all");
    await damaged.close();
    return problems;
  } finally {
    await rm(directory, { recursive: true });
  }
}

const damages: readonly [title: string, sql: string, kind: CheckProblem["kind"], text: RegExp][] = [
  [
    "a message that was reworded",
    "update messages set message = replace(message, 'first', 'worst') where seq = 1",
    "content",
    /m1/,
  ],
  [
    "a message that was reworded together with its hash",
    "update messages set content_hash = unhex('00') where seq = 1",
    "chain",
    /m1/,
  ],
  ["a message that was moved in time", "update messages set at = 5 where seq = 3", "chain", /m3/],
  ["a key that was changed", "update messages set key = 'other' where seq = 3", "chain", /m3/],
  ["a message that was removed", "delete from messages where seq = 2", "chain", /Position 2 is missing/],
  ["a long text that was removed", "delete from texts", "content", /m2.*texts/],
  ["a blob that was removed", "delete from blobs", "blob", /m2/],
  ["bytes that were changed", "update chunks set compressed = 0, content = x'00'", "blob", /bytes of blob_/],
  [
    "a message that search can't find",
    "insert into message_trigrams (message_trigrams) values ('delete-all')",
    "index",
    /m1/,
  ],
  ["a summary that was removed", "delete from summaries", "context", /version 1.*sum_/],
  [
    "a context that leaves a gap",
    `update contexts set items = '[{"type":"messages","first":2,"last":3}]'`,
    "context",
    /1 is the position/,
  ],
  ["a summary that covers less than it claims", "update summaries set first = 2", "context", /covers 2 to 3/],
];

test("a check finds nothing in what was not damaged", async () => {
  assert.deepEqual(await checkAfter("select 1"), []);
});

for (const [title, sql, kind, text] of damages) {
  test(`a check finds ${title}`, async () => {
    const problems = await checkAfter(sql);
    const found = problems.find((problem) => problem.kind === kind && text.test(problem.text));
    assert.ok(found, JSON.stringify(problems));
    assert.equal(found.conversationId, "a");
  });
}
