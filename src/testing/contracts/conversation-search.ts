/** What searching a ConversationStore must do: complete, exact, each message once over all pages. */
import assert from "node:assert/strict";
import type { Branch } from "../../core/conversation.ts";
import type { ConversationStore, SearchOptions, SearchQuery } from "../../core/conversation-store.ts";
import { ConfigError } from "../../core/errors.ts";
import { asConversationId } from "../../core/ids.ts";
import { user } from "../../core/message.ts";
import { mainOf, say } from "./conversation-harness.ts";
import type { ConversationTest } from "./conversation-harness.ts";

export function conversationSearchTests(storeTest: ConversationTest): void {
  storeTest("a piece of text is found wherever it stands, and its place is shown", async (store, main) => {
    const around = "some words that stand around ".repeat(20);
    await say(store, main, `${around}the pelican🐘 brief${around}`, "nothing", "The Pelican again");
    const found = await store.search({ type: "literal", text: "pelican🐘 br" }, { in: main });
    assert.deepEqual(
      found.hits.map(({ id, position, branch, role }) => [id, position, branch, role]),
      [["m1", 1, "main", "user"]],
    );
    const [snippet] = found.hits[0]?.snippets ?? [];
    assert.equal(snippet?.text.slice(snippet.start, snippet.end), "pelican🐘 br");
    assert.match(snippet?.text ?? "", /^….*the pelican.*…$/);
    assert.ok((snippet?.text.length ?? 0) < 400);
    assert.equal(found.next, undefined);
    assert.equal(found.searched.messages, 3);
    assert.deepEqual(await idsFor(store, literal("pelican", true), { in: main }), ["m3", "m1"]);
    assert.deepEqual(await idsFor(store, literal("Pelican"), { in: main }), ["m3"]);
    assert.deepEqual(await idsFor(store, literal("pelicans"), { in: main }), []);
  });

  storeTest("short pieces, other scripts, and characters that escape are found", async (store, main) => {
    const texts = [
      'a"b\\c',
      "line\r\nbreak\ttab",
      "会议的预算是四十二",
      "ภาษาไทย",
      "日本",
      "nul\0nul",
      "lone \udc80 half",
      "é combining e\u0301",
      "ΟΔΟΣ",
      "İstanbul ẞ ſ K",
    ];
    await say(store, main, ...texts);
    for (const [index, text] of texts.entries()) {
      for (let start = 0; start < text.length; start++) {
        for (let end = start + 1; end <= Math.min(text.length, start + 5); end++) {
          const piece = text.slice(start, end);
          const ids = await idsFor(store, literal(piece), { in: main, limit: 100 });
          assert.ok(ids.includes(`m${index + 1}`), JSON.stringify(piece));
        }
      }
    }
    assert.deepEqual(await idsFor(store, literal("οδος", true), { in: main }), ["m9"]);
    assert.deepEqual(await idsFor(store, { type: "words", text: "预算" }, { in: main }), ["m3"]);
    assert.deepEqual(await idsFor(store, { type: "words", text: "算" }, { in: main }), ["m3"]);
  });

  storeTest("what tools were given and gave is found as text and as JSON", async (store, main) => {
    const output = { path: "C:\\temp\\a.txt", lines: ['said "so"', "plain"] };
    await store.messages.append(main, [
      {
        message: {
          role: "tool",
          content: [{ type: "tool-result", toolCallId: "1", toolName: "read", output }],
        },
      },
      {
        message: {
          role: "user",
          content: [{ type: "file", mediaType: "image/png", data: "QUJDREVG", filename: "cat.png" }],
        },
      },
    ]);
    for (const text of ["C:\\temp\\a", 'said "so"', '"lines":[', "read"]) {
      assert.deepEqual(await idsFor(store, literal(text), { in: main }), ["m1"], text);
    }
    assert.deepEqual(await idsFor(store, literal("cat.png"), { in: main }), ["m2"]);
    assert.deepEqual(await idsFor(store, literal("QUJDREVG"), { in: main }), [], "bytes are no text");
  });

  storeTest(
    "regular expressions match in linear time, at lines, with or without case",
    async (store, main) => {
      await say(store, main, `${"a".repeat(20_000)}!`, "ticket ABC-123\nticket XYZ-9", "Ticket abc-77");
      const regex = (pattern: string, ignoreCase = false): SearchQuery => ({
        type: "regex",
        pattern,
        ignoreCase,
      });
      assert.deepEqual(await idsFor(store, regex("(a+)+$"), { in: main }), []);
      assert.deepEqual(await idsFor(store, regex("^ticket [A-Z]+-\\d{1,2}$"), { in: main }), ["m2"]);
      assert.deepEqual(await idsFor(store, regex("ticket (abc|xyz)-7{2}", true), { in: main }), ["m3"]);
      assert.deepEqual(await idsFor(store, regex("ABC-\\d+|abc-\\d+"), { in: main }), ["m3", "m2"]);
      const { hits } = await store.search(regex("ticket \\S+"), { in: main });
      assert.equal(hits[0]?.matches, 2);
      for (const pattern of ["(?=a)", "(", ""]) {
        await assert.rejects(store.search(regex(pattern), { in: main }), isInvalid, pattern);
      }
      await assert.rejects(store.search(literal(""), { in: main }), isInvalid);
      await assert.rejects(store.search({ type: "words", text: "!?" }, { in: main }), isInvalid);
      await assert.rejects(store.search(literal("x"), { in: main, cursor: "rubbish" }), isInvalid);
    },
  );

  storeTest("words are found in any order, those with more and rarer ones first", async (store, main) => {
    await say(
      store,
      main,
      "the budget of the kitchen",
      "the kitchen",
      "the budget",
      "the",
      "Budget for the Kitchen cafe",
      "the café",
    );
    assert.deepEqual(await idsFor(store, { type: "words", text: "kitchen budget" }, { in: main }), [
      "m5",
      "m1",
      "m3",
      "m2",
    ]);
    assert.deepEqual((await idsFor(store, { type: "words", text: "the cafe" }, { in: main })).slice(0, 2), [
      "m6",
      "m5",
    ]);
    assert.deepEqual(await idsFor(store, { type: "words", text: "nowhere" }, { in: main }), []);
  });

  storeTest("each message is on one page only, whatever is appended between them", async (store, main) => {
    await say(store, main, ...Array.from({ length: 57 }, (_, index) => `needle ${index}`));
    for (const query of [literal("needle"), literal("ne"), { type: "words", text: "needle" } as const]) {
      for (const order of ["newest-first", "oldest-first"] as const) {
        const before = (await store.branch(main)).head.position;
        const seen: string[] = [];
        let cursor: string | undefined;
        do {
          const page = await store.search(query, {
            in: main,
            limit: 10,
            order,
            ...(cursor ? { cursor } : {}),
          });
          seen.push(...page.hits.map(({ id }) => id));
          cursor = page.next;
          await say(store, main, "another needle");
        } while (cursor !== undefined);
        assert.equal(seen.length, before);
        assert.equal(new Set(seen).size, before);
      }
    }
  });

  storeTest("a search stays on its branch, its positions and its conversation", async (store, main) => {
    await say(store, main, "needle 1", "needle 2", "needle 3");
    const side = await store.fork(main, 1);
    await say(store, side, "needle 2'");
    const other = mainOf(await store.open(asConversationId("other")));
    await say(store, other, "needle elsewhere");
    for (const query of [literal("needle"), literal("ne"), { type: "words", text: "needle" } as const]) {
      assert.deepEqual(await idsFor(store, query, { in: main }), ["m3", "m2", "m1"]);
      assert.deepEqual(await idsFor(store, query, { in: side }), ["m4", "m1"]);
      assert.deepEqual(await idsFor(store, query, { in: main, first: 2, last: 2 }), ["m2"]);
      const whole = { conversationId: main.conversationId };
      assert.deepEqual(await idsFor(store, query, { in: whole }), ["m4", "m3", "m2", "m1"]);
      const everywhere = await store.search(query, { in: "all" });
      assert.deepEqual(everywhere.hits.map(({ conversationId }) => conversationId).sort(), [
        "a talk",
        "a talk",
        "a talk",
        "a talk",
        "other",
      ]);
      assert.equal(everywhere.searched.messages, 5);
    }
    const gone: Branch = { ...main, conversationId: asConversationId("gone") };
    await assert.rejects(store.search(literal("needle"), { in: gone }), { code: "not_found" });
  });

  storeTest("a search that is aborted ends", async (store, main) => {
    await store.messages.append(main, [{ message: user("x") }]);
    const search = store.search(literal("x"), { in: main, signal: AbortSignal.abort() });
    await assert.rejects(search, { name: "AbortError" });
  });
}

function literal(text: string, ignoreCase = false): SearchQuery {
  return { type: "literal", text, ignoreCase };
}

async function idsFor(
  store: ConversationStore,
  query: SearchQuery,
  options: SearchOptions,
): Promise<string[]> {
  return (await store.search(query, options)).hits.map(({ id }) => id);
}

function isInvalid(error: unknown): boolean {
  assert.ok(error instanceof ConfigError, String(error));
  assert.equal(error.code, "invalid_input");
  return true;
}
