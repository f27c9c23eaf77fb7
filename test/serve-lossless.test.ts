/** A client that re-sends everything holds a talk of 400 turns with a model of 16k: it notices nothing, and nothing is lost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { faults, type FakeReply, type FakeRequest } from "../src/testing/index.ts";
import { serveStage, type ServeStage } from "./serve-stage.ts";

type Sent = OpenAI.Chat.Completions.ChatCompletionMessageParam;

const model = "fake-model";
const window = 16_000;
const turns = 400;
const tools: OpenAI.Chat.Completions.ChatCompletionFunctionTool[] = [
  {
    type: "function",
    function: {
      name: "tide_table",
      description: "the tides of a day",
      parameters: { type: "object", properties: { day: { type: "integer" } }, required: ["day"] },
    },
  },
];
/** Said once, in this turn, and asked for at the end. */
const secrets: ReadonlyMap<number, { readonly of: string; readonly code: string }> = new Map([
  [3, { of: "north gate", code: "KESTREL-4711" }],
  [57, { of: "boathouse", code: "PLOVER-2088" }],
  [211, { of: "signal mast", code: "DUNLIN-9135" }],
]);
const filler = "The wind went round to the west and the ferry waited for the mail as it does on most days. ";

/** A tokenizer of its own that counts more than we would guess, with a window that is meant. */
function countedBy({ raw }: FakeRequest): number {
  return Math.ceil(Buffer.byteLength(raw) / 3.7);
}

function isLabelTask({ messages }: FakeRequest): boolean {
  return messages[0]?.text.includes("You write labels") === true;
}

function isClone({ messages }: FakeRequest): boolean {
  return messages.at(-1)?.text.includes("The record:") === true;
}

/** A model that calls the client's tool on each third day, looks up what it doesn't see, and says what it found. */
function play(request: FakeRequest): FakeReply {
  const inputTokens = countedBy(request);
  if (inputTokens > window - 2000) return faults.contextOverflow();
  const usage = { inputTokens, outputTokens: 20, cachedInputTokens: 0 };
  if (isLabelTask(request))
    return { text: "Talk about days at the harbour, the wind, the ferry, tides. Codes were told.", usage };
  const { text, messages } = request;
  const found = /[A-Z]{5,}-\d{4}/.exec(text)?.[0];
  if (isClone(request)) return { text: `The code is ${found ?? "unknown"}.`, usage };
  if (messages.at(-1)?.role === "tool")
    return { text: found ? `The code is ${found}.` : `Noted: ${text.slice(0, 40)}`, usage };
  const [, how, of] = /^(Look|Have someone read) up the code of the ([a-z ]+)\.$/.exec(text) ?? [];
  if (of !== undefined) {
    const seen = messages.findLast((message) => message.text.includes(`code of the ${of} is`))?.text;
    if (seen !== undefined) return { text: `The code is ${/[A-Z]{5,}-\d{4}/.exec(seen)?.[0]}.`, usage };
    const call =
      how === "Look"
        ? { name: "recall_grep", input: { pattern: `code of the ${of} is` } }
        : { name: "recall_ask", input: { question: `What is the code of the ${of}?`, in: ["1-20"] } };
    return { text: "", toolCalls: [{ id: `recall_${messages.length}`, ...call }], usage };
  }
  const [, day = "0"] = /^Day (\d+):/.exec(text) ?? [];
  if (Number(day) % 3 === 0)
    return { toolCalls: [{ id: `tide_${day}`, name: "tide_table", input: { day: Number(day) } }], usage };
  return { text: `Day ${day} is written down.`, usage };
}

class Client {
  readonly messages: Sent[] = [{ role: "system", content: "You keep the log of a harbour. Be brief." }];
  readonly contexts: string[] = [];
  readonly branchedAt: (string | null)[] = [];
  readonly #openai: OpenAI;
  saved = 0;

  constructor({ server }: ServeStage, messages: readonly Sent[] = []) {
    this.#openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "any", maxRetries: 0, timeout: 60_000 });
    if (messages.length > 0) this.messages = [...messages];
  }

  /** Says something and lets the model have its tools until it answers in words. */
  async say(content: string): Promise<string> {
    this.messages.push({ role: "user", content });
    for (;;) {
      const { data, response } = await this.#openai.chat.completions
        .create({ model, messages: this.messages, tools })
        .withResponse();
      this.contexts.push(response.headers.get("x-unabridged-context") ?? "");
      this.branchedAt.push(response.headers.get("x-unabridged-branched-at"));
      this.saved = Number(response.headers.get("x-unabridged-tokens-saved"));
      const [choice] = data.choices;
      assert.ok(choice);
      this.messages.push(choice.message);
      const calls = choice.message.tool_calls ?? [];
      if (calls.length === 0) return choice.message.content ?? "";
      for (const call of calls) {
        assert.ok(call.type === "function");
        assert.equal(call.function.name, "tide_table");
        const { day } = JSON.parse(call.function.arguments);
        this.messages.push({
          ...{ role: "tool", tool_call_id: call.id },
          content: `Tides of day ${day}: high 05:12 3.${day} m, low 11:40, high 17:31. ${filler.repeat(4)}`,
        });
      }
    }
  }

