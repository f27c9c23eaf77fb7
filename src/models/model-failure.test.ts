/** What providers and sockets throw, and the one error that comes of each. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { APICallError, NoSuchModelError } from "@ai-sdk/provider";
import type { ModelErrorCode } from "../core/errors.ts";
import { redact, toModelError } from "./model-failure.ts";

const place = {
  modelId: "some-model",
  host: "api.example.com",
  keySource: "EXAMPLE_KEY",
  secrets: ["abcd-secret-efgh"],
};

function failed(statusCode: number | undefined, responseBody: string, message = "failed"): APICallError {
  return new APICallError({
    ...{
      message,
      url: "https://api.example.com/v1/chat/completions",
      requestBodyValues: { prompt: "PROMPT" },
      responseBody,
    },
    ...(statusCode !== undefined && { statusCode }),
  });
}

const error = (message: string, more: object = {}): string => JSON.stringify({ error: { message, ...more } });

// What vendors really say, in their own words or shortened.
const sayings: readonly (readonly [number, string, ModelErrorCode, boolean])[] = [
  [
    400,
    error("This model's maximum context length is 4096 tokens.", { code: "context_length_exceeded" }),
    "context_overflow",
    false,
  ],
  [400, error("prompt is too long: 205000 tokens > 200000 maximum"), "context_overflow", false],
  [
    400,
    error("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."),
    "context_overflow",
    false,
  ],
  [
    400,
    error("the request exceeds the available context size. try increasing the context size"),
    "context_overflow",
    false,
  ],
  [500, error("the request exceeds the available context size"), "context_overflow", false],
  [413, "<html>Request Entity Too Large</html>", "context_overflow", false],
  [
    429,
    error("Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 50000."),
    "context_overflow",
    false,
  ],
  [429, error("Rate limit reached for requests"), "rate_limited", true],
  [
    429,
    error("You exceeded your current quota, please check your plan and billing details.", {
      code: "insufficient_quota",
    }),
    "auth",
    false,
  ],
  [402, error("Insufficient credits. Add more using https://openrouter.ai/settings/credits"), "auth", false],
  [
    400,
    error("API key not valid. Please pass a valid API key.", { status: "INVALID_ARGUMENT" }),
    "auth",
    false,
  ],
  [401, error("invalid x-api-key"), "auth", false],
  [403, error("Your request was flagged by moderation"), "refused", false],
  [403, error("Country not supported"), "auth", false],
  [
    400,
    error("The response was filtered due to the prompt triggering Azure's content management policy."),
    "refused",
    false,
  ],
  [404, error('model "llama9" not found, try pulling it first'), "unknown_model", false],
  [404, "404 page not found", "unknown_model", false],
  [400, error("gpt-99 is not a valid model ID"), "unknown_model", false],
  [400, error("max_tokens must be at most 4096"), "bad_request", false],
  [
    529,
    JSON.stringify({ type: "error", error: { type: "overloaded_error", message: "Overloaded" } }),
    "overloaded",
    true,
  ],
  [503, "upstream connect error", "overloaded", true],
  [504, "gateway timeout", "timeout", true],
  [200, error("Provider returned error", { code: 502 }), "overloaded", true],
  [200, error("Rate limited upstream", { code: 429 }), "rate_limited", true],
];

for (const [status, body, code, retryable] of sayings) {
  test(`${status} ${body.slice(0, 90)} is ${code}`, () => {
    const translated = toModelError(failed(status, body), place);
    assert.equal(translated.code, code, translated.message);
    assert.equal(translated.retryable, retryable);
  });
}

test("errors in a stream have no status, and are told apart by what they say", () => {
  assert.equal(toModelError({ message: "Overloaded", type: "overloaded_error" }, place).code, "overloaded");
  assert.equal(toModelError({ message: "slow down", code: 429 }, place).code, "rate_limited");
  assert.equal(toModelError({ error: { message: "prompt is too long" } }, place).code, "context_overflow");
  assert.equal(toModelError("something odd", place).code, "bad_response");
});

test("a socket's error is found however deep it lies", () => {
  const socket = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" });
  const wrapped = new TypeError("fetch failed", { cause: new AggregateError([socket]) });
  const translated = toModelError(wrapped, place);
  assert.equal(translated.code, "unreachable");
  assert.match(translated.message, /ECONNREFUSED/);
  const slow = Object.assign(new Error("Headers Timeout Error"), { code: "UND_ERR_HEADERS_TIMEOUT" });
  assert.equal(toModelError(slow, place).code, "timeout");
});

test("a message names the model, the host, where the key came from, and the remedy", () => {
  const { message } = toModelError(failed(401, error("no")), place);
  assert.match(message, /some-model/);
  assert.match(message, /api\.example\.com/);
  assert.match(message, /EXAMPLE_KEY/);
});

test("neither keys nor prompts get into an error", () => {
  const said = "Incorrect key abcd-secret-efgh or sk-proj-aaaabbbbcccc or Bearer zzz.yyy";
  const translated = toModelError(failed(401, error(said)), place);
  assert.ok(
    !/secret|aaaabbbb|zzz|PROMPT/.test(
      `${translated.message} ${JSON.stringify(translated)} ${String(translated.cause)}`,
    ),
  );
  assert.equal(redact("task-force sketch", []), "task-force sketch");
});

test("a mistake in an adapter is not sent again", () => {
  const translated = toModelError(new TypeError("undefined is not a function"), place);
  assert.equal(translated.code, "bad_response");
  assert.equal(translated.retryable, false);
});

test("a library's own refusals keep their meaning", () => {
  const unknown = new NoSuchModelError({ modelId: "some-model", modelType: "languageModel" });
  assert.equal(toModelError(unknown, place).code, "unknown_model");
});
