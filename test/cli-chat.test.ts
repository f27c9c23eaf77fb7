/** Chats and what is kept of them, as a person at a shell and a program on a pipe use them. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isPlainObject } from "../src/core/json.ts";
import { faults, type FakeRequest } from "../src/testing/index.ts";
import type { Say } from "./ask-stage.ts";
import { openCliStage, type CliStage, type CommandOptions, type Ended } from "./cli-stage.ts";

let stage: CliStage;
before(async () => {
  stage = await openCliStage({ root: (_turn, request) => reply(request) });
  await mkdir(join(stage.folder, "notes"));
  await writeFile(join(stage.folder, "notes/harbour.md"), "The harbour opens at nine.\n");
  await writeFile(join(stage.folder, "notes/tide.txt"), "High tide is at four.\n");
  await writeFile(join(stage.folder, "notes/quay.png"), Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1]));
  await writeFile(join(stage.folder, "manner.md"), "Be brief.\n");
});
after(() => stage[Symbol.asyncDispose]());

function reply({ messages, text }: FakeRequest): Say {
  if (messages[0]?.text.includes("You write labels") === true)
    return "Talk about numbered berths. Ask recall for exact words.";
  if (text === "slowly") return { text: "It begins and never comes to its end", hang: "mid-stream" };
  if (text === "with a wrong key") return faults.wrongKey();
  if (text.includes("Question: which berth?")) return "It is berth 3 [3].";
  return `${messages.filter(({ role }) => role === "user").length}: ${text}`;
}

function chat(stdin: string, args: readonly string[] = [], options: CommandOptions = {}): Promise<Ended> {
  return stage.run(["chat", ...stage.models, ...args], { stdin, ...options });
}

function conversations(args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  return stage.run(["conversations", ...args], options);
}

type Row = Readonly<Record<string, unknown>>;

function rows({ stdout }: Ended): readonly Row[] {
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const row: unknown = JSON.parse(line);
      assert.ok(isPlainObject(row));
      return row;
    });
}

const jsonLines = (...values: readonly unknown[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join("");

/** Enough for labels in a window of 6,000 tokens. */
const longTalk = jsonLines(
  ...Array.from({ length: 40 }, (_, n) => ({
    role: n % 2 === 0 ? "user" : "assistant",
    content: `Berth ${n + 1} is kept for ship S-${(n + 1) * 37}${", and nothing more is known of it".repeat(15)}.`,
  })),
);

test("from a pipe each line is a turn, the replies alone go to standard output, and the folder's talk goes on", async () => {
  const first = await chat('hello\nof two\\\nlines\n"""\nof a\n\nblock\n"""\n');
  assert.equal(first.code, 0, first.stderr);
  assert.equal(first.stdout, "1: hello\n2: of two\nlines\n3: of a\n\nblock\n");
  assert.match(first.stderr, /conversation unabridged-cli-\S+, 0 messages · model: root/);
  assert.match(first.stderr, /tokens of context, below the soft threshold/);

  const second = await chat("again\n", ["--quiet"]);
  assert.deepEqual([second.stdout, second.stderr], ["4: again\n", ""]);
  assert.deepEqual(
    stage.provider.requests.at(-1)?.messages.map(({ text }) => text),
    ["hello", "1: hello", "of two\nlines", "2: of two\nlines", "of a\n\nblock", "3: of a\n\nblock", "again"],
  );
});

test("Ctrl-C stops a reply that is coming, and what was said of it is kept", async () => {
  const started = stage.start(["chat", ...stage.models, "-c", "stopped"], { stdin: "slowly\nnever asked\n" });
  assert.ok(started.process.stdout);
  // It is shown while the rest of it is still to come.
  await once(started.process.stdout, "data");
  started.interrupt();
  const { code, stdout, stderr } = await started.ended;
  assert.equal(code, 130);
  assert.match(stderr, /what was said is kept/);
  const [asked, said, ...more] = rows(await conversations(["show", "stopped", "--json"]));
  assert.deepEqual([asked?.["role"], said?.["role"], more], ["user", "assistant", []]);
  assert.deepEqual(said?.["content"], [{ type: "text", text: stdout.slice(0, -1) }]);
  assert.deepEqual(said["metadata"], { interrupted: true });
  assert.ok("It begins and never".startsWith(stdout.slice(0, 9)));
});

