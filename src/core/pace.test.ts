/** The pace against a server that is only simulated: time is a number. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Pace } from "./pace.ts";

/** Calls one after another, as the pace allows, against so many a second; tells what each second saw. */
function simulate(
  seconds: number,
  limitAt: (second: number) => number,
): { accepted: number; refused: number }[] {
  const pace = new Pace();
  const seen = Array.from({ length: seconds }, () => ({ accepted: 0, refused: 0 }));
  let window: number[] = [];
  let now = 1_000_000;
  const start = now;
  while (now < start + seconds * 1000) {
    const wait = pace.take(now);
    if (wait > 0) {
      now += Math.max(0.1, wait);
      continue;
    }
    window = window.filter((at) => at > now - 1000);
    const second = Math.floor((now - start) / 1000);
    if (window.length < limitAt(second)) {
      window.push(now);
      const count = seen[second];
      if (count) count.accepted++;
      pace.accepted(now);
    } else {
      const count = seen[second];
      if (count) count.refused++;
      pace.refused(now, now, 1000);
    }
    now += 2;
  }
  return seen;
}

test("the pace settles near a server's limit with few calls refused, and climbs once the limit is lifted", () => {
  const seen = simulate(150, (second) => (second < 120 ? 20 : 100_000));
  const settled = seen.slice(10, 120);
  const accepted = settled.reduce((sum, second) => sum + second.accepted, 0);
  const refused = settled.reduce((sum, second) => sum + second.refused, 0);
  assert.ok(
    accepted / settled.length > 16 && accepted / settled.length <= 20,
    `${accepted / settled.length} a second`,
  );
  assert.ok(refused / (accepted + refused) < 0.02, `${refused} of ${accepted + refused} refused`);
  const lifted = seen.slice(140).map((second) => second.accepted);
  assert.ok(Math.min(...lifted) > 60, `${lifted.join(" ")} a second`);
});

test("a limit that falls is followed", () => {
  const seen = simulate(120, (second) => (second < 30 ? 50 : 10));
  const late = seen.slice(60);
  const refused = late.reduce((sum, second) => sum + second.refused, 0);
  const accepted = late.reduce((sum, second) => sum + second.accepted, 0);
  assert.ok(
    accepted / late.length > 6 && refused / (accepted + refused) < 0.04,
    `${accepted} accepted, ${refused} refused`,
  );
});

test("without a refusal nothing waits", () => {
  const pace = new Pace();
  for (let call = 0; call < 1000; call++) assert.equal(pace.take(5), 0);
  assert.equal(pace.rate(5), undefined);
});

test("a refusal before anything was asked does not bring a run to a crawl", () => {
  const pace = new Pace();
  pace.refused(1_000_000, 1_000_000, 10);
  let now = 1_000_010;
  for (let call = 0; call < 40; call++) {
    for (let wait = pace.take(now); wait > 0; wait = pace.take(now)) now += wait;
    pace.accepted(now);
  }
  assert.ok(now < 1_010_000, `forty calls took until ${(now - 1_000_000) / 1000} s`);
});
