/** The vendors' own packages, unmodified, against the server: they can't tell it from their vendor. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, jsonSchema, streamText, tool } from "ai";
import OpenAI from "openai";
import type { FakeReply, FakeRequest } from "../src/testing/index.ts";
import { serveStage, upstreamKey, type ServeStage, type StageOptions } from "./serve-stage.ts";

const model = "fake-model";
const weather = {
  name: "weather",
  description: "of a city",
  schema: { type: "object" as const, properties: { city: { type: "string" as const } }, required: ["city"] },
};
const openaiTool = {
  type: "function" as const,
  function: { name: weather.name, description: weather.description, parameters: weather.schema },
};
const anthropicTool = { name: weather.name, description: weather.description, input_schema: weather.schema };

/** Calls the tool once, then says what it was told. */
function asksWeather({ text, body }: FakeRequest): FakeReply {
  if (JSON.stringify(body).includes("sunny")) return { text: "It is sunny." };
  assert.ok(text.includes("Bergen"));
  return { toolCalls: [{ id: "call_1", name: "weather", input: { city: "Bergen" } }] };
}

function openai({ server }: ServeStage): OpenAI {
  return new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "any", maxRetries: 0 });
}

function anthropic({ server }: ServeStage): Anthropic {
  return new Anthropic({ baseURL: server.url, apiKey: "any", maxRetries: 0 });
}

/** As it is handed on to its provider, and as it is translated for one that speaks another dialect. */
const behind: Readonly<
  Record<"handed on" | "translated", Partial<Record<string, StageOptions["upstream"]>>>
> = {
  "handed on": { chat: "openai-chat", responses: "openai-responses", messages: "anthropic" },
  translated: { chat: "anthropic", responses: "openai-chat", messages: "openai-chat" },
};

