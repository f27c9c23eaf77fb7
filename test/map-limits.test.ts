/**
 * A server that takes so many calls a second and refuses the rest. UNABRIDGED_LIMIT_ITEMS sets how many items (1200 for the
 * full trial, a minute's worth); what each second saw is printed then.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runMap } from "../src/map/index.ts";
import { openaiCompatible } from "../src/models/index.ts";
import { memoryJobs } from "../src/stores/index.ts";
import { faults, startFakeProvider } from "../src/testing/index.ts";
import { newScope } from "./map-stage.ts";

const items = Number(process.env["UNABRIDGED_LIMIT_ITEMS"] ?? 70);
const limit = 20;
const lanes = 8;

test("a server's limit is kept: nothing fails, and next to nothing is refused after the first second", async (context) => {
  let accepted: number[] = [];
  const refused: number[] = [];
  const seconds = new Map<number, { accepted: number; refused: number }>();
  const began = Date.now();
  await using provider = await startFakeProvider({
    record: 0,
    reply: () => {
      const now = Date.now();
      const second = Math.floor((now - began) / 1000);
      const seen = seconds.get(second) ?? { accepted: 0, refused: 0 };
      seconds.set(second, seen);
      accepted = accepted.filter((at) => at > now - 1000);
      if (accepted.length >= limit) {
        seen.refused++;
        refused.push(now);
        return faults.rateLimited(1);
      }
      seen.accepted++;
      accepted.push(now);
      return "done";
    },
  });
  const { status } = await runMap({
    ...{ scope: newScope(lanes), jobs: memoryJobs(), prompt: "{{item}}" },
    model: openaiCompatible({ baseUrl: provider.baseUrl, id: "fake-model" }),
    items: Array.from({ length: items }, (_, item) => ({ type: "item" as const, item })),
  });
  const told = [...seconds].map(([second, seen]) => `${second}: ${seen.accepted}/${seen.refused}`).join(", ");
  context.diagnostic(`accepted/refused by second: ${told}`);
  assert.equal(status, "done");
  // What was under way at the first refusal, then less than one in fifty.
  assert.ok(refused.length <= lanes + Math.max(3, items * 0.02), `${refused.length} refused`);
});
