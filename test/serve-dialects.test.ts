/** What is hardest to keep in each vendor's dialect: forms of answers, an end in the middle, and failures in its own words. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import Anthropic from "@anthropic-ai/sdk";
import {
  generateText,
  jsonSchema,
  Output,
  streamText,
  tool,
  type LanguageModel,
  type ModelMessage,
} from "ai";
import OpenAI from "openai";
import { hashKey } from "../src/http/index.ts";
import type { FakeReply } from "../src/testing/index.ts";
import { serveStage, type ServeStage, type StageOptions } from "./serve-stage.ts";

const model = "fake-model";
const question = { role: "user" as const, content: "Where?" };
const schema = {
  type: "object" as const,
  properties: { city: { type: "string" as const } },
  required: ["city"],
  additionalProperties: false,
};

interface Client {
  /** Of the dialect that the server is spoken to in. */
  readonly handedOn: StageOptions["upstream"];
  readonly translated: StageOptions["upstream"];
  structured(): Promise<unknown>;
  /** Begins a stream and leaves after the first words. */
  leave(): Promise<void>;
  /** Reads a stream to its end. */
  read(): Promise<string>;
  readonly failures: Readonly<Record<400 | 401 | 404 | 429 | 500, new (...given: never[]) => Error>>;
}

type Clients = (stage: Pick<ServeStage, "server">, key?: string) => Client;

function openai({ server }: Pick<ServeStage, "server">, key: string): OpenAI {
  return new OpenAI({ baseURL: `${server.url}/v1`, apiKey: key, maxRetries: 0 });
}

const openaiFailures = {
  400: OpenAI.BadRequestError,
  401: OpenAI.AuthenticationError,
  404: OpenAI.NotFoundError,
  429: OpenAI.RateLimitError,
  500: OpenAI.InternalServerError,
};

const chat: Clients = (stage, key = "any") => {
  const { completions } = openai(stage, key).chat;
  const stream = () => completions.create({ model, messages: [question], stream: true });
  return {
    ...{ handedOn: "openai-chat", translated: "anthropic", failures: openaiFailures },
    async structured() {
      const { choices } = await completions.parse({
        ...{ model, messages: [question] },
        response_format: { type: "json_schema", json_schema: { name: "place", strict: true, schema } },
      });
      return choices[0]?.message.parsed;
    },
    async leave() {
      for await (const { choices } of await stream()) if (choices[0]?.delta.content) break;
    },
    async read() {
      let text = "";
      for await (const { choices } of await stream()) text += choices[0]?.delta.content ?? "";
      return text;
    },
  };
};

const responses: Clients = (stage, key = "any") => {
  const client = openai(stage, key).responses;
  const stream = () => client.create({ model, input: [question], stream: true });
  return {
    ...{ handedOn: "openai-responses", translated: "openai-chat", failures: openaiFailures },
    async structured() {
      const { output_parsed: parsed } = await client.parse({
        ...{ model, input: [question] },
        text: { format: { type: "json_schema", name: "place", strict: true, schema } },
      });
      return parsed;
    },
    async leave() {
      for await (const event of await stream()) if (event.type === "response.output_text.delta") break;
    },
    async read() {
      let text = "";
      for await (const event of await stream())
        text += event.type === "response.output_text.delta" ? event.delta : "";
      return text;
    },
  };
};

const messages: Clients = ({ server }, key = "any") => {
  const client = new Anthropic({ baseURL: server.url, apiKey: key, maxRetries: 0 }).messages;
  const request = { model, max_tokens: 500, messages: [question] };
  const stream = () => client.create({ ...request, stream: true });
  return {
    ...{ handedOn: "anthropic", translated: "openai-chat" },
    async structured() {
      const { content } = await client.create({
        ...request,
        output_config: { format: { type: "json_schema", schema } },
      });
      return content[0]?.type === "text" ? JSON.parse(content[0].text) : undefined;
    },
    async leave() {
      for await (const event of await stream()) if (event.type === "content_block_delta") break;
    },
    async read() {
      let text = "";
      for await (const event of await stream())
        if (event.type === "content_block_delta" && event.delta.type === "text_delta")
          text += event.delta.text;
      return text;
    },
    failures: {
      400: Anthropic.BadRequestError,
      401: Anthropic.AuthenticationError,
      404: Anthropic.NotFoundError,
      429: Anthropic.RateLimitError,
      500: Anthropic.InternalServerError,
    },
  };
};

const ways = ["handedOn", "translated"] as const;
const nowhere = { server: { url: "http://127.0.0.1:1", port: 1, close: () => Promise.resolve() } };

