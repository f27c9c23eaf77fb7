/** A conversation of 62 turns that was played by hand, replayed: its labels lead late questions back to the exact words. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createEngine } from "../src/index.ts";
import { openaiCompatible } from "../src/models/index.ts";
import { startFakeProvider, type FakeReply, type FakeRequest } from "../src/testing/index.ts";
import {
  readChatRecording,
  type ChatRecording,
  type LateQuestion,
} from "./recordings/chat/chat-recording.ts";

/** Answers as the reader did who played it, and holds each request to what that reader needed. */
class Reader {
  readonly looked: LateQuestion[] = [];
  readonly labelled = new Set<string>();
  readonly #recording: ChatRecording;
  readonly #clones: string[] = [];

  constructor(recording: ChatRecording) {
    this.#recording = recording;
  }

  reply(request: FakeRequest): FakeReply | string {
    const [first] = request.messages;
    if (first?.text.startsWith("You write labels")) return this.#label(request.text);
    if (first?.text !== this.#recording.instructions) {
      const said = this.#clones.shift();
      assert.ok(said !== undefined, `a request that nobody played: ${request.text.slice(0, 1_000)}`);
      return said;
    }
    const turn = this.#recording.turns.find(({ say }) => say === request.text);
    return turn ? turn.reply : this.#lateReply(request);
  }

  #label(request: string): string {
    const marks = [...request.matchAll(/^\[(\d+)(?:-(\d+))?\] /gm)];
    const range = `${marks[0]?.[1]}-${marks.at(-1)?.[2] ?? marks.at(-1)?.[1]}`;
    const label = this.#recording.labels[range];
    assert.ok(label !== undefined, `no label was played for ${range}:\n${request}`);
    this.labelled.add(range);
    return label;
  }

  #lateReply({ messages, text }: FakeRequest): FakeReply | string {
    const asked = messages.findLast(({ role }) => role === "user")?.text;
    const question = this.#recording.late.find(({ say }) => say === asked);
    assert.ok(question, `a turn that nobody played: ${asked}`);
    if (messages.at(-1)?.role === "tool") {
      for (const fact of question.facts)
        assert.ok(text.includes(fact), `"${fact}" is in what came back:\n${text}`);
      return question.reply;
    }
    assert.ok(
      messages.some((message) => message.text.includes(question.cue)),
      `"${question.cue}" leads to the look-up for: ${asked}\n${messages.map((each) => each.text.slice(0, 1_500)).join("\n--\n")}`,
    );
    this.looked.push(question);
    this.#clones.push(...question.clone);
    return { toolCalls: [{ id: `call-${this.looked.length}`, ...question.lookUp }] };
  }
}

test("questions about turns 1 to 10, asked from turn 50 on, are led back to the exact words", async () => {
  const path = new URL("./recordings/chat/kestrel.json", import.meta.url);
  const recording = readChatRecording(await readFile(path, "utf8"));
  const reader = new Reader(recording);
  const home = await mkdtemp(join(tmpdir(), "unabridged-chat-"));
  let fault: unknown;
  await using provider = await startFakeProvider({
    reply(request) {
      try {
        const reply = reader.reply(request);
        // Counts would move the sizes by the order in which labels arrive.
        return { usage: null, ...(typeof reply === "string" ? { text: reply } : reply) };
      } catch (error) {
        fault ??= error;
        return { status: 400, text: "Not played." };
      }
    },
  });
  const { contextWindow, instructions } = recording;
  const model = openaiCompatible({ ...provider, id: "played", apiKey: "none", contextWindow });
  const engine = createEngine({ model, home });
  try {
    const conversation = engine.conversation("kestrel", { instructions, settings: { background: false } });
    for (const { say, reply } of [...recording.turns, ...recording.late]) {
      const run = conversation.send(say);
      const { text, status, context } = await run
        .result()
        .catch((error: unknown) => Promise.reject(fault ?? error));
      if (fault) throw fault;
      assert.deepEqual([status, text], ["answered", reply]);
      assert.ok(context && context.tokens <= contextWindow);
    }
    assert.equal(reader.looked.length, recording.late.length);
    assert.deepEqual([...reader.labelled].sort(), Object.keys(recording.labels).sort());
    const { items } = await conversation.context();
    assert.ok(
      items.some((item) => item.type === "label"),
      "what was said first is shown as labels",
    );
  } finally {
    await engine.close();
    await rm(home, { recursive: true, force: true });
  }
});