test("with --json a line is a message or a command, and each gives one object", async () => {
  const said = { role: "user", content: "under a key", key: "k1" };
  const ended = await chat(
    jsonLines(
      "a bare text",
      said,
      said,
      { role: "assistant", content: "as if it had been said" },
      { role: "user", content: [{ type: "text", text: "two\u2028lines" }] },
      { command: "/history 2" },
      { command: "quit" },
      "never said",
    ),
    ["-c", "program", "--json", "--quiet"],
  );
  assert.equal(ended.code, 0, ended.stderr);
  const [bare, first, again, added, parts, history, ...more] = rows(ended);
  assert.deepEqual(more, []);
  assert.deepEqual(
    [bare, first, again, added, parts].map((row) => [row?.["status"], row?.["text"], row?.["messageIds"]]),
    [
      ["answered", "1: a bare text", ["m1", "m2"]],
      ["answered", "2: under a key", ["m3", "m4"]],
      // Sent again it isn't added again; it is answered, for the answer may have been lost.
      ["answered", "2: 2: under a key", ["m3", "m5"]],
      ["kept", undefined, ["m6"]],
      ["answered", "3: two\u2028lines", ["m7", "m8"]],
    ],
  );
  assert.equal(bare?.["conversation"], "program");
  assert.deepEqual(Object.keys(history ?? {}), ["command", "messages"]);
});

for (const { about, stdin, args = [], code, says } of [
  {
    about: "a line that is no JSON",
    stdin: '"fine"\nhello\n',
    args: ["--json"],
    code: 2,
    says: /line 2 .* hello/,
  },
  {
    about: "a part without its text",
    stdin: jsonLines({ role: "user", content: [{ type: "text" }] }),
    args: ["--json"],
    code: 2,
    says: /part 1 of a message of role "user", of type "text", to have a text "text"/,
  },
  { about: "a command that is none", stdin: "/nope\nnever\n", code: 2, says: /no command \/nope/ },
  {
    about: "a branch that is none",
    stdin: "x\n",
    args: ["--branch", "b"],
    code: 2,
    says: /no branch "b".*main/,
  },
  { about: "a file that is none", stdin: "x\n", args: ["nowhere.txt"], code: 2, says: /"nowhere.txt"/ },
  { about: "a wrong key", stdin: "with a wrong key\nnever\n", code: 1, says: /did not accept the key/ },
  { about: "a limit", stdin: "one\ntwo\n", args: ["--max-calls", "1"], code: 3, says: /limit of 1 call/ },
])
  test(`${about} ends a piped chat with exit code ${code}`, async () => {
    const ended = await chat(stdin, ["-c", "refused", ...args]);
    assert.equal(ended.code, code, ended.stderr);
    assert.match(ended.stderr, says);
    assert.doesNotMatch(ended.stderr, /unexpected/);
  });

test("files and instructions are in the request, each file once", async () => {
  const first = await chat("when?\n", ["-c", "files", "--system", "manner.md", "notes"]);
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stderr, /notes\/harbour\.md is now message 1/);
  assert.match(first.stderr, /left out notes\/quay\.png: binary/);
  const sent = stage.provider.requests.at(-1)?.messages ?? [];
  assert.deepEqual(
    sent.map(({ role }) => role),
    ["system", "user", "user", "user"],
  );
  assert.equal(sent[0]?.text, "Be brief.");
  assert.match(sent[1]?.text ?? "", /notes\/harbour\.md[\s\S]*The harbour opens at nine\./);
  const again = await chat("/attach notes/tide.txt\n/context\n/expand 2\n", ["-c", "files"]);
  assert.match(again.stderr, /notes\/tide\.txt is already message 2/);
  assert.match(again.stdout, /\[2\] user: \[notes\/tide\.txt, text\/plain\]/);
  assert.match(again.stdout, /\(file notes\/tide\.txt, text\/plain, 22 bytes\)\nHigh tide is at four\.\n/);
});

