/** `llm_map` in the cells of a real run: a root LM sees a summary, the rows stay behind it, and a limit half-way is told. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { code, type FakeRequest } from "../src/testing/index.ts";
import { openStage, type Script, type Stage } from "./ask-stage.ts";

const concurrency = 8;
const reviews = Array.from({ length: 240 }, (_, n) => `review ${n}: secret-${n}`).join("\n");

const labelAll = code`
  items = [{"n": i, "text": line} for i, line in enumerate(context.splitlines())]
  form = {"type": "object", "properties": {"label": {"enum": ["good", "bad"]}, "score": {"type": "integer"}}, "required": ["label", "score"]}
  r = llm_map(items, "Review {{n}}. Judge it: {{text}}", form)
  print(r)
  print(len(r), r.failed[:5])`;

/** Good where the number is even; what is asked about 7 never gets a valid answer. */
function judged(prompt: string): string {
  const n = Number(/Review (\d+)\./.exec(prompt)?.[1]);
  return n === 7 ? "I would rather not." : JSON.stringify({ label: n % 2 === 0 ? "good" : "bad", score: n });
}

/** What the root LM was shown after its last cell. */
function shown(stage: Stage): string {
  return stage.provider.requests.findLast(({ model }) => model === "root")?.text ?? "";
}

function seenByRoot(requests: readonly FakeRequest[]): string {
  return requests
    .filter(({ model }) => model === "root")
    .flatMap(({ messages }) => messages.map(({ text }) => text))
    .join("\n");
}

function script(cells: readonly string[], leaf: Script["leaf"] = judged): Script {
  return { root: (turn) => cells[turn - 1] ?? "", leaf };
}

test("hundreds of answers are a summary to the root LM; queries, counts and ranks tell what is in them", async () => {
  const cells = [
    labelAll,
    code`
      print(r.sql("select label, count(*) as n, sum(score) as total from results group by 1 order by 1"))
      print(r.sql("select code, count(*) as n from failures group by 1"))
      print(r.sql("select r.label from results r join items i on r.position = i.position where i.text like '%secret-3'"))
      print(r.count_by("label"), [place for place, _ in r.top("score", 2)])
      print(bool(r[7]), bool(r[8]), r[8]["label"], len([x for x in r if x]))`,
    code`FINAL(r.count_by("label"))`,
  ];
  await using stage = await openStage(script(cells));
  const run = stage.engine.ask({ query: "How are the reviews?", context: reviews });
  const batches: string[] = [];
  for await (const event of run)
    if (event.type === "batch-start" || event.type === "batch-end")
      batches.push(`${event.type} ${event.name} ${event.items}`);
  const result = await run.result();
  assert.equal(result.status, "answered", JSON.stringify(result));
  assert.deepEqual(result.value, { bad: 119, good: 120 });
  assert.deepEqual(batches, ["batch-start llm_map 240", "batch-end llm_map 240"]);
  const view = seenByRoot(stage.provider.requests);
  assert.match(view, /<240 results, 1 failed: \[0\] \{'label': 'good', 'score': 0\}, \[1\] .*\n240 \[7\]/);
  assert.doesNotMatch(view, /secret-\d\d/, "the text of an item came into the root LM's view");
  assert.doesNotMatch(view, /'score': [2-9]/, "a row came into the root LM's view");
  const told = shown(stage);
  const even = Array.from({ length: 120 }, (_, i) => 2 * i).reduce((sum, n) => sum + n, 0);
  const odd = Array.from({ length: 120 }, (_, i) => 2 * i + 1).reduce((sum, n) => sum + n, 0) - 7;
  assert.ok(
    told.includes(
      `[{'label': 'bad', 'n': 119, 'total': ${odd}}, {'label': 'good', 'n': 120, 'total': ${even}}]`,
    ),
    told,
  );
  assert.match(told, /\[\{'code': 'bad_response', 'n': 1\}\]/);
  assert.match(told, /\[\{'label': 'bad'\}\]/);
  assert.match(told, /\{'good': 120, 'bad': 119\} \[239, 238\]/);
  assert.match(told, /False True good 239/);
  // 239 once, and the one that was never valid as often as an item is tried.
  const leaves = stage.provider.requests.filter(({ model }) => model === "leaf");
  assert.equal(leaves.length, 239 + 3);
});

