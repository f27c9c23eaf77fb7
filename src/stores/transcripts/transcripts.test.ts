/** Transcripts of other programs: what they are read as, and that none of their text is lost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../core/errors.ts";
import { asConversationId } from "../../core/ids.ts";
import { memoryConversations } from "../conversations.ts";
import { claudeCodeMessages, codexMessages, importTranscript, openAiMessages } from "./index.ts";
import type { TranscriptMessage } from "./index.ts";

const claudeLines = [
  '{"type":"summary","summary":"Old talk","leafUuid":"x"}',
  '{"parentUuid":null,"isSidechain":false,"type":"user","message":{"role":"user","content":"List the files"},"uuid":"u1","timestamp":"2026-03-01T10:00:00.000Z","cwd":"/home/me"}',
  '{"parentUuid":"u1","type":"assistant","message":{"id":"msg_1","model":"c","role":"assistant","content":[{"type":"thinking","thinking":"I look.","signature":"c2ln"}],"usage":{"input_tokens":3}},"uuid":"a1","timestamp":"2026-03-01T10:00:01.000Z"}',
  '{"parentUuid":"a1","type":"assistant","message":{"id":"msg_1","role":"assistant","content":[{"type":"tool_use","id":"t1","name":"Bash","input":{"command":"ls"}}]},"uuid":"a2"}',
  '{"parentUuid":"a2","isSidechain":true,"type":"user","message":{"role":"user","content":"a sub-agent"},"uuid":"s1"}',
  '{"parentUuid":"a2","type":"user","message":{"role":"user","content":[{"tool_use_id":"t1","type":"tool_result","content":[{"type":"text","text":"a.txt"}],"is_error":true},{"type":"text","text":"go on"}]},"uuid":"r1","toolUseResult":{"stdout":"a.txt"}}',
  '{"parentUuid":"r1","type":"system","subtype":"note","uuid":"n1"}',
  '{"parentUuid":"n1","type":"assistant","message":{"role":"assistant","content":[{"type":"text","text":"One file."},{"type":"new_block","x":1}]},"uuid":"a3"}',
  '{"parentUuid":"u1","type":"user","message":{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"QUJD"}}]},"uuid":"u2"}',
  '{"type":"progress", "half a li',
];

test("a transcript of Claude Code becomes messages with their tools, thoughts and branches", async () => {
  const messages = await Array.fromAsync(claudeCodeMessages(claudeLines));
  assert.deepEqual(
    messages.map(({ key, parentKey }) => [key, parentKey]),
    [
      ["u1", undefined],
      ["a1", "u1"],
      ["a2", "a1"],
      ["r1", "a2"],
      ["r1#2", "r1"],
      ["a3", "r1#2"],
      ["u2", "u1"],
    ],
  );
  assert.equal(messages[0]?.at, Date.parse("2026-03-01T10:00:00.000Z"));
  assert.deepEqual(
    messages.map(({ message }) => message),
    [
      { role: "user", content: [{ type: "text", text: "List the files" }] },
      {
        role: "assistant",
        content: [{ type: "reasoning", text: "I look.", opaque: { anthropic: { signature: "c2ln" } } }],
      },
      {
        role: "assistant",
        content: [{ type: "tool-call", toolCallId: "t1", toolName: "Bash", input: { command: "ls" } }],
      },
      {
        role: "tool",
        content: [
          { type: "tool-result", toolCallId: "t1", toolName: "Bash", output: "a.txt", isError: true },
        ],
      },
      { role: "user", content: [{ type: "text", text: "go on" }] },
      {
        role: "assistant",
        content: [
          { type: "text", text: "One file." },
          { type: "text", text: '{"type":"new_block","x":1}' },
        ],
      },
      { role: "user", content: [{ type: "file", mediaType: "image/png", data: "QUJD" }] },
    ],
  );
});

test("the verbatim texts of a transcript's messages are its lines, in order, up to the last message", async () => {
  const messages = await Array.fromAsync(claudeCodeMessages(claudeLines));
  const verbatim = messages.flatMap((message) => message.verbatim ?? []);
  assert.deepEqual(verbatim.join("\n").split("\n"), claudeLines.slice(0, -1));
});

test("a transcript that grew is imported again without doubles, and a turn taken again is a branch", async () => {
  const store = memoryConversations();
  const id = asConversationId("imported");
  const import_ = (lines: readonly string[]) => importTranscript(store, id, claudeCodeMessages(lines));
  const first = await import_(claudeLines.slice(0, 4));
  assert.deepEqual([first.added, first.known, first.branch.name], [3, 0, "main"]);
  const second = await import_(claudeLines);
  assert.deepEqual([second.added, second.known, second.branch.name], [4, 3, "from u2"]);
  const third = await import_(claudeLines);
  assert.deepEqual([third.added, third.known, third.branch.name], [0, 7, "from u2"]);
  const { branches } = await store.open(id);
  assert.deepEqual(
    branches.map(({ name, head }) => [name, head.position]),
    [
      ["main", 6],
      ["from u2", 2],
    ],
  );
  assert.deepEqual((await store.check("all")).problems, []);
});

test("a rollout of Codex becomes messages, wrapped or bare", async () => {
  const items = [
    '{"type":"message","role":"developer","content":[{"type":"input_text","text":"Be brief."}]}',
    '{"type":"message","role":"user","content":[{"type":"input_text","text":"Hi"},{"type":"input_image","image_url":"data:image/png;base64,QUJD"}]}',
    '{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"Hm."}],"encrypted_content":"xyz"}',
    '{"type":"function_call","name":"shell","arguments":"{\\"command\\":[\\"ls\\"]}","call_id":"c1"}',
    '{"type":"function_call_output","call_id":"c1","output":"{\\"output\\":\\"a\\"}"}',
    '{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Done."}]}',
  ];
  const wrapped = [
    '{"timestamp":"2026-03-01T10:00:00Z","type":"session_meta","payload":{"id":"s"}}',
    ...items.map((item) => `{"timestamp":"2026-03-01T10:00:01Z","type":"response_item","payload":${item}}`),
    '{"timestamp":"2026-03-01T10:00:02Z","type":"event_msg","payload":{"type":"message","role":"user","content":[]}}',
  ];
  const messages = await Array.fromAsync(codexMessages(wrapped));
  assert.deepEqual(
    messages.map(({ key }) => key),
    ["line-2", "line-3", "line-4", "line-5", "line-6", "line-7"],
  );
  const said = messages.map(({ message }) => message);
  assert.deepEqual(said, [
    { role: "system", content: "Be brief." },
    {
      role: "user",
      content: [
        { type: "text", text: "Hi" },
        { type: "file", mediaType: "image/png", data: "QUJD" },
      ],
    },
    {
      role: "assistant",
      content: [
        {
          type: "reasoning",
          text: "Hm.",
          opaque: { openai: { itemId: "rs_1", reasoningEncryptedContent: "xyz" } },
        },
      ],
    },
    {
      role: "assistant",
      content: [{ type: "tool-call", toolCallId: "c1", toolName: "shell", input: { command: ["ls"] } }],
    },
    {
      role: "tool",
      content: [{ type: "tool-result", toolCallId: "c1", toolName: "shell", output: '{"output":"a"}' }],
    },
    { role: "assistant", content: [{ type: "text", text: "Done." }] },
  ]);
  assert.deepEqual(
    (await Array.fromAsync(codexMessages(items))).map(({ message }) => message),
    said,
  );
});

test("a list of messages for OpenAI's chat API is read as an array, in an object, or one a line", async () => {
  const list = [
    { role: "system", content: "Be brief." },
    {
      role: "user",
      content: [
        { type: "text", text: "Hi" },
        { type: "image_url", image_url: { url: "https://a/b.png" } },
      ],
    },
    {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "c1", type: "function", function: { name: "add", arguments: '{"a":1,' } }],
    },
    { role: "tool", tool_call_id: "c1", content: "2" },
    { role: "assistant", content: "It is 2.", unknown_field: { kept: true } },
  ];
  const read = async (text: string): Promise<TranscriptMessage[]> => Array.fromAsync(openAiMessages(text));
  const messages = await read(JSON.stringify(list, null, 2));
  assert.deepEqual(
    messages.map(({ message }) => message),
    [
      { role: "system", content: "Be brief." },
      {
        role: "user",
        content: [
          { type: "text", text: "Hi" },
          { type: "file", mediaType: "image/*", data: "https://a/b.png" },
        ],
      },
      {
        role: "assistant",
        content: [{ type: "tool-call", toolCallId: "c1", toolName: "add", input: '{"a":1,' }],
      },
      { role: "tool", content: [{ type: "tool-result", toolCallId: "c1", toolName: "add", output: "2" }] },
      { role: "assistant", content: [{ type: "text", text: "It is 2." }] },
    ],
  );
  assert.equal(messages[4]?.verbatim, JSON.stringify(list[4]));
  assert.deepEqual(await read(JSON.stringify({ model: "m", messages: list })), messages);
  assert.deepEqual(await read(list.map((message) => JSON.stringify(message)).join("\n")), messages);
  assert.throws(() => openAiMessages("[1, 2"), ConfigError);
});
