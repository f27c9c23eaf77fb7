/** Providers fail in many ways: at the root LM and in the middle of a batch, for a moment and for good. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ModelError, type ModelErrorCode } from "../src/core/errors.ts";
import { code, faults, type FakeReply } from "../src/testing/index.ts";
import { openStage, questionOf, type Say, type Stage } from "./ask-stage.ts";

interface Fault {
  readonly reply: FakeReply;
  /** What is told once no further attempt makes sense. */
  readonly code: ModelErrorCode;
  /** Items of the batch that fail each time. @default three of them */
  readonly broken?: readonly number[];
}

const faultsOfTheWire: Readonly<Record<string, Fault>> = {
  "429 with Retry-After": {
    // Each refusal slows the whole endpoint down: one item is enough.
    ...{ reply: faults.rateLimited(0.01), code: "rate_limited", broken: [17] },
  },
  "500": { reply: faults.serverError(), code: "overloaded" },
  "no answer at all": { reply: faults.hang(), code: "timeout" },
  "silence in the middle of an answer": {
    reply: { text: "ab cd ef gh", hang: "mid-stream" },
    code: "timeout",
  },
  "a connection that is reset": { reply: faults.reset(), code: "unreachable" },
  "a reset in the middle of an answer": {
    reply: { text: "ab cd ef gh", reset: "mid-stream" },
    code: "unreachable",
  },
  "broken JSON": { reply: faults.brokenJson(), code: "bad_response" },
  "empty choices": { reply: faults.emptyChoices(), code: "bad_response" },
  "null content": { reply: faults.nullContent(), code: "bad_response" },
  "an answer that breaks off": { reply: faults.brokenOff("ab cd ef gh"), code: "bad_response" },
};

const brokenByDefault: readonly number[] = [3, 17, 39];
/** Items of the batch that fail once. */
const shaky: readonly number[] = [0, 5, 20];

const cells = {
  ask: code`
    import json
    replies = llm_query_batched([f"{context.strip()} / item {n}" for n in range(40)])
    print(sum(1 for r in replies if r), "answers;", [r for r in replies if not r][:1])`,
  close: code`FINAL([str(r) if r else {"failed": r.code, "text": f"{r}"} for r in replies])`,
} as const;

// Most of the time goes by in pauses before another attempt, which overlap.
describe("a provider that fails", { concurrency: 10 }, () => {
  let stage: Stage;
  const seen = new Set<string>();
  /** True the first time only. */
  const isNew = (key: string): boolean => !seen.has(key) && seen.add(key) !== undefined;

  before(async () => {
    stage = await openStage(
      {
        root: (turn, request): Say => {
          const [, when, name = ""] = /^(once|always): (.*)$/.exec(questionOf(request)) ?? [];
          const fault = faultsOfTheWire[name]?.reply ?? "";
          if (when === "always" || isNew(`root ${name} ${turn}`)) return fault;
          return turn === 1 ? cells.ask : cells.close;
        },
        leaf: (prompt): Say => {
          const [, name = "", item = ""] = /^(.*) \/ item (\d+)$/.exec(prompt) ?? [];
          const { reply: fault = "", broken = brokenByDefault } = faultsOfTheWire[name] ?? {};
          if (broken.includes(Number(item))) return fault;
          if (shaky.includes(Number(item)) && isNew(`leaf ${prompt}`)) return fault;
          return `answer ${item}`;
        },
      },
      { limits: { callTimeoutMs: 2_000 } },
    );
  });
  after(() => stage[Symbol.asyncDispose]());

  for (const [name, { code: expected, broken = brokenByDefault }] of Object.entries(faultsOfTheWire)) {
    test(`${name}, once at the root and in a batch of 40: what comes through is kept, the rest says why`, async () => {
      const result = await stage.engine.ask({ query: `once: ${name}`, context: name }).result();
      assert.equal(result.status, "answered");
      const replies = result.value;
      assert.ok(Array.isArray(replies) && replies.length === 40);
      for (const [item, reply] of replies.entries())
        if (!broken.includes(item)) assert.equal(reply, `answer ${item}`);
        else {
          assert.equal(reply.failed, expected);
          assert.match(reply.text, /^<failed: \w+: .+>$/s);
        }
      assert.equal(result.usage.failedCalls, broken.length);
      assert.equal(result.usage.calls, 2 + 40 - broken.length);
    });

    test(`${name}, again and again at the root: the run ends with a typed error`, async () => {
      const run = stage.engine.ask({ query: `always: ${name}`, context: name });
      await assert.rejects(run.result(), (error) => {
        assert.ok(error instanceof ModelError, String(error));
        assert.equal(error.code, expected);
        assert.match(error.message, /root/);
        return true;
      });
      const { end } = await stage.engine.runs.get(run.id);
      assert.equal(end?.status, "failed");
    });
  }
});

describe("a root LM that writes no code", { concurrency: 4 }, () => {
  const idle: Readonly<Record<string, string>> = {
    "prose only": "Let me think about what the question could mean before I do anything.",
    "code in a language that does not run": "```javascript\nconsole.log(context.length)\n```",
    "an end before any look": "FINAL(42)",
    "a plan that names FINAL": "I will call FINAL(x) once I know x, then f(y).",
  };

  for (const [name, reply] of Object.entries(idle)) {
    test(`${name}: it is told, and ends right`, async () => {
      await using stage = await openStage({
        root: (turn) =>
          turn <= 2 && !(name.startsWith("an end") && turn > 1) ? reply : code`FINAL(len(context))`,
      });
      const result = await stage.engine.ask({ query: "How long is it?", context: "abcdef" }).result();
      assert.equal(result.answer, "6");
      const told = stage.provider.requests[1]?.text ?? "";
      assert.match(told, /```repl/, "it was not told what to do");
    });
  }

  test("prose and nothing else, on and on: the run ends with a typed error that names its last words", async () => {
    await using stage = await openStage({ root: () => "I would rather talk about the weather." });
    await assert.rejects(
      stage.engine.ask({ query: "How long is it?", context: "abcdef" }).result(),
      (error) => {
        assert.ok(error instanceof ModelError && error.code === "bad_response");
        assert.match(error.message, /no code in 6 replies.*the weather.*--model/s);
        return true;
      },
    );
    assert.equal(stage.provider.calls, 6);
  });

  test("sub-LMs that chat where a schema asks for JSON: each such item fails, its siblings are kept", async () => {
    await using stage = await openStage({
      root: () => code`
        replies = llm_query_batched([f"item {n}" for n in range(40)], schema={"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]})
        FINAL([r["n"] if r else r.code for r in replies])`,
      leaf: (prompt, request) => {
        const item = Number(/^item (\d+)/.exec(request.messages[0]?.text ?? prompt)?.[1]);
        if (item === 7) return "I am not sure what you mean.";
        if (item === 8) return '{"n": "eight"}';
        return item % 2 === 0 ? `{"n": ${item}}` : `Sure!\n\`\`\`json\n{"n": ${item},}\n\`\`\``;
      },
    });
    const { value } = await stage.engine.ask({ query: "Which numbers?", context: "abcdef" }).result();
    const expected = Array.from({ length: 40 }, (_, n) => (n === 7 || n === 8 ? "bad_response" : n));
    assert.deepEqual(value, expected);
  });
});
