/** What is kept of conversations: looked at, searched, taken out, taken in, checked and erased, all without a model. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openCliStage, type CliStage, type CommandOptions, type Ended } from "./cli-stage.ts";

let stage: CliStage;
before(async () => {
  stage = await openCliStage({ root: () => "never asked" });
  for (const [name, lines] of Object.entries(transcripts))
    await writeFile(join(stage.folder, name), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
});
after(() => stage[Symbol.asyncDispose]());

const transcripts = {
  "claude.jsonl": [
    { type: "summary", summary: "An old talk", leafUuid: "x" },
    {
      ...{ type: "user", uuid: "u1", parentUuid: null, timestamp: "2026-03-01T10:00:00.000Z" },
      message: { role: "user", content: "List the 船 in the harbour" },
    },
    {
      ...{ type: "assistant", uuid: "a1", parentUuid: "u1" },
      message: {
        role: "assistant",
        content: [{ type: "tool_use", id: "t1", name: "Bash", input: { command: "ls berths" } }],
      },
    },
    {
      ...{ type: "user", uuid: "r1", parentUuid: "a1" },
      message: { role: "user", content: [{ type: "tool_result", tool_use_id: "t1", content: "S-37\nS-74" }] },
    },
    {
      ...{ type: "user", uuid: "u2", parentUuid: "u1" },
      message: { role: "user", content: "No, those on the quay\u2028only" },
    },
  ],
  "codex.jsonl": [
    { timestamp: "2026-03-02T10:00:00.000Z", type: "session_meta", payload: { id: "x" } },
    {
      ...{ timestamp: "2026-03-02T10:00:01.000Z", type: "response_item" },
      payload: { type: "message", role: "user", content: [{ type: "input_text", text: "Which tide?" }] },
    },
    {
      ...{ timestamp: "2026-03-02T10:00:02.000Z", type: "response_item" },
      payload: {
        type: "message",
        role: "assistant",
        content: [{ type: "output_text", text: "The high one." }],
      },
    },
  ],
  "list.json": [
    {
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "When does the harbour open?" },
        { role: "assistant", content: "At nine." },
      ],
    },
  ],
} as const;

function run(args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  return stage.run(["conversations", ...args], options);
}

async function output(args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(args, options);
  assert.equal(code, 0, stderr);
  return stdout;
}

test("what other programs wrote is taken in once, found, and told with its times", async () => {
  assert.equal(await output(["list"]), "No conversations yet. Begin with: unabridged chat\n");
  assert.equal(
    await output(["import", "claude.jsonl"]),
    "claude: 4 messages added, 2 branches (claude-code)\n",
  );
  assert.equal(
    await output(["import", "claude.jsonl"]),
    "claude: 0 messages added, 4 known, 2 branches (claude-code)\n",
  );
  assert.equal(await output(["import", "codex.jsonl"]), "codex: 2 messages added, one branch (codex)\n");
  const piped = await output(["import", "--json", "-c", "opening"], {
    stdin: JSON.stringify(transcripts["list.json"][0], null, 2),
  });
  assert.deepEqual(JSON.parse(piped), { id: "opening", format: "openai", added: 3, known: 0, branches: 1 });

  const listed = JSON.parse(await output(["list", "--json"])) as { id: string; messages: number }[];
  assert.deepEqual(Object.fromEntries(listed.map(({ id, messages }) => [id, messages])), {
    claude: 4,
    codex: 2,
    opening: 3,
  });
  assert.equal(
    await output(["show", "codex"]),
    "[1] user  2026-03-02 10:00\nWhich tide?\n[2] assistant  2026-03-02 10:00\nThe high one.\n",
  );
  const [, call] = (await output(["show", "claude", "--json"]))
    .split("\n")
    .map((line) => line && JSON.parse(line));
  assert.deepEqual(call.content, [
    { type: "tool-call", toolCallId: "t1", toolName: "Bash", input: { command: "ls berths" } },
  ]);

  assert.match(await output(["search", "HARBOUR"]), /^opening \[2\] user: .*\nclaude \[1\] user: .*船.*\n$/);
  assert.equal(await output(["search", "船", "--in", "claude"]), "[1] user: List the 船 in the harbour\n");
  const found = JSON.parse(await output(["search", "S-\\d+", "--regex", "--json"]));
  assert.deepEqual([found.hits.length, found.hits[0].position, found.searched.messages], [1, 3, 9]);
  assert.equal(await output(["search", "lighthouse"]), 'Not found: "lighthouse". Searched 9 messages.\n');
});

test("an export makes the same conversation elsewhere, to the byte", async () => {
  const exported = await output(["export", "claude"]);
  await writeFile(join(stage.folder, "backup.jsonl"), exported);
  const elsewhere = { environment: { UNABRIDGED_HOME: join(stage.folder, "elsewhere") } };
  assert.equal(
    await output(["import", "backup.jsonl"], elsewhere),
    "claude: whole, 2 branches (unabridged)\n",
  );
  assert.equal(await output(["export", "claude"], elsewhere), exported);
  assert.equal(await output(["fsck"], elsewhere), "4 messages in 1 conversation: nothing is wrong.\n");
});

test("nothing is erased without being told to, and what is erased is gone for good", async () => {
  const asked = await run(["erase", "codex"]);
  assert.equal(asked.code, 2);
  assert.match(asked.stderr, /all content of "codex" \(2 messages\).*--yes/);
  assert.match(await output(["show", "codex"]), /Which tide\?/);

  const report = JSON.parse(await output(["erase", "claude", "--messages", "2-3", "--yes", "--json"]));
  assert.deepEqual(report, { messages: 2, summaries: 0, blobs: 0 });
  assert.match(await output(["erase", "codex", "--yes", "--reason", "asked for"]), /^Erased: 2 messages, /);
  assert.match(
    await output(["show", "codex"]),
    /^\[1\] user .*\n\[erased\]\n\[2\] assistant .*\n\[erased\]\n$/,
  );
  assert.match(await output(["search", "S-37"]), /^Not found/);
  const { problems } = JSON.parse(await output(["fsck", "--json"]));
  assert.deepEqual(problems, []);
});

test("what can't be done is refused, and no conversation is made for it", async () => {
  for (const { args, says } of [
    { args: ["show", "nobody"], says: /no conversation "nobody"/ },
    { args: ["show", "claude", "--branch", "b"], says: /main, from u2/ },
    { args: ["erase", "claude", "--messages", "9", "--yes"], says: /from 1 to 3/ },
    {
      args: ["import", "claude.jsonl", "--format", "codex", "-c", "nothing"],
      says: /No message of the format "codex"/,
    },
    { args: ["import", "backup.jsonl", "-c", "other"], says: /the name that it has, "claude"/ },
  ]) {
    const { code, stderr } = await run(args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, says);
  }
  assert.doesNotMatch(await output(["list"]), /nobody|nothing|other/);
});
