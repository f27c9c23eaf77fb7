/** A conversation in a program, through the door of the library: what its interface promises, with everything real behind it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FakeRequest } from "../src/testing/index.ts";
import { openStage, type Say } from "./ask-stage.ts";

const filler = "and nothing more is known of it, ".repeat(20);

function reply({ messages, text }: FakeRequest): Say {
  if (messages[0]?.text.includes("You write labels") === true)
    return "Talk about berths. Ask recall for names.";
  return `You said ${text.length} characters.`;
}

test("a conversation is opened with or without await, and says, keeps, shows, folds and branches", async () => {
  await using stage = await openStage({ root: (_turn, request) => reply(request) });
  const { engine } = stage;
  // oxlint-disable-next-line typescript/await-thenable -- it need not be awaited, and may be
  const conversation = await engine.conversation("harbour", {
    instructions: "Be brief.",
    settings: { contextWindow: 6_000, background: false },
  });

  const berths = Array.from({ length: 30 }, (_, n) => ({
    role: n % 2 === 0 ? ("user" as const) : ("assistant" as const),
    content: `Berth ${n + 1} is kept for ship S-${n * 37}, ${filler}`,
    key: `berth-${n + 1}`,
  }));
  const added = await conversation.append(berths);
  const again = await conversation.append(berths.slice(0, 2));
  assert.deepEqual(
    [...added.slice(0, 2), ...again].map(({ status, position }) => [status, position]),
    [
      ["added", 1],
      ["added", 2],
      ["known", 1],
      ["known", 2],
    ],
  );

  // The same one, from another handle.
  const texts: unknown[] = [];
  for await (const stored of engine.conversation("harbour").history()) texts.push(stored.message.content);
  assert.deepEqual(
    texts,
    berths.map(({ content }) => [{ type: "text", text: content }]),
  );

  const { status, tokensBefore, tokensAfter } = await conversation.compact();
  assert.equal(status, "swapped");
  assert.ok(tokensAfter < tokensBefore);
  const { tokens, items, reason, request } = await conversation.context();
  assert.ok(tokens < 4_500 && items.some(({ type }) => type === "label"));
  assert.equal(reason, "below the soft threshold");

  const run = conversation.send("And now?");
  const pieces: string[] = [];
  for await (const event of run) if (event.type === "model-delta") pieces.push(event.text);
  const { status: ending, text, messageIds } = await run.result();
  assert.deepEqual([ending, text, pieces.join("")], ["answered", "You said 8 characters.", text]);
  assert.deepEqual(messageIds, ["m31", "m32"]);
  // What was sent is what context() had told, and the new words behind it.
  const sent = stage.provider.requests.at(-1)?.messages ?? [];
  assert.equal(sent.length, request.messages.length + 1);
  assert.equal(sent.at(-1)?.text, "And now?");

  const branch = await conversation.branch(2);
  await branch.send("Another way.").result();
  const kept = await Array.fromAsync(branch.history());
  assert.deepEqual(
    kept.map(({ position }) => position),
    [1, 2, 3, 4],
  );
  assert.equal((await Array.fromAsync(conversation.history())).length, 32);
});