  async live(from: number, to: number): Promise<void> {
    for (let day = from; day <= to; day++) {
      const secret = secrets.get(day);
      const told = secret ? `The code of the ${secret.of} is ${secret.code}. ` : "";
      await this.say(`Day ${day}: ${told}${filler.repeat(3)}`);
    }
  }
}

test("400 turns with tools over a window of 16k: each request fits and is well formed, the cache holds between swaps, and early words are found", async () => {
  await using stage = await serveStage({ window, record: Infinity, reply: play });
  const client = new Client(stage);
  await client.live(1, turns);
  assert.equal(
    await client.say("Have someone read up the code of the north gate."),
    "The code is KESTREL-4711.",
  );
  assert.equal(await client.say("Look up the code of the north gate."), "The code is KESTREL-4711.");
  assert.equal(await client.say("Look up the code of the boathouse."), "The code is PLOVER-2088.");
  assert.equal(await client.say("Look up the code of the signal mast."), "The code is DUNLIN-9135.");
  assert.ok(client.saved > 40_000, `tokens saved by the last request: ${client.saved}`);
  const { requests } = stage.provider;
  const largest = Math.max(...requests.map(countedBy));
  assert.ok(largest <= window - 2000, `the largest request has ${largest} tokens`);
  assert.equal(requests.filter(isClone).length, 1);
  const answered = requests.filter((request) => !isLabelTask(request) && !isClone(request));
  for (const request of answered) assertGroupsAreWhole(request);
  const changed = countChangedPrefixes(answered);
  const swaps = client.contexts.filter((context) => context.startsWith("swapped")).length;
  assert.ok(swaps > 5, `${swaps} swaps`);
  // A header tells of the first request of an answer; each of the four that look something up sends another.
  const untold = 4;
  assert.ok(changed <= swaps + untold, `${changed} prefixes changed, but there were ${swaps} swaps`);
  assert.equal((await branches(stage)).length, 1);
  assert.deepEqual(stage.log, []);
});

test("an old message that was edited begins a branch: both pasts go on, each with its own words", async () => {
  await using stage = await serveStage({ window, reply: play });
  const client = new Client(stage);
  await client.live(1, 80);
  const edited = new Client(stage, client.messages.slice(0, placeOf(client, "Day 3:")));
  await edited.say(`Day 3: The code of the north gate is WIMBREL-1234. ${filler}`);
  await edited.live(4, 80);
  assert.equal(await edited.say("Look up the code of the north gate."), "The code is WIMBREL-1234.");
  assert.equal(await client.say("Look up the code of the north gate."), "The code is KESTREL-4711.");
  assert.deepEqual(new Set([...client.branchedAt, ...edited.branchedAt]), new Set([null]));

  // Here the past is longer than the window, so it is the server that answers, and says where the branch began.
  const late = placeOf(client, "Day 79:");
  const again = new Client(stage, client.messages.slice(0, late));
  await again.say(`Day 79: The code of the flag loft is AVOCET-5566. ${filler}`);
  assert.equal(again.branchedAt[0], String(late - 1));
  assert.equal(await again.say("Look up the code of the north gate."), "The code is KESTREL-4711.");
  assert.equal((await branches(stage)).length, 3);
});

function placeOf({ messages }: Client, beginning: string): number {
  return messages.findIndex(({ role, content }) => role === "user" && String(content).startsWith(beginning));
}

test("a server that starts anew knows the talk by what its client sends", async () => {
  await using stage = await serveStage({ window, reply: play });
  const client = new Client(stage);
  await client.live(1, 60);
  await stage.server.close();
  await using again = await serveStage({ window, reply: play, home: stage.service.homeFolder });
  const later = new Client(again, client.messages);
  assert.equal(await later.say("Look up the code of the north gate."), "The code is KESTREL-4711.");
  assert.equal((await branches(again)).length, 1);
  const sent = again.provider.requests.filter((request) => !isLabelTask(request));
  assert.ok(sent.every((request) => countedBy(request) <= window - 2000));
});

async function branches({ service }: ServeStage): Promise<Awaited<ReturnType<typeof all>>> {
  const engine = await service.engine(undefined, model);
  return all(engine);
}

async function all(engine: Awaited<ReturnType<ServeStage["service"]["engine"]>>) {
  const [only, ...others] = await (await engine.conversations).list({ limit: 10 });
  assert.deepEqual(others, []);
  return engine.conversation(only?.id ?? "").branches();
}

/** As every provider checks it: results follow their call at once, and each call has its result. */
function assertGroupsAreWhole({ body }: FakeRequest): void {
  const messages = body["messages"] as readonly Sent[];
  let open = new Set<string>();
  for (const message of messages) {
    if (message.role === "tool") {
      assert.ok(open.delete(message.tool_call_id), `a result without its call: ${message.tool_call_id}`);
      continue;
    }
    assert.deepEqual([...open], [], "calls without their results");
    const calls = message.role === "assistant" ? (message.tool_calls ?? []) : [];
    open = new Set(calls.map(({ id }) => id));
  }
  assert.deepEqual([...open], []);
}

function countChangedPrefixes(requests: readonly FakeRequest[]): number {
  let changed = 0;
  let before: readonly string[] = [];
  for (const { body } of requests) {
    const { messages, tools: offered } = body as { messages: readonly unknown[]; tools: unknown };
    const now = [offered, ...messages].map((part) => JSON.stringify(part));
    if (!before.every((part, index) => part === now[index])) changed++;
    before = now;
  }
  return changed;
}
