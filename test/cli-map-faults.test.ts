/** What happens to a map: bad input, items that fail, limits, Ctrl-C, a full disk. Each is said clearly and loses nothing. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { assertCode, lines, numbers, openMapStage, type MapStage } from "./cli-map-stage.ts";
import type { CommandOptions } from "./cli-stage.ts";

const double = ["-p", "Double {{n}}", "--schema", "doubled.json"] as const;

let stage: MapStage;
before(async () => {
  stage = await openMapStage();
});
after(() => stage[Symbol.asyncDispose]());

function askedAbout(prompts: RegExp): number {
  return stage.answered.filter((prompt) => prompts.test(prompt)).length;
}

function jobIn(text: string): string {
  return /job_\w+/.exec(text)?.[0] ?? "none";
}

describe("a map", { concurrency: 2 }, () => {
  test("tells of a broken line with its number and of a key given twice, and does the others", async () => {
    await stage.write(
      "bad.jsonl",
      '{"n": 1, "id": "a"}\n{"n": 2,\n\n{"n": 3, "id": "a"}\n{"n": 4, "id": "d"}\n{"n": 5}\n',
    );
    const ended = await stage.map("bad.jsonl", ...double, "--key", "id", "-o", "bad.out");
    assertCode(ended, 1);
    assert.match(ended.stderr, /✗ 2: Line 2 is no JSON .*\{"n": 2,\n✗ 3: .*"a".*\n/);
    assert.match(ended.stderr, /failed · 5 items · 2 done · 3 unreadable/);
    assert.doesNotMatch(ended.stderr, /retry-failed/, "what is no item can't be tried again");
    const written = lines(await readFile(join(stage.folder, "bad.out"), "utf8"));
    assert.deepEqual(
      written.map(({ key, ok }) => [key, ok]),
      [
        ["a", true],
        [2, false],
        [3, false],
        ["d", true],
        [5, false],
      ],
    );
    const codes = written.flatMap(({ error }) => (error ? [(error as { code: string }).code] : []));
    assert.deepEqual(codes, ["invalid_item", "duplicate_key", "missing_key"]);
  });

  test("refuses what can't be meant before anything is asked", async () => {
    await stage.write("fine.jsonl", numbers(3, 1_000));
    await stage.write("taken.txt", "somebody's own");
    await stage.write("none.json", "{");
    await stage.write("odd.json", '{"type": "number", "minimum": "much"}');
    const refusals: readonly (readonly [readonly string[], RegExp])[] = [
      [["fine.jsonl"], /--prompt/],
      [["missing.jsonl", ...double], /missing\.jsonl/],
      [["fine.jsonl", "-p", "{{m}}"], /\{\{m\}\}, which no item has.*The fields are n;/],
      [["fine.jsonl", "-p", "x", "--schema", "none.json"], /"none\.json" is no JSON/],
      [["fine.jsonl", "-p", "x", "--schema", "odd.json"], /schema.*minimum/i],
      [["fine.jsonl", ...double, "-o", "taken.txt"], /taken\.txt" exists.*--overwrite/],
      [["fine.jsonl", ...double, "-o", "no/such/folder"], /can't be written/],
      [["fine.jsonl", ...double, "--batch", "0"], /--batch.*whole number from 1/],
      [["fine.jsonl", ...double, "--store", "mysql://here"], /postgres:\/\/user@host/],
    ];
    await Promise.all(
      refusals.map(async ([[input = "", ...flags], message]) => {
        const ended = await stage.map(input, ...flags);
        assertCode(ended, 2);
        assert.equal(ended.stdout, "");
        assert.match(ended.stderr, message);
        assert.doesNotMatch(ended.stderr, /unexpected error/);
      }),
    );
    assert.equal(askedAbout(/Double 100\d/), 0);
    assert.equal(await readFile(join(stage.folder, "taken.txt"), "utf8"), "somebody's own");
    assertCode(await stage.map("fine.jsonl", ...double, "-o", "taken.txt", "--overwrite", "-q"), 0);
    assert.equal(lines(await readFile(join(stage.folder, "taken.txt"), "utf8")).length, 3);
  });

  test("ends with 1 where items fail for good; they are tried again when that is asked for", async () => {
    await stage.write("stubborn.jsonl", numbers(6, 2_000));
    stage.stubborn.add(2_003);
    const args = [...double, "-o", "stubborn.out", "--attempts", "1"] as const;
    const ended = await stage.map("stubborn.jsonl", ...args);
    assertCode(ended, 1);
    assert.match(
      ended.stderr,
      /✗ 4: .*\nfailed · 6 items · 5 done · 1 failed .*jobs retry-failed job_\w+\n$/s,
    );
    const [failed] = lines(await readFile(join(stage.folder, "stubborn.out"), "utf8")).filter(
      ({ ok }) => ok === false,
    );
    assert.deepEqual(
      [failed?.["key"], (failed?.["error"] as { attempts?: number } | undefined)?.attempts],
      [4, 1],
    );
    assertCode(await stage.map("stubborn.jsonl", ...args, "-q"), 1);
    assert.equal(askedAbout(/Double 200\d/), 6);
    stage.stubborn.clear();
    const id = jobIn(ended.stderr);
    const retried = await stage.run(["jobs", "retry-failed", id]);
    assert.match(
      retried.stdout,
      /^1 failed item is to be done again\. Do so with: unabridged jobs resume job_/,
    );
    assertCode(await stage.run(["jobs", "resume", id, "-q"]), 0);
    assert.equal(askedAbout(/Double 200\d/), 7);
    assert.equal(lines(await readFile(join(stage.folder, "stubborn.out"), "utf8"))[3]?.["ok"], true);
    assert.match((await stage.run(["jobs", "retry-failed", id])).stdout, /^No item .* has failed/);
  });

  test("ends with 3 at a limit: of calls for this run, of cost for the whole job", async () => {
    await stage.write("limited.jsonl", numbers(30, 3_000));
    // Ten cents an answer.
    await writeFile(
      join(stage.folder, "unabridged.config.json"),
      JSON.stringify({ prices: { leaf: { input: 0, output: 1_000 } } }),
    );
    const args = [...double, "-o", "limited.out"] as const;
    const cost = await stage.map("limited.jsonl", ...args, "--max-cost", "2");
    assertCode(cost, 3);
    assert.match(
      cost.stderr,
      /limit · 30 items · \d+ done · \d+ left .*\nResults so far: .*limited\.out\..*\.partial\nThe ceiling of \$2 is reached.*--max-cost.*\nGo on with the same command, or with: unabridged jobs resume job_/,
    );
    const asked = askedAbout(/Double 30\d\d/);
    assert.ok(asked >= 5 && asked <= 20, `${asked} calls`);
    const id = jobIn(cost.stderr);
    const { stdout } = await stage.run(["jobs", "show", id, "--json"]);
    const { counts, ceilingUsd } = JSON.parse(stdout) as { counts: { costUsd: number }; ceilingUsd: number };
    assert.deepEqual([counts.costUsd.toFixed(2), ceilingUsd], [(asked / 10).toFixed(2), 2]);
    assertCode(await stage.map("limited.jsonl", ...args, "--max-cost", "2", "-q"), 3);
    assert.ok(askedAbout(/Double 30\d\d/) <= 20, "the ceiling holds for both runs together");
    const calls = await stage.run(["jobs", "resume", id, "--max-cost", "100", "--max-calls", "4"]);
    assertCode(calls, 3);
    assert.match(calls.stderr, / 4 calls now [\s\S]*The limit of 4 calls is reached.*--max-calls/);
    assertCode(await stage.map("limited.jsonl", ...args, "-q"), 0);
    assert.equal(askedAbout(/Double 30\d\d/), 30);
    assert.equal(lines(await readFile(join(stage.folder, "limited.out"), "utf8")).length, 30);
    assert.deepEqual(
      (await readdir(stage.folder)).filter((name) => name.endsWith(".partial")),
      [],
    );
  });
});

test("Ctrl-C ends with 130, keeps what is done, and the job goes on by its id", async () => {
  await using own = await openMapStage();
  own.gate = 7;
  await own.write("long.jsonl", numbers(20));
  const run = own.start([
    "map",
    "long.jsonl",
    ...own.models,
    ...double,
    "-o",
    "long.out",
    "--concurrency",
    "4",
  ]);
  while (own.hanging() < 4) await sleep(10);
  run.interrupt();
  const ended = await run.ended;
  assertCode(ended, 130);
  assert.match(
    ended.stderr,
    /Stopping[\s\S]*Go on with the same command, or with: unabridged jobs resume (job_\w+)\n$/,
  );
  own.gate = Number.POSITIVE_INFINITY;
  const resumed = await own.run(["jobs", "resume", jobIn(ended.stderr), "--json"]);
  assertCode(resumed, 0);
  const { counts, usage } = JSON.parse(resumed.stdout) as {
    counts: { done: number };
    usage: { calls: number };
  };
  assert.deepEqual([counts.done, usage.calls], [20, 13]);
  assert.deepEqual([own.answered.length, new Set(own.answered).size], [20, 20]);
  assert.equal(lines(await readFile(join(own.folder, "long.out"), "utf8")).length, 20);
});

// Disks of their own, in a mount namespace, where the system lets this user have one.
const canMount = spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).status === 0;

describe("a full disk", { skip: !canMount && "no mount namespaces here" }, () => {
  const small: CommandOptions = {
    launcher: ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=64k tmpfs /mnt && exec "$0" "$@"'],
  };

  test("under the results: said, nothing is lost, and elsewhere they are written at no cost", async () => {
    await stage.write(
      "large.jsonl",
      numbers(200, 50_000).map(({ n }) => ({ text: `${n} ${"x".repeat(1_000)}` })),
    );
    const args = ["map", "large.jsonl", ...stage.models, "-p", "Say {{text}}"] as const;
    const full = await stage.run([...args, "-o", "/mnt/large.out"], small);
    assertCode(full, 1);
    assert.match(
      full.stderr,
      /no room left to write "\/mnt\/large\.out.*Free some space.*run the same command again/,
    );
    const asked = askedAbout(/^Say 50\d\d\d /);
    const ended = await stage.run([...args, "-o", "large.out", "-q"]);
    assertCode(ended, 0);
    assert.equal(lines(await readFile(join(stage.folder, "large.out"), "utf8")).length, 200);
    assert.equal(new Set(stage.answered.filter((prompt) => /^Say 50\d\d\d /.test(prompt))).size, 200);
    assert.ok(
      askedAbout(/^Say 50\d\d\d /) - 200 <= 16,
      `${asked} asked at first, ${askedAbout(/^Say 50\d\d\d /)} in all`,
    );
  });

  test("under the store: said at once, with what to do", async () => {
    await stage.write("stored.jsonl", numbers(500, 60_000));
    const environment = { UNABRIDGED_HOME: "/mnt" };
    const full = await stage.run(["map", "stored.jsonl", ...stage.models, ...double], {
      ...small,
      environment,
    });
    assertCode(full, 1);
    assert.match(full.stderr, /no room left.*Free some space/);
    assert.doesNotMatch(full.stderr, /unexpected error/);
  });
});
