/** Runs that were played once by hand, replayed: the same cells in the real sandbox come to the same answer. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { sha256 } from "../src/core/json.ts";
import { createEngine } from "../src/index.ts";
import { openaiCompatible } from "../src/models/index.ts";
import { startFakeProvider, type FakeRequest } from "../src/testing/index.ts";
import { readRecording, type Recording } from "./recordings/recording.ts";
import { fixtures, testData, unlessThere } from "./test-data.ts";

/** Turns are told apart by the question of their run, sub-calls by their prompt. */
class Script {
  readonly #turns: { readonly question: string; readonly reply: string }[];
  readonly #subCalls: Map<string, string>;

  constructor({ turns, subCalls }: Recording) {
    this.#turns = [...turns];
    this.#subCalls = new Map(subCalls.map(({ prompt, reply }) => [prompt, reply]));
  }

  reply({ messages }: FakeRequest): string {
    const [first, second] = messages;
    if (first?.role !== "system") {
      const prompt = sha256(messages.map(({ text }) => text).join("\n"));
      const reply = this.#subCalls.get(prompt);
      assert.ok(reply !== undefined, `a sub-call that was not recorded: ${first?.text.slice(0, 200)}`);
      return reply;
    }
    const question = /^# Question\n([\s\S]*?)\n\n# The context\n/.exec(second?.text ?? "")?.[1];
    const index = this.#turns.findIndex((turn) => turn.question === question);
    assert.ok(index >= 0, `one turn more than was recorded, after: ${messages.at(-1)?.text.slice(0, 1_000)}`);
    const [turn] = this.#turns.splice(index, 1);
    return turn?.reply ?? "";
  }

  assertFinished(): void {
    assert.equal(this.#turns.length, 0, "every recorded turn was asked for");
  }
}

const folders = [
  fileURLToPath(new URL("./recordings", import.meta.url)),
  process.env["UNABRIDGED_RECORDINGS"] ?? "",
];
for (const folder of folders.filter((path) => path !== ""))
  for (const name of (await readdir(folder)).filter((file) => file.endsWith(".json")).sort()) {
    const recording = readRecording(await readFile(join(folder, name), "utf8"));
    const data = recording.context.flatMap((place) =>
      place.startsWith("data:") ? [place.slice("data:".length)] : [],
    );
    await test(
      `the recorded run "${name.replace(".json", "")}" comes to its answer again`,
      { skip: unlessThere(...data) },
      () => replay(recording),
    );
  }

async function replay(recording: Recording): Promise<void> {
  const script = new Script(recording);
  const home = await mkdtemp(join(tmpdir(), "unabridged-recording-"));
  await using provider = await startFakeProvider({ reply: (request) => script.reply(request) });
  const model = openaiCompatible({
    baseUrl: provider.baseUrl,
    id: "fake-model",
    apiKey: "none",
    contextWindow: 128_000,
  });
  const engine = createEngine({ model, home, limits: { depth: recording.depth } });
  try {
    const context = { paths: recording.context.map(pathOf) };
    const { answer, status, citations } = await engine.ask({ query: recording.question, context }).result();
    assert.equal(status, "answered");
    assert.equal(answer, recording.answer);
    const cited = new Set(answer.match(/\bd\d+:\d+-\d+\b/g));
    assert.equal(citations.length, cited.size, "every cited span lies in a document");
    script.assertFinished();
  } finally {
    await engine.close();
    await rm(home, { recursive: true, force: true });
  }
}

function pathOf(place: string): string {
  return place.startsWith("data:")
    ? join(testData, place.slice("data:".length))
    : join(fixtures, place.slice("fixture:".length));
}