test("the commands show what the model sees, what it took, and what is not shown", async () => {
  const imported = await conversations(["import", "-c", "berths"], { stdin: longTalk });
  assert.equal(imported.stdout, "berths: 40 messages added, one branch (openai)\n", imported.stderr);
  const all = ["/compact", "/context", "/recall S-74,", "/expand 3-4", "/history 1", "/ask which berth?"];
  const more = ["/branch", "/branch 2", "/history", "/branch main", "/cost", "/help"];
  const small = ["-c", "berths", "--context-window", "6000"];
  const { code, stdout, stderr } = await chat(`${[...all, ...more].join("\n")}\n`, small);
  assert.equal(code, 0, stderr);
  for (const shown of [
    /[\d,]+ tokens became [\d,]+\./,
    /tokens, \d+ % of a window of 6,000\./,
    /sum_[0-9a-f]+ {2}messages 1-\d+, level 1: Talk about numbered berths/,
    /^\[2\] assistant: .*S-74, and/m,
    /^\[3\] user .*\nBerth 3 is kept[\s\S]*^\[4\] assistant .*\nBerth 4 is kept/m,
    /^\[40\] assistant .*\nBerth 40 is kept/m,
    /^It is berth 3 \[3\]\. \(from message 3\)$/m,
    /^\* main {2}40 messages$/m,
    /^On branch branch-2, after message 2\.\n\[1\] user .*\nBerth 1 .*\n\[2\] assistant .*\nBerth 2 .*\nOn branch main\.$/m,
    /^\d+ model calls, [\d,]+ tokens in, \d+ out: cost unknown$/m,
    /^ {2}\/compact .*\n[\s\S]*^ {2}\/quit /m,
  ])
    assert.match(stdout, shown);

  const commands = all.concat(more).map((command) => ({ command }));
  const json = rows(await chat(jsonLines(...commands), [...small, "--json"]));
  assert.deepEqual(
    json.map((row) => row["command"]),
    [...all, ...more].map((command) => /\w+/.exec(command)?.[0]),
  );
  const [compact, context] = json;
  // A second time without news it does nothing.
  assert.equal(compact?.["status"], "nothing-to-gain");
  assert.ok(Number(context?.["tokens"]) < 6_000 && Array.isArray(context?.["items"]));
});

test("a chat goes on where it branched off, and the other branch has nothing of it", async () => {
  await chat("one\ntwo\n/branch 2\nanother two\n", ["-c", "branches"]);
  const { stdout, stderr } = await chat("three\n", ["-c", "branches", "--branch", "branch-2"]);
  assert.equal(stdout, "3: three\n");
  assert.match(stderr, /branches, branch branch-2, 4 messages/);
  const main = await conversations(["show", "branches", "-n", "3"]);
  assert.match(main.stdout, /^\[2\] .*\n1: one\n\[3\] .*\ntwo\n\[4\] .*\n2: two\n$/);
  assert.match(main.stderr, /1 earlier message.*\n\(branches: main, branch-2\)/);
});

test("without a language model everything works but answers", async () => {
  const kept = await chat("the port is 8080\n/recall 8080\n/context\n/compact\n", [
    "-m",
    "reader",
    "-c",
    "mute",
  ]);
  assert.equal(kept.code, 0, kept.stderr);
  assert.match(kept.stdout, /^\[1\] user: the port is 8080\n/);
  assert.match(kept.stderr, /model: none[\s\S]*kept as message 1/);
  const asked = await chat("/ask which port?\n", ["-m", "reader", "-c", "mute"]);
  assert.equal(asked.code, 2);
  assert.match(asked.stderr, /has no model/);
});
