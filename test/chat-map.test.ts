/** `map` as a tool in conversations: only where it is asked for; rows stay in a job, a query brings back what they say. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { ConversationRequest, OpenConversation } from "../src/engine/index.ts";
import type { Json } from "../src/core/json.ts";
import type { WireToolCall } from "../src/testing/wire/dialect.ts";
import { openStage, turnOf, type Script, type Stage } from "./ask-stage.ts";
import { openCliStage } from "./cli-stage.ts";

const letters = Array.from(
  { length: 30 },
  (_, n) => `{"n": ${n}, "letter": "letter-${n} ${"x".repeat(40)}"}`,
);
const schema = { type: "object", properties: { label: { enum: ["good", "bad"] } }, required: ["label"] };
const byLabel = "select label, count(*) as n from results group by 1 order by 1";

/** The model calls the tool with each of these, one a turn, then says what it was told last. */
function calls(...inputs: readonly Json[]): Script["root"] {
  return (turn, request) => {
    const input = inputs[turn - 1];
    if (input === undefined) return `told: ${request.text}`;
    const call: WireToolCall = { id: `call${turn}`, name: "map", input };
    return { toolCalls: [call] };
  };
}

/** Good where the number is even, and no valid answer about 7. */
function leaf(prompt: string): string {
  const n = Number(/letter-(\d+)/.exec(prompt)?.[1]);
  // Asked again, it is shown what was wrong and not the letter.
  return n === 7 || Number.isNaN(n) ? "no" : JSON.stringify({ label: n % 2 === 0 ? "good" : "bad" });
}

async function withLetters(
  stage: Stage,
  request: ConversationRequest = { map: true },
): Promise<OpenConversation> {
  const conversation = stage.engine.conversation("letters", request);
  const data = Buffer.from(letters.join("\n")).toString("base64");
  await conversation.append({
    role: "user",
    content: [{ type: "file", mediaType: "text/plain", data, filename: "in/letters.jsonl" }],
  });
  return conversation;
}

function leaves({ provider }: Stage): number {
  return provider.requests.filter(({ model }) => model === "leaf").length;
}

/** What the tool told the model in its n-th call, as it is kept. */
async function outputs(conversation: OpenConversation): Promise<readonly Json[]> {
  const found: Json[] = [];
  for await (const { message } of conversation.history())
    if (message.role === "tool")
      for (const part of message.content)
        found.push(part.isError === true ? { error: part.output } : part.output);
  return found;
}

test("every record of a file goes through the sub-model, and only what a query says comes back", async () => {
  const ask = { prompt: "Judge: {{letter}}", in: "letters.jsonl", schema };
  await using stage = await openStage({
    root: calls(ask, { ...ask, sql: byLabel }, { ...ask, sql: "select nothing" }),
    leaf,
  });
  const conversation = await withLetters(stage);
  const result = await conversation.send("How are the letters?").result();
  assert.equal(result.status, "answered");
  const [first, second, third] = (await outputs(conversation)) as Record<string, Json>[];
  assert.deepEqual(
    [first?.["status"], first?.["records"], first?.["done"], first?.["failed"]],
    ["failed", 30, 29, 1],
  );
  assert.deepEqual(
    first?.["first_rows"],
    [0, 1, 2, 3, 4].map((n) => ({ key: n + 1, result: { label: n % 2 === 0 ? "good" : "bad" } })),
  );
  assert.match(JSON.stringify(first?.["failures"]), /"key":8,"code":"bad_response"/);
  assert.deepEqual(second?.["rows"], [
    { label: "bad", n: 14 },
    { label: "good", n: 15 },
  ]);
  assert.equal(second?.["job"], first?.["job"]);
  assert.match(String(third?.["query_failed"]), /nothing/);
  // 29 answers and three attempts at the one; asking again asked for nothing again, not even for what had failed.
  assert.equal(leaves(stage), 32);
  assert.equal(result.usage.calls, 32 + 4);
  const [job] = await stage.engine.jobs.list({ limit: 5 });
  assert.deepEqual(
    [job?.id, job?.recipe["source"]],
    [first?.["job"], "conversation letters: in/letters.jsonl"],
  );
  await conversation.close();
});

