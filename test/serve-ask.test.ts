/** `ask/NAME` as a program uses it: messages far beyond the window are answered over, in each dialect, and failures are told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { code, faults, type FakeReply, type FakeRequest } from "../src/testing/index.ts";
import { serveStage, type ServeStage } from "./serve-stage.ts";

const model = "ask/fake-model";
const window = 16_000;
const question = "How much did the Halcyon pay in all, and what was remarked on her?";
const rightAnswer = "1,233 crowns. Remarked: her anchor was lost off the mole.";

/** Nearly all of it is beside the point; the dues are in two places, the remark in one. */
function ledger(characters: number): string {
  const lines: string[] = [];
  let size = 0;
  for (let day = 1; size < characters; day++) {
    const line = `${day} berth ${day % 17}: the brig Marten paid ${day % 90} crowns and lay over for water and bread.`;
    lines.push(line);
    size += line.length + 1;
  }
  const { length } = lines;
  for (const [share, paid] of [
    [0.1, 400],
    [0.5, 833],
  ] as const)
    lines[Math.floor(length * share)] = `berth 4: the Halcyon paid ${paid} crowns.`;
  lines[Math.floor(length * 0.8)] = "Remark of the master: the Halcyon had no anchor, lost off the mole.";
  return lines.join("\n");
}

const work = code`
  import re
  hits = grep(r"the Halcyon paid (\d+) crowns")
  total = sum(int(re.search(r"paid (\d+)", hit.text).group(1)) for hit in hits)
  remark = llm_query("What is remarked?", grep(r"Remark of the master: the Halcyon.*")[0].line_text)
  FINAL(f"{total:,} crowns. Remarked: {remark}")`;

/** A root LM that reads the ledger by code, a leaf that reads one line, and a tokenizer that keeps them to their window. */
function play(request: FakeRequest): FakeReply {
  if (countedBy(request) > window) return faults.contextOverflow();
  if (request.text.includes("What is remarked?")) {
    assert.ok(request.text.includes("lost off the mole"));
    return { text: "her anchor was lost off the mole." };
  }
  assert.ok(JSON.stringify(request.body).includes(question), "the root LM is told the question");
  return { text: work };
}

function countedBy({ raw }: FakeRequest): number {
  return Math.ceil(Buffer.byteLength(raw) / 3.7);
}

function openai({ server }: ServeStage): OpenAI {
  return new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "any", maxRetries: 0 });
}

test("a message of 20 MB is answered rightly, and no request to the provider is above its window", async () => {
  await using stage = await serveStage({
    ...{ window, reply: play },
    price: { input: 1, cachedInput: 0.1, output: 4 },
  });
  const content = `${ledger(20_000_000)}\n\n${question}`;
  const stream = await openai(stage).chat.completions.create({
    ...{ model, stream: true, stream_options: { include_usage: true } },
    messages: [{ role: "user", content }],
  });
  let [answer, progress, tokens] = ["", "", 0];
  for await (const { choices, usage } of stream) {
    const delta: { content?: string | null; reasoning_content?: string } = choices[0]?.delta ?? {};
    answer += delta.content ?? "";
    progress += delta.reasoning_content ?? "";
    tokens = usage?.total_tokens ?? tokens;
  }
  assert.equal(answer, rightAnswer);
  assert.match(progress, /turn 1\n/);
  const { requests } = stage.provider;
  const largest = Math.max(...requests.map(countedBy));
  assert.ok(largest <= window, `the largest request has ${largest} tokens`);
  assert.ok(tokens > 0 && tokens < 3 * window, `${tokens} tokens in all`);
  assert.deepEqual(stage.log, []);
});

