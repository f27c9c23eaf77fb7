/** A run that is killed with no chance to tidy up, again and again, and resumed: it costs what it would have cost anyway. */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { code, type FakeRequest } from "../src/testing/index.ts";
import type { Say, Script } from "./ask-stage.ts";
import { openCliStage, type CliStage, type Started } from "./cli-stage.ts";

const cells: readonly string[] = [
  code`
    lines = context.splitlines()
    print(len(lines), lines[0])`,
  code`
    labels = llm_query_batched([f"Label this line: {line}" for line in lines])
    print(sum(1 for l in labels if l), labels[:2])`,
  code`
    votes = llm_query_batched(["Is it true?"] * 3)
    chained = ""
    for n in range(3):
        chained = llm_query(f"Go on from: {chained}")
    print(votes, chained)`,
  code`FINAL("; ".join([*labels, "|".join(sorted(votes)), chained]))`,
];
const lineCount = 40;
/** Four turns, a label for each line, three votes, three links of a chain. */
const neededCalls = cells.length + lineCount + 3 + 3;
const text = Array.from({ length: lineCount }, (_, n) => `line ${n}`).join("\n");

/** Answers follow from prompts alone, but for votes, of which each is another. */
function script(beforeAnswer: (request: FakeRequest) => Promise<void>): Script {
  let votes = 0;
  return {
    root: async (turn, request): Promise<Say> => {
      await beforeAnswer(request);
      return cells[turn - 1] ?? "";
    },
    leaf: async (prompt, request): Promise<Say> => {
      await beforeAnswer(request);
      return prompt === "Is it true?" ? `vote ${++votes % 3}` : `<${prompt.slice(-8)}>`;
    },
  };
}

async function begin(stage: CliStage): Promise<Started> {
  await writeFile(join(stage.folder, "lines.txt"), text);
  return stage.start([
    "ask",
    "What do the lines say?",
    "lines.txt",
    "--json",
    "--concurrency",
    "8",
    ...stage.models,
  ]);
}

let answer: Promise<string> | undefined;

/** The answer of a run that nobody disturbs. */
function expectedAnswer(): Promise<string> {
  return (answer ??= uninterrupted());
}

async function uninterrupted(): Promise<string> {
  await using stage = await openCliStage(script(async () => {}));
  const { code: exit, stdout, stderr } = await (await begin(stage)).ended;
  assert.equal(exit, 0, stderr);
  assert.equal(stage.provider.calls, neededCalls);
  return (JSON.parse(stdout) as { answer: string }).answer;
}

test("killed at set moments, in the middle of batches too, no finished call is sent again", async (context) => {
  const expected = await expectedAnswer();
  // How many calls are answered before each kill: the next ones are on their way and get no answer.
  const moments = [
    randomInt(0, 3),
    randomInt(3, 20),
    randomInt(20, 2 + lineCount),
    randomInt(3 + lineCount, neededCalls),
  ];
  context.diagnostic(`killed after ${moments.join(", ")} of ${neededCalls} calls`);
  let gate = 0;
  const answered: string[] = [];
  await using stage = await openCliStage(
    script(async (request) => {
      if (answered.length >= gate) await new Promise(() => {});
      answered.push(JSON.stringify(request.messages));
    }),
  );
  let run = await begin(stage);
  let runId = "";
  for (const [kill, moment] of moments.entries()) {
    gate = moment;
    if (kill > 0) run = stage.start(resumeArgs(kill, runId));
    await until(() => storedAnswers(stage) === moment && hasAsked(stage, answered.length));
    const helpers = childrenOf(run.process.pid);
    run.process.kill("SIGKILL");
    await run.ended;
    await until(() => helpers.every((pid) => !isRunning(pid)));
    assert.equal(answered.length, moment);
    runId ||= await onlyRun(stage, "unfinished");
  }
  gate = Number.POSITIVE_INFINITY;
  const { code: exit, stdout, stderr } = await stage.run(["runs", "resume", runId, "--json"]);
  assert.equal(exit, 0, stderr);
  const result = JSON.parse(stdout) as { answer: string; runId: string; usage: Record<string, number> };
  assert.equal(result.answer, expected);
  assert.equal(result.runId, runId);
  assert.equal(answered.length, neededCalls, "a finished call was sent again");
  assert.equal(storedAnswers(stage), neededCalls);
  assert.equal(result.usage["calls"], neededCalls);
  assert.equal(result.usage["replayedCalls"], moments.at(-1));
  await onlyRun(stage, "answered");
});

