/** Waits as servers write them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { retryAfterMs } from "./retry-after.ts";

const now = Date.parse("2026-01-01T00:00:00Z");

test("a wait is read from seconds, milliseconds, dates, and sentences", () => {
  assert.equal(retryAfterMs({ "retry-after": "7" }, "", now), 7000);
  assert.equal(retryAfterMs({ "retry-after": "0.5" }, "", now), 500);
  assert.equal(retryAfterMs({ "retry-after-ms": "123.4", "retry-after": "9" }, "", now), 124);
  assert.equal(retryAfterMs({ "retry-after": "Thu, 01 Jan 2026 00:01:00 GMT" }, "", now), 60_000);
  assert.equal(retryAfterMs({}, 'details: [{"retryDelay": "34s"}]', now), 34_000);
  assert.equal(retryAfterMs({}, "Please try again in 1.2s.", now), 1200);
  assert.equal(retryAfterMs({}, "Please try again in 250ms.", now), 250);
});

test("a date in the past is no wait, and nonsense is none at all", () => {
  assert.equal(retryAfterMs({ "retry-after": "Wed, 31 Dec 2025 00:00:00 GMT" }, "", now), 0);
  assert.equal(retryAfterMs({ "retry-after": "soon" }, "", now), undefined);
  assert.equal(retryAfterMs({ "retry-after": "" }, "", now), undefined);
  assert.equal(retryAfterMs({ "retry-after-ms": "-5" }, "", now), undefined);
});