test("messages are records too, and so are the lines of one; what names nothing is told to the model", async () => {
  const judge = {
    prompt: "Judge: {{text}}",
    sql: "select i.role, count(*) as n from results r join items i using (position) group by 1 order by 1",
  };
  const script = calls(
    { ...judge, in: "1-3" },
    { prompt: "{{line}}: {{text}}", in: 2, split: "lines", sql: "select result from results" },
    { ...judge, in: "none.txt" },
    { prompt: "x" },
  );
  await using stage = await openStage({
    root: (turn, request, info) => script(Math.max(1, turn - 1), request, info),
    leaf: (prompt) => prompt,
  });
  const conversation = stage.engine.conversation("talk", { map: true });
  await conversation.append([
    { role: "user", content: "Good day" },
    { role: "assistant", content: "first line\nsecond line" },
    { role: "user", content: "Goodbye" },
  ]);
  await conversation.send("Who said what?").result();
  const [messages, lines, nowhere, wrong] = (await outputs(conversation)) as Record<string, Json>[];
  assert.deepEqual(messages?.["rows"], [
    { role: "assistant", n: 1 },
    { role: "user", n: 2 },
  ]);
  assert.deepEqual(lines?.["rows"], [{ result: "1: first line" }, { result: "2: second line" }]);
  assert.match(String(nowhere?.["error"]), /"none.txt" names nothing in this conversation/);
  assert.match(String(wrong?.["error"]), /^in: /);
  await conversation.close();
});

test("a limit half-way is told, what was done is kept, and the next turn goes on from there", async () => {
  const ask = { prompt: "Judge: {{letter}}", in: "letters.jsonl", schema, sql: byLabel };
  await using stage = await openStage({
    root: (_turn, request) =>
      request.messages.at(-1)?.role === "user"
        ? { toolCalls: [{ id: `c${turnOf(request)}`, name: "map", input: ask }] }
        : "done",
    leaf: (prompt) => leaf(prompt.replace("letter-7 ", "letter-8 ")),
  });
  const conversation = await withLetters(stage);
  const first = await conversation.send("How are the letters?", { limits: { calls: 11 } }).result();
  assert.deepEqual([first.status, first.limit?.code, stage.provider.calls], ["partial", "calls", 11]);
  const second = await conversation.send("Go on.").result();
  assert.equal(second.status, "answered");
  const [stopped, whole] = (await outputs(conversation)) as Record<string, Json>[];
  assert.deepEqual([stopped?.["status"], stopped?.["done"], stopped?.["left"]], ["limit", 10, 20]);
  assert.match(String(stopped?.["limit"]), /11 calls/);
  assert.deepEqual([whole?.["status"], whole?.["done"]], ["done", 30]);
  assert.equal(leaves(stage), 30);
  await conversation.close();
});

test("without being asked for it is not there: requests are those of a plain conversation", async () => {
  const bodies: string[] = [];
  for (const request of [{}, { map: false }, { map: true }]) {
    await using stage = await openStage({ root: () => "Good day." });
    const conversation = await withLetters(stage, request);
    await conversation.send("Hello").result();
    await conversation.close();
    bodies.push(stage.provider.requests[0]?.raw ?? "");
  }
  const [plain, off, on] = bodies;
  assert.equal(off, plain);
  assert.equal((JSON.parse(plain ?? "{}") as { tools?: unknown }).tools, undefined);
  const { tools } = JSON.parse(on ?? "{}") as { tools: { function: { name: string } }[] };
  assert.deepEqual(
    tools.map((tool) => tool.function.name),
    ["map"],
  );
  await using stage = await openStage({ root: () => "" });
  const own = { name: "map", description: "mine", inputSchema: { type: "object" } };
  assert.throws(
    () => stage.engine.conversation("c", { map: true, tools: [own] }),
    /There is a tool "map" already/,
  );
});

test("unabridged chat offers it with --map", async () => {
  const ask = { prompt: "Judge: {{letter}}", in: "letters.jsonl", schema, sql: byLabel };
  const tools: unknown[] = [];
  await using stage = await openCliStage({
    root: (turn, request, info) => {
      tools.push(request.body["tools"]);
      return calls(ask)(turn, request, info);
    },
    leaf: (prompt) => leaf(prompt.replace("letter-7 ", "letter-8 ")),
  });
  await writeFile(join(stage.folder, "letters.jsonl"), letters.join("\n"));
  const chat = ["chat", "letters.jsonl", ...stage.models] as const;
  const mapped = await stage.run([...chat, "-c", "mapped", "--map"], { stdin: "How are they?\n" });
  assert.equal(mapped.code, 0, mapped.stderr);
  assert.match(mapped.stderr, /looking: map \{"prompt":"Judge/);
  assert.match(mapped.stdout, /^told: .*"rows":\[\{"label":"bad","n":14\},\{"label":"good","n":16\}\]/);
  assert.deepEqual(
    tools.map((sent) => Array.isArray(sent) && sent.length),
    [1, 1],
  );
  tools.length = 0;
  stage.provider.setReply(({ body }) => (tools.push(body["tools"]), "Fine."));
  assert.equal((await stage.run([...chat, "-c", "plain"], { stdin: "How are they?\n" })).stdout, "Fine.\n");
  assert.deepEqual(tools, [undefined]);
});
