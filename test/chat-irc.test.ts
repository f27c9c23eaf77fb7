/** A channel's week kept as one conversation under a small window: nothing is lost, everything is found, requests fit. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createEngine } from "../src/index.ts";
import { openaiCompatible } from "../src/models/index.ts";
import { startFakeProvider, type FakeRequest } from "../src/testing/index.ts";
import { testData, unlessThere } from "./test-data.ts";

const contextWindow = 8_000;
const perTurn = 15;
/** The same facts in each run. */
const random = numbersFrom(11);

test(
  "tens of thousands of real messages: each comes back byte for byte, facts are found, every request fits and extends the last",
  { skip: unlessThere("chat") },
  async (t) => {
    const lines = await channel();
    const home = await mkdtemp(join(tmpdir(), "unabridged-irc-"));
    await using provider = await startFakeProvider({ reply: labelOf, record: 0 });
    const model = openaiCompatible({ ...provider, id: "labels", apiKey: "none", contextWindow });
    const engine = createEngine({ model, home });
    try {
      const conversation = engine.conversation("channel", { instructions: "You follow a help channel." });
      let before: Shown = { labels: "", messages: [] };
      let swaps = 0;
      for (let start = 0; start < lines.length; start += perTurn) {
        await conversation.append(
          lines.slice(start, start + perTurn).map((content) => ({ role: "user", content })),
        );
        const { tokens, items, request } = await conversation.context();
        assert.ok(tokens <= contextWindow, `${tokens} tokens after ${start + perTurn} messages`);
        const labels = items.flatMap((item) => (item.type === "label" ? [item.id] : [])).join();
        const messages = request.messages.map((message) => JSON.stringify(message));
        if (labels === before.labels)
          assert.deepEqual(messages.slice(0, before.messages.length), before.messages);
        else swaps++;
        before = { labels, messages };
      }
      assert.ok(swaps > 50, `${swaps} swaps`);
      await conversation.idle();
      t.diagnostic(`${lines.length} messages, ${swaps} swaps, ${provider.calls} labels asked for`);

      const kept: string[] = [];
      for await (const { message } of conversation.recallExpand(`1-${lines.length}`))
        kept.push(textOf(message));
      assert.deepEqual(kept, lines);
      for (let fact = 0; fact < 20; fact++) {
        const position = Math.floor(random() * lines.length);
        const line = lines[position] ?? "";
        const from = Math.floor(random() * Math.max(1, line.length - 24));
        const pattern = line.slice(from, from + 24);
        assert.ok(await isFound(pattern, position + 1), `"${pattern}" of message ${position + 1}`);
      }

      async function isFound(pattern: string, position: number): Promise<boolean> {
        for (let cursor: string | undefined; ;) {
          const page = await conversation.recallGrep({ pattern, ...(cursor !== undefined && { cursor }) });
          if (page.hits.some((hit) => hit.position === position)) return true;
          if (page.next === undefined) return false;
          cursor = page.next;
        }
      }
    } finally {
      await engine.close();
      await rm(home, { recursive: true, force: true });
    }
  },
);

interface Shown {
  readonly labels: string;
  readonly messages: readonly string[];
}

/** All lines of all days, in order; what a line holds is not looked at. */
async function channel(): Promise<readonly string[]> {
  const folder = join(testData, "chat");
  const files = (await readdir(folder)).sort();
  const days = await Promise.all(files.map((file) => readFile(join(folder, file), "utf8")));
  return days.flatMap((day) => day.split("\n").filter((line) => line !== ""));
}

/** The first words of what is to be labelled: short, true, and nothing more. */
function labelOf({ text }: FakeRequest): string {
  const record = text.split("===\n")[1] ?? "";
  const words = record.replace(/\[[^\]]*\]|<[^>]*>|\w+: /g, " ").match(/[a-z]{3,}/gi) ?? ["nothing"];
  return `Topic: ${words.slice(0, 8).join(" ")}\nLook here for: ${words.slice(-8).join(" ")}`;
}

function textOf(message: { readonly content: unknown }): string {
  const [part] = message.content as readonly { readonly text: string }[];
  return part?.text ?? "";
}

function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}