test("a limit that is reached in the middle leaves what was answered, marks the rest, and is told", async () => {
  const cells = [
    labelAll,
    code`
      left = [i for i, x in enumerate(r) if not x]
      FINAL(f"{len(r) - len(left)} judged, {len(left)} not: {r[left[-1]].code}; {r.sql('select count(*) as n from results')[0]['n']} rows")`,
  ];
  await using stage = await openStage(
    script(cells, (prompt) => ({ text: judged(prompt), delayMs: 2 })),
    { limits: { calls: 100 } },
  );
  const result = await stage.engine.ask({ query: "How are the reviews?", context: reviews }).result();
  assert.ok(stage.provider.calls <= 100, `${stage.provider.calls} calls were sent`);
  assert.equal(result.status, "partial");
  assert.equal(result.limit?.code, "calls");
  assert.match(result.limit?.message ?? "", /limit of 100 calls .*--max-calls/);
  const [, judgedOnes = "", rest = "", rows = ""] =
    /^(\d+) judged, (\d+) not: budget; (\d+) rows/.exec(result.answer) ?? [];
  assert.equal(Number(judgedOnes) + Number(rest), 240, result.answer);
  assert.equal(rows, judgedOnes);
  assert.ok(Number(judgedOnes) > 60, result.answer);
});

test("results of two maps are joined by a query, equal items are asked once, and a wrong query says what there is", async () => {
  const cells = [
    code`
      lines = context.splitlines()[:60]
      a = llm_map(lines + lines, "Review {{item}}. Long?")
      b = llm_map([{"k": i} for i in range(60)], "Number {{k}}")
      print(a.sql("select count(*) as n from results join other on results.position = other.position", other=b))
      try:
          a.sql("select nonsense from results")
      except HostError as error:
          print("refused:", error)`,
    code`FINAL(str(len(a)))`,
  ];
  await using stage = await openStage(script(cells, (prompt) => prompt.slice(-5)));
  const result = await stage.engine.ask({ query: "How are the reviews?", context: reviews }).result();
  assert.equal(result.answer, "120");
  const told = shown(stage);
  assert.match(told, /\[\{'n': 60\}\]/);
  assert.match(told, /refused: .*nonsense/);
  assert.equal(stage.provider.requests.filter(({ model }) => model === "leaf").length, 120);
});

test("a run that is stopped in the middle of a map and resumed asks for no answered item again", async () => {
  const cells = [labelAll, code`FINAL(str(r.count_by("label")))`];
  const answered: string[] = [];
  let gate = 90;
  let hanging = 0;
  const allHang = Promise.withResolvers<void>();
  const leaf = async (prompt: string): Promise<string> => {
    if (answered.length >= gate) {
      // What was answered before is kept once every call that may be under way is one that hangs.
      if (++hanging === concurrency) allHang.resolve();
      await new Promise(() => {});
    }
    answered.push(prompt);
    return judged(prompt);
  };
  await using stage = await openStage(script(cells, leaf), { limits: { concurrency } });
  const folder = await mkdtemp(join(tmpdir(), "llm-map-"));
  await writeFile(join(folder, "reviews.txt"), reviews);
  const cancel = new AbortController();
  const run = stage.engine.ask(
    { query: "How are the reviews?", context: { paths: [join(folder, "reviews.txt")] } },
    { signal: cancel.signal },
  );
  void allHang.promise.then(() => cancel.abort(new DOMException("Enough.", "AbortError")));
  const stopped = await run.result();
  assert.equal(stopped.status, "cancelled");
  gate = Number.POSITIVE_INFINITY;
  const result = await stage.engine.resume(stopped.runId).result();
  assert.equal(result.answer, "{'good': 120, 'bad': 119}");
  assert.equal(new Set(answered.filter((prompt) => prompt.startsWith("Review"))).size, 240);
  assert.equal(answered.length, 240 + 2, "an answered call was made again");
  assert.equal(result.usage.replayedCalls, 90 + 1);
  await rm(folder, { recursive: true });
});