test("each dialect has its place for the question, the documents, the progress and what it cost", async () => {
  await using stage = await serveStage({
    ...{ window, reply: play },
    price: { input: 1, cachedInput: 0.1, output: 4 },
  });
  const whole = ledger(1_000_000);
  const [first, second] = [whole.slice(0, 300_000), whole.slice(300_000)];
  const anthropic = new Anthropic({ baseURL: stage.server.url, apiKey: "any", maxRetries: 0 });
  const { data: message, response } = await anthropic.messages
    .create({
      ...{ model, max_tokens: 2000, thinking: { type: "enabled", budget_tokens: 1024 } },
      system: "Answer briefly.",
      messages: [
        { role: "user", content: first },
        { role: "assistant", content: "I have the first part." },
        {
          role: "user",
          content: [
            {
              type: "document",
              title: "part-2.txt",
              source: { type: "text", media_type: "text/plain", data: second },
            },
            { type: "text", text: question },
          ],
        },
      ],
    })
    .withResponse();
  const [thinking, text] = message.content;
  assert.ok(thinking?.type === "thinking" && text?.type === "text");
  assert.match(thinking.thinking, /1 sub-calls|turn 1/);
  assert.equal(text.text, rightAnswer);
  assert.match(response.headers.get("x-unabridged-run") ?? "", /^run_/);
  assert.ok(Number(response.headers.get("x-unabridged-cost-usd")) > 0);

  const input = `${whole}\n\n${question}`;
  const answered = await openai(stage).responses.create({ model, input, instructions: "Answer briefly." });
  assert.equal(answered.output_text, rightAnswer);
  assert.equal(answered.output[0]?.type, "reasoning");
});

test("an answer in the form of a schema is checked, and one that isn't is a failure", async () => {
  await using stage = await serveStage({ window, reply: () => code`FINAL({"crowns": 1233})` });
  const schema = { type: "object", properties: { crowns: { type: "integer" } }, required: ["crowns"] };
  const ask = (headers = {}): Promise<OpenAI.Chat.Completions.ChatCompletion> =>
    openai(stage).chat.completions.create(
      {
        ...{ model, messages: [{ role: "user", content: "How many crowns?" }] },
        response_format: { type: "json_schema", json_schema: { name: "crowns", schema } },
      },
      { headers },
    );
  assert.deepEqual(JSON.parse((await ask()).choices[0]?.message.content ?? ""), { crowns: 1233 });
  stage.provider.setReply(() => code`FINAL("many, many crowns")`);
  // What was asked before is answered as before, unless it is to be asked again.
  assert.deepEqual(JSON.parse((await ask()).choices[0]?.message.content ?? ""), { crowns: 1233 });
  await assert.rejects(
    ask({ "cache-control": "no-cache" }),
    (error) => error instanceof OpenAI.InternalServerError && error.status === 502,
  );
});

test("what ask can't do is refused before anything is paid for", async () => {
  await using stage = await serveStage({ window });
  const { completions } = openai(stage).chat;
  const user = { role: "user" as const, content: "How many?" };
  const tool = { type: "function" as const, function: { name: "look", parameters: {} } };
  await assert.rejects(
    completions.create({ model, messages: [user], tools: [tool] }),
    OpenAI.BadRequestError,
  );
  await assert.rejects(
    completions.create({ model, messages: [{ role: "system", content: "Hello." }] }),
    OpenAI.BadRequestError,
  );
  const image = { type: "image_url" as const, image_url: { url: "https://example.org/a.png" } };
  await assert.rejects(
    completions.create({ model, messages: [{ role: "user", content: [image] }] }),
    OpenAI.BadRequestError,
  );
  assert.equal(stage.provider.calls, 0);
});

test("a client that leaves ends its run", async () => {
  await using stage = await serveStage({ window, reply: () => faults.hang() });
  const stream = await openai(stage).chat.completions.create({
    ...{ model, stream: true, messages: [{ role: "user", content: "How many?" }] },
  });
  while (stage.provider.inFlight === 0) await pause();
  stream.controller.abort();
  while (stage.provider.inFlight > 0) await pause();
  const { runs } = await stage.service.engine(undefined, "fake-model");
  const end = async (): Promise<string | undefined> => (await runs.list({ limit: 1 }))[0]?.end?.status;
  while ((await end()) === undefined) await pause();
  assert.equal(await end(), "cancelled");
});

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 10));
}