test("killed whenever it happens, only what was not recorded yet is asked again, and that once", async (context) => {
  const expected = await expectedAnswer();
  await using stage = await openCliStage(script(() => sleep(randomInt(5, 60))));
  let run = await begin(stage);
  let [kills, sentBefore, storedBefore] = [0, 0, 0];
  for (; kills < 4; kills++) {
    const enough = stage.provider.calls + randomInt(1, 14);
    const ended = await Promise.race([run.ended, until(() => stage.provider.calls >= enough)]);
    if (ended) break;
    await sleep(randomInt(0, 30));
    run.process.kill("SIGKILL");
    await run.ended;
    await arrived(stage);
    const [sent, stored] = [stage.provider.calls, storedAnswers(stage)];
    const lost = sent - sentBefore - (stored - storedBefore);
    assert.ok(lost <= mostUnderWay, `${lost} answers were under way or not recorded yet`);
    [sentBefore, storedBefore] = [sent, stored];
    run = stage.start(["runs", "resume", await newestRun(stage), "--json"]);
  }
  const { code: exit, stdout, stderr } = await run.ended;
  const sent = stage.provider.calls;
  context.diagnostic(`${kills} kills, ${sent} calls sent for ${neededCalls} needed`);
  assert.equal(exit, 0, stderr);
  assert.equal((JSON.parse(stdout) as { answer: string }).answer, expected);
  // A finished call that was paid for again would have left a second answer.
  assert.equal(storedAnswers(stage), neededCalls);
  assert.equal(sent - sentBefore, neededCalls - storedBefore);
});

/** Of a batch with eight calls at once: so many more may be answered before the first of them is recorded. */
const mostUnderWay = 32;

/** What a process sent before it ended has reached the provider. */
async function arrived({ provider }: CliStage): Promise<void> {
  await (await fetch(`${provider.baseUrl}/models`)).text();
}

function resumeArgs(kill: number, runId: string): readonly string[] {
  return kill % 2 === 0 ? ["ask", "--resume", runId, "--json"] : ["runs", "resume", runId, "--json"];
}

/** True once a call that gets no answer has arrived, so that the kill meets the run in the middle of something. */
function hasAsked({ provider }: CliStage, answered: number): boolean {
  return provider.calls > answered;
}

interface ListedRun {
  readonly runId: string;
  readonly status: string;
  readonly query: string;
}

async function listedRuns(stage: CliStage): Promise<readonly ListedRun[]> {
  const { code: exit, stdout, stderr } = await stage.run(["runs", "list", "--json"]);
  assert.equal(exit, 0, stderr);
  return JSON.parse(stdout) as readonly ListedRun[];
}

async function onlyRun(stage: CliStage, status: string): Promise<string> {
  const runs = await listedRuns(stage);
  assert.deepEqual(
    runs.map((run) => [run.status, run.query]),
    [[status, "What do the lines say?"]],
  );
  return runs[0]?.runId ?? "";
}

async function newestRun(stage: CliStage): Promise<string> {
  const [newest] = await listedRuns(stage);
  assert.ok(newest);
  return newest.runId;
}

/** What the run has safely kept, as anybody can read it in the store. */
function storedAnswers({ home }: CliStage): number {
  const file = join(home, "unabridged.db");
  if (!existsSync(file)) return 0;
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return Number(database.prepare("select count(*) as n from answers").get()?.["n"]);
  } catch {
    return 0; // The tables are being made.
  } finally {
    database.close();
  }
}

async function until(holds: () => boolean): Promise<void> {
  const end = Date.now() + 60_000;
  while (!holds()) {
    if (Date.now() > end) throw new Error("It did not come to that within a minute.");
    await sleep(10);
  }
}

/** The processes that a process has begun, as Linux tells; none elsewhere. */
function childrenOf(pid: number | undefined): readonly number[] {
  if (process.platform !== "linux" || pid === undefined) return [];
  return readdirSync("/proc")
    .map(Number)
    .filter((candidate) => candidate > 0 && parentOf(candidate) === pid);
}

function parentOf(pid: number): number | undefined {
  try {
    const [, , rest = ""] = /^(\d+) \(.*\) (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
    const [state, parent] = rest.split(" ");
    return state === "Z" ? undefined : Number(parent);
  } catch {
    return undefined; // It has ended meanwhile.
  }
}

function isRunning(pid: number): boolean {
  return parentOf(pid) !== undefined;
}

test("a cell that loops for ever does not outlive the host that is killed", async () => {
  await using stage = await openCliStage({
    root: () => code`
      while True: pass`,
  });
  const run = stage.start(["ask", "Does it end?", "--trace", ...stage.models], { stdin: "text" });
  await run.says("while True");
  // The code is shown before it runs; what matters holds at either moment.
  await sleep(200);
  const helpers = childrenOf(run.process.pid);
  run.process.kill("SIGKILL");
  await run.ended;
  await until(() => helpers.every((pid) => !isRunning(pid)));
});