for (const [way, upstreams] of Object.entries(behind))
  suite(`requests that are ${way}`, () => {
    test("OpenAI's package: chat completions, whole and streamed, with usage", async () => {
      await using stage = await serveStage({
        upstream: upstreams["chat"] ?? "none",
        reply: () => ({
          text: "one two three",
          usage: { inputTokens: 90, outputTokens: 3, cachedInputTokens: 64 },
        }),
      });
      const messages = [
        { role: "system" as const, content: "Be brief." },
        { role: "user" as const, content: "Count." },
      ];
      const whole = await openai(stage).chat.completions.create({ model, messages });
      assert.equal(whole.choices[0]?.message.content, "one two three");
      assert.equal(whole.choices[0]?.finish_reason, "stop");
      assert.equal(whole.usage?.prompt_tokens, 90);
      assert.equal(whole.usage?.prompt_tokens_details?.cached_tokens, 64);
      const stream = await openai(stage).chat.completions.create({
        ...{ model, messages, stream: true },
        stream_options: { include_usage: true },
      });
      const pieces: string[] = [];
      let tokens: number | undefined;
      for await (const chunk of stream) {
        pieces.push(chunk.choices[0]?.delta.content ?? "");
        tokens = chunk.usage?.completion_tokens ?? tokens;
      }
      assert.equal(pieces.join(""), "one two three");
      assert.ok(pieces.filter((piece) => piece !== "").length >= 3);
      assert.equal(tokens, 3);
      assert.equal(JSON.stringify(stage.provider.requests).includes(upstreamKey), true);
    });

    test("OpenAI's package: a tool is called, and its result read", async () => {
      await using stage = await serveStage({ upstream: upstreams["chat"] ?? "none", reply: asksWeather });
      const runner = openai(stage).chat.completions.runTools({
        ...{ model, stream: true, messages: [{ role: "user", content: "How is Bergen?" }] },
        tools: [
          {
            type: "function",
            function: { ...openaiTool.function, parse: JSON.parse, function: () => "sunny" },
          },
        ],
      });
      assert.equal(await runner.finalContent(), "It is sunny.");
    });

    test("OpenAI's package: responses, whole and streamed, with a tool", async () => {
      await using stage = await serveStage({
        upstream: upstreams["responses"] ?? "none",
        reply: asksWeather,
      });
      const { schema: parameters, name, description } = weather;
      const tools = [{ type: "function" as const, name, description, parameters, strict: false }];
      const input = [{ role: "user" as const, content: "How is Bergen?" }];
      const first = await openai(stage).responses.create({ model, input, tools });
      const call = first.output.find((item) => item.type === "function_call");
      assert.ok(call?.type === "function_call");
      assert.deepEqual(JSON.parse(call.arguments), { city: "Bergen" });
      const output = { type: "function_call_output" as const, call_id: call.call_id, output: "sunny" };
      const stream = openai(stage).responses.stream({ model, tools, input: [...input, call, output] });
      const seen: string[] = [];
      for await (const event of stream)
        if (event.type === "response.output_text.delta") seen.push(event.delta);
      assert.equal(seen.join(""), "It is sunny.");
      assert.equal((await stream.finalResponse()).output_text, "It is sunny.");
    });

    test("Anthropic's package: messages, whole and streamed, with a tool", async () => {
      await using stage = await serveStage({ upstream: upstreams["messages"] ?? "none", reply: asksWeather });
      const common = { model, max_tokens: 500, tools: [anthropicTool], system: "Be brief." };
      const asked = { role: "user" as const, content: "How is Bergen?" };
      const first = await anthropic(stage).messages.create({ ...common, messages: [asked] });
      assert.equal(first.stop_reason, "tool_use");
      const [call] = first.content.filter((block) => block.type === "tool_use");
      assert.deepEqual(call?.input, { city: "Bergen" });
      const stream = anthropic(stage).messages.stream({
        ...common,
        messages: [
          asked,
          { role: "assistant", content: first.content },
          { role: "user", content: [{ type: "tool_result", tool_use_id: call?.id ?? "", content: "sunny" }] },
        ],
      });
      assert.equal(await stream.finalText(), "It is sunny.");
      const counted = await anthropic(stage).messages.countTokens({ ...common, messages: [asked] });
      assert.ok(counted.input_tokens > 10);
    });

    test("the AI SDK: text, stream, tools", async () => {
      await using stage = await serveStage({ upstream: upstreams["chat"] ?? "none", reply: asksWeather });
      const provider = createOpenAICompatible({
        name: "served",
        baseURL: `${stage.server.url}/v1`,
        apiKey: "any",
      });
      const tools = {
        weather: tool({
          description: weather.description,
          inputSchema: jsonSchema<{ city: string }>(weather.schema),
          execute: () => "sunny",
        }),
      };
      const prompt = "How is Bergen?";
      const stopWhen = ({ steps }: { steps: readonly unknown[] }) => steps.length >= 3;
      const whole = await generateText({ model: provider(model), prompt, tools, stopWhen, maxRetries: 0 });
      assert.equal(whole.text, "It is sunny.");
      const streamed = streamText({ model: provider(model), prompt, tools, stopWhen, maxRetries: 0 });
      assert.equal(await streamed.text, "It is sunny.");
    });

    test("failures have each package's own classes", async () => {
      await using stage = await serveStage({
        upstream: upstreams["chat"] ?? "none",
        reply: () => ({ status: 400, text: "temperature: must be at most 2" }),
      });
      const messages = [{ role: "user" as const, content: "Hello" }];
      await assert.rejects(openai(stage).chat.completions.create({ model, messages }), (error) => {
        assert.ok(error instanceof OpenAI.BadRequestError);
        return /at most 2/.test(error.message);
      });
      await assert.rejects(
        openai(stage).chat.completions.create({ model, messages: [], n: 2 }),
        OpenAI.BadRequestError,
      );
      const failing = anthropic(stage).messages.create({ model, max_tokens: 5, messages });
      await assert.rejects(failing, (error) => {
        assert.ok(error instanceof Anthropic.BadRequestError);
        return error.error !== undefined && JSON.stringify(error.error).includes("invalid_request_error");
      });
      await assert.rejects(openai(stage).models.retrieve("no-such"), OpenAI.NotFoundError);
    });
  });

test("what fits is handed on byte for byte, whatever is in it, with the server's own credentials", async () => {
  await using stage = await serveStage();
  const body = `{ "model":"fake-model",\n "messages": [ {"role":"user","content":"caf\\u00e9 \\ud83d\\ude00", "odd": 1.50} ],"new_field": {"a": [1,  2]} }`;
  const headers = {
    "content-type": "application/json",
    authorization: "Bearer the-clients",
    "x-other": "kept",
  };
  await (await fetch(`${stage.server.url}/v1/chat/completions`, { method: "POST", headers, body })).json();
  const [request] = stage.provider.requests;
  assert.equal(request?.raw, body);
  assert.equal(request?.headers["authorization"], `Bearer ${upstreamKey}`);
  assert.equal(request?.headers["x-other"], "kept");
});

test("models are listed for both vendors' packages, each also as ask/NAME", async () => {
  await using stage = await serveStage();
  const ids: string[] = [];
  for await (const { id } of openai(stage).models.list()) ids.push(id);
  assert.deepEqual(ids, ["fake-model", "ask/fake-model"]);
  const theirs: string[] = [];
  for await (const { id } of anthropic(stage).models.list()) theirs.push(id);
  assert.deepEqual(theirs, ids);
  assert.equal((await openai(stage).models.retrieve("ask/fake-model")).id, "ask/fake-model");
});