for (const [name, clients] of Object.entries({ chat, responses, messages }))
  for (const way of ways)
    suite(`${name}, ${way === "handedOn" ? "handed on" : "translated"}`, () => {
      const open = (reply: () => string | FakeReply, options: StageOptions = {}): Promise<ServeStage> =>
        serveStage({ upstream: clients(nowhere)[way] ?? "none", reply, ...options });

      test("an answer in the form of a schema", async () => {
        await using stage = await open(() => '{"city":"Bergen"}');
        assert.deepEqual(await clients(stage).structured(), { city: "Bergen" });
        const sent = JSON.stringify(stage.provider.requests[0]?.body);
        assert.ok(sent.includes('"required":["city"]'), sent);
      });

      test("a client that leaves ends the call to the provider", async () => {
        await using stage = await open(() => ({ text: "one two three four", hang: "mid-stream" }));
        await clients(stage).leave();
        while (stage.provider.inFlight > 0) await new Promise((resolve) => setTimeout(resolve, 5));
      });

      test("an answer that breaks off is no end of an answer", async () => {
        await using stage = await open(() => ({ text: "one two three four", reset: "mid-stream" }));
        await assert.rejects(clients(stage).read());
      });

      test("refusals have the package's own classes", async () => {
        let reply: FakeReply = { status: 400, text: "temperature: must be at most 2" };
        await using stage = await open(() => reply, { keys: [hashKey("a-key-of-some-length")] });
        const { failures, read } = clients(stage, "a-key-of-some-length");
        await assert.rejects(read, failures[400]);
        reply = { status: 404, text: "The model `fake-model` does not exist" };
        await assert.rejects(read, failures[404]);
        // A server that asks to be left alone for long is believed at once.
        reply = { status: 429, text: "Rate limit reached", headers: { "retry-after": "3600" } };
        await assert.rejects(read, (error) => {
          assert.ok(error instanceof failures[429]);
          assert.equal((error as InstanceType<typeof OpenAI.APIError>).headers?.get("retry-after"), "3600");
          return true;
        });
        // The key that the provider refuses is the server's own, which its client can't mend.
        reply = { status: 401, text: "Incorrect API key provided" };
        await assert.rejects(read, failures[500]);
        await assert.rejects(clients(stage, "a-wrong-key-altogether").read, failures[401]);
      });
    });

const asAppsDo: Readonly<Record<string, (stage: ServeStage) => LanguageModel>> = {
  "openai-responses": ({ server }) => createOpenAI({ baseURL: `${server.url}/v1`, apiKey: "any" })(model),
  "openai-chat": ({ server }) => createOpenAI({ baseURL: `${server.url}/v1`, apiKey: "any" }).chat(model),
  anthropic: ({ server }) => createAnthropic({ baseURL: `${server.url}/v1`, apiKey: "any" })(model),
};

for (const [dialect, open] of Object.entries(asAppsDo))
  for (const upstream of ["openai-chat", "openai-responses", "anthropic"] as const)
    test(`an app of the AI SDK that speaks ${dialect} to a provider of ${upstream}`, async () => {
      await using stage = await serveStage({
        upstream,
        reply: ({ body, text }) => {
          if (text.includes("As an object")) return '{"city":"Bergen"}';
          if (JSON.stringify(body).includes("It is sunny")) return "Sunny.";
          return {
            text: "I look. ",
            toolCalls: [{ id: "call_1", name: "weather", input: { city: "Bergen" } }],
          };
        },
      });
      const weather = tool({
        description: "of a city",
        inputSchema: jsonSchema<{ city: string }>(schema),
        execute: ({ city }) => `It is sunny in ${city}`,
      });
      const common = { model: open(stage), maxRetries: 0 };
      const stopWhen = ({ steps }: { steps: readonly unknown[] }) => steps.length >= 3;
      const asked = { ...common, prompt: "How is Bergen?", tools: { weather }, stopWhen };
      assert.equal((await generateText(asked)).text, "Sunny.");
      const { text, steps } = streamText(asked);
      assert.equal(await text, "Sunny.");
      assert.deepEqual((await steps)[0]?.toolCalls[0]?.input, { city: "Bergen" });
      const output = Output.object({ schema: jsonSchema<{ city: string }>(schema) });
      const formed = await generateText({ ...common, prompt: "As an object.", output });
      assert.deepEqual(formed.output, { city: "Bergen" });
    });

test("a program that names earlier items in place of sending them is understood, for as long as it talks", async () => {
  const window = 4000;
  const filler = "This and that was said about the weather on the quay, and some more of it. ".repeat(10);
  await using stage = await serveStage({
    window,
    reply: ({ messages, text, raw }) => {
      assert.ok(Buffer.byteLength(raw) < window * 4);
      if (messages[0]?.text.includes("You write labels")) return "Talk about the weather.";
      if (messages.at(-1)?.role === "tool") return `Found: ${text}`;
      if (text !== "What was the first thing?")
        return text.startsWith("Turn 1 ") ? "First comes the HERON-12." : "Noted.";
      return { toolCalls: [{ id: "r1", name: "recall_grep", input: { pattern: "First comes" } }] };
    },
  });
  const bodies: string[] = [];
  const watched: typeof fetch = (url, init) => {
    bodies.push(String(init?.body));
    return fetch(url, init);
  };
  const client = createOpenAI({ baseURL: `${stage.server.url}/v1`, apiKey: "any", fetch: watched })(model);
  const said: ModelMessage[] = [];
  const say = async (content: string): Promise<string> => {
    said.push({ role: "user", content });
    const { text, responseMessages } = await generateText({ model: client, messages: said, maxRetries: 0 });
    said.push(...responseMessages);
    return text;
  };
  for (let turn = 1; turn <= 15; turn++) await say(`Turn ${turn} ${filler}`);
  assert.match(await say("What was the first thing?"), /^Found: [\s\S]*HERON-12/);
  assert.ok(bodies.at(-1)?.includes("item_reference"));

  const input = [{ type: "item_reference" as const, id: "msg_of_another_day" }];
  await assert.rejects(openai(stage, "any").responses.create({ model, input }), OpenAI.NotFoundError);
});
