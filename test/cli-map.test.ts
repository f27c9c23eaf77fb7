/** `unabridged map` and `jobs` from outside: what goes in, what comes out, and that nothing is paid for twice. */
import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { assertCode, lines, numbers, openMapStage, type MapStage } from "./cli-map-stage.ts";

const double = ["-p", "Double {{n}}", "--schema", "doubled.json"] as const;

let stage: MapStage;
before(async () => {
  stage = await openMapStage();
});
after(() => stage[Symbol.asyncDispose]());

function askedAbout(prompts: RegExp): number {
  return stage.answered.filter((prompt) => prompts.test(prompt)).length;
}

async function jobId(source: string): Promise<string> {
  const { stdout } = await stage.run(["jobs", "list", "--json"]);
  const jobs = JSON.parse(stdout) as { jobId: string; source: string }[];
  return jobs.find((job) => job.source.endsWith(source))?.jobId ?? "none";
}

describe("map", { concurrency: 2 }, () => {
  test("records go in, results come out in input order, and the same command again asks nothing", async () => {
    const items = [...numbers(12, 100), { n: 100 }].map((item, index) => ({
      ...item,
      name: `item ${index}`,
    }));
    await stage.write("once.jsonl", items);
    const args = ["--key", "name", "-o", "once.out", ...double] as const;
    const first = await stage.map("once.jsonl", ...args);
    assertCode(first, 0);
    assert.equal(first.stdout, "");
    assert.match(first.stderr, /done · 13 items · 13 done .*· job_\w+\nResults: .*once\.out\n$/);
    const written = await readFile(join(stage.folder, "once.out"), "utf8");
    const expected = items.map(({ n, name }) => ({ key: name, ok: true, result: { doubled: 2 * n } }));
    assert.deepEqual(lines(written), expected);
    const asked = askedAbout(/Double 1\d\d/);
    const again = await stage.map("once.jsonl", ...args);
    assertCode(again, 0);
    assert.match(again.stderr, /13 done before\.[\s\S]* 0 calls now/);
    // Another pace and another place for the results are the same job.
    assertCode(await stage.map("once.jsonl", ...args, "-o", "twice.out", "--batch", "4"), 0);
    assert.equal(await readFile(join(stage.folder, "twice.out"), "utf8"), written);
    assert.equal(askedAbout(/Double 1\d\d|"n":1\d\d/), asked);
  });

  test("CSV, TSV, piped records, files, and their pieces are items; without -o results are lines on standard output", async () => {
    await mkdir(join(stage.folder, "texts"));
    await stage.write("texts/a.md", "first text");
    await stage.write("texts/b.md", "second text\nhas lines\n");
    await stage.write("words.csv", 'word,kind\n"one, two",a\nthree,b\n');
    await stage.write("words.tsv", "word\tkind\none\ta\nthree\tb\n");
    await stage.write("prose.txt", "One.\n\nTwo\nand more.\n");
    const say = (field: string): readonly string[] => ["-p", `Say {{${field}}}`, "-q"];
    const expected: readonly (readonly [
      string,
      readonly string[],
      readonly (readonly [unknown, string])[],
    ])[] = [
      [
        "words.csv",
        say("word"),
        [
          [1, "one, two"],
          [2, "three"],
        ],
      ],
      [
        "words.tsv",
        [...say("word"), "--key", "kind"],
        [
          ["a", "one"],
          ["b", "three"],
        ],
      ],
      [
        "texts/*.md",
        say("text"),
        [
          ["texts/a.md", "first text"],
          ["texts/b.md", "second text\nhas lines\n"],
        ],
      ],
      [
        "texts/b.md",
        [...say("text"), "--split", "lines"],
        [
          ["texts/b.md#1", "second text"],
          ["texts/b.md#2", "has lines"],
        ],
      ],
      [
        "prose.txt",
        [...say("text"), "--split", "paragraphs"],
        [
          ["prose.txt#1", "One."],
          ["prose.txt#2", "Two\nand more."],
        ],
      ],
    ];
    for (const [input, flags, rows] of expected) {
      const ended = await stage.map(input, ...flags);
      assertCode(ended, 0);
      assert.deepEqual(
        lines(ended.stdout).map(({ key, result }) => [key, result]),
        rows,
      );
      assert.equal(ended.stderr, "");
    }
    const pieces = await stage.map(
      "prose.txt",
      "-p",
      "Say {{part}}: {{text}}",
      "--split",
      "tokens",
      "--piece-tokens",
      "3",
      "-q",
    );
    assert.deepEqual(
      lines(pieces.stdout).map(({ key }) => key),
      ["prose.txt#1", "prose.txt#2", "prose.txt#3"],
    );
    const stdin = '{"word": "piped"}\n{"word": "in"}\n';
    const piped = await stage.run(["map", "-p", "Say {{word}}", ...stage.models], { stdin });
    assertCode(piped, 0);
    assert.deepEqual(
      lines(piped.stdout).map(({ result }) => result),
      ["piped", "in"],
    );
    const csv = await stage.run(["map", "-", "--format", "csv", "-p", "Say {{word}}", ...stage.models], {
      stdin: "word\npiped\n",
    });
    assert.deepEqual(
      lines(csv.stdout).map(({ result }) => result),
      ["piped"],
    );
  });

  test("--sample takes the first items, and without it the rest is done; --dry-run calls nobody", async () => {
    await stage.write("sampled.jsonl", numbers(20, 200));
    const args = ["-o", "sampled.out", ...double] as const;
    const dry = await stage.map("sampled.jsonl", ...args, "--batch", "10", "--dry-run");
    assertCode(dry, 0);
    assert.match(
      dry.stdout,
      /^items   20, 20 different\ncalls   2\ntokens  about \d+ in, \d+ out\ncost    unknown.*\n\nThe first prompt:\n  Double 200\n$/,
    );
    const sampled = await stage.map("sampled.jsonl", ...args, "--sample", "3", "--dry-run", "--json");
    assert.deepEqual((({ items, calls, prompt }) => [items, calls, prompt])(JSON.parse(sampled.stdout)), [
      3,
      3,
      "Double 200",
    ]);
    assert.equal(askedAbout(/Double 2\d\d/), 0);
    assertCode(await stage.map("sampled.jsonl", ...args, "--sample", "3"), 0);
    assert.equal(lines(await readFile(join(stage.folder, "sampled.out"), "utf8")).length, 3);
    assert.equal(askedAbout(/Double 2\d\d/), 3);
    const rest = await stage.map("sampled.jsonl", ...args, "--json");
    assertCode(rest, 0);
    const { status, counts, file } = JSON.parse(rest.stdout) as Record<string, unknown>;
    assert.deepEqual(
      [status, (counts as { done: number }).done, (file as { path: string }).path],
      ["done", 20, join(stage.folder, "sampled.out")],
    );
    assert.equal(askedAbout(/Double 2\d\d/), 20);
    assert.equal(lines(await readFile(join(stage.folder, "sampled.out"), "utf8")).length, 20);
  });

  test("--batch packs items into one prompt, --votes asks again and says how many agree", async () => {
    await stage.write("batched.jsonl", numbers(12, 300));
    const batched = await stage.map("batched.jsonl", ...double, "--batch", "6", "-q");
    assertCode(batched, 0);
    assert.deepEqual(
      lines(batched.stdout).map(({ result }) => result),
      numbers(12, 300).map(({ n }) => ({ doubled: 2 * n })),
    );
    assert.equal(askedAbout(/"n":3\d\d/), 2);
    const voted = await stage.map("batched.jsonl", ...double, "--votes", "3", "--sample", "2", "-q");
    assert.deepEqual(
      lines(voted.stdout).map(({ agreement }) => agreement),
      [1, 1],
    );
    assert.equal(askedAbout(/Double 3\d\d/), 6);
  });

  test("--sql prints an aligned table, or JSON; a wrong query says what there is, and the job stays", async () => {
    await stage.write("asked.jsonl", numbers(9, 400));
    const query = "select doubled % 3 as rest, count(*) as n from results group by 1 order by 1";
    const asked = await stage.map("asked.jsonl", ...double, "--sql", query, "-q");
    assertCode(asked, 0);
    assert.equal(asked.stdout, "rest  n\n────  ─\n   0  3\n   1  3\n   2  3\n");
    const wrong = await stage.map("asked.jsonl", ...double, "--sql", "select wrong from results");
    assertCode(wrong, 2);
    assert.match(wrong.stderr, /no such column: wrong[\s\S]*doubled[\s\S]*jobs show job_\w+ --sql/);
    const id = await jobId("asked.jsonl");
    const shown = await stage.run([
      "jobs",
      "show",
      id,
      "--json",
      "--sql",
      "select sum(items.n) as total from items",
    ]);
    assert.deepEqual(JSON.parse(shown.stdout), [{ total: 9 * 404 }]);
    assert.equal(askedAbout(/Double 4\d\d/), 9);
  });

  test("filter and extract are ready-made, and prompts may stand in a file", async () => {
    await stage.write("said.jsonl", [{ text: '{"keep": true}' }, { text: '{"keep": false}' }]);
    await stage.write("prompt.txt", "Say {{text}}");
    const filtered = await stage.map(
      "said.jsonl",
      "-p",
      "@prompt.txt",
      "--preset",
      "filter",
      "--dry-run",
      "--json",
    );
    assert.match(
      (JSON.parse(filtered.stdout) as { prompt: string }).prompt,
      /^Decide whether .*: Say \{"keep": true\}\nAnswer keep/,
    );
    const extracted = await stage.map(
      "said.jsonl",
      "-p",
      "@prompt.txt",
      "--schema",
      "doubled.json",
      "--preset",
      "extract",
      "--dry-run",
    );
    assert.match(extracted.stdout, /Invent nothing/);
    const without = await stage.map("said.jsonl", "-p", "@prompt.txt", "--preset", "extract");
    assertCode(without, 2);
    assert.match(without.stderr, /give a schema/);
  });

  test("--agent answers each item with a run of its own over the item's text", async () => {
    await stage.write("agents.jsonl", [{ text: "north of here" }, { text: "south of there" }]);
    const ended = await stage.map("agents.jsonl", "-p", "Where is it?", "--agent", "-q");
    assertCode(ended, 0);
    assert.deepEqual(
      lines(ended.stdout).map(({ result }) => result),
      ["it says north", "it says south"],
    );
  });

  test("results are the corpus of a later question, from the file or from the job", async () => {
    await stage.write("corpus.jsonl", numbers(3, 500));
    assertCode(await stage.map("corpus.jsonl", ...double, "-o", "corpus.out.jsonl", "-q"), 0);
    const ask = ["ask", "What do the results say?", ...stage.models, "-q"] as const;
    const ofFile = await stage.run([...ask, "corpus.out.jsonl"]);
    assert.deepEqual([ofFile.code, ofFile.stdout], [0, 'it says {"key\n']);
    const { stdout } = await stage.run(["jobs", "export", await jobId("corpus.jsonl")]);
    assert.equal(stdout, await readFile(join(stage.folder, "corpus.out.jsonl"), "utf8"));
    const piped = await stage.run(ask, { stdin: stdout });
    assert.deepEqual([piped.code, piped.stdout], [0, 'it says {"key\n']);
  });

  test("jobs are listed, shown, cancelled, taken up again and exported", async () => {
    await stage.write("listed.jsonl", numbers(4, 600));
    assertCode(await stage.map("listed.jsonl", ...double, "--sample", "2", "-q"), 0);
    const id = await jobId("listed.jsonl");
    const list = await stage.run(["jobs"]);
    assert.match(
      list.stdout,
      new RegExp(
        `${id}  \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d  unfinished +2/2  .*listed\\.jsonl  Double \\{\\{n\\}\\}\n`,
      ),
    );
    const cancelled = await stage.run(["jobs", "cancel", id.slice(0, -2)]);
    assert.match(cancelled.stdout, /^job_\w+ is cancelled.*jobs resume job_\w+\n$/);
    assert.match(
      (await stage.run(["jobs", "show", id])).stdout,
      /^job     job_\w+\n[\s\S]*state   cancelled\n[\s\S]*items   2, 2 different/,
    );
    const resumed = await stage.run(["jobs", "resume", id, "-o", "listed.out", "-q"]);
    assertCode(resumed, 0);
    assert.equal(askedAbout(/Double 6\d\d/), 4);
    const again = await stage.run(["jobs", "export", id, "-o", "listed.out"]);
    assertCode(again, 2);
    assert.match(again.stderr, /listed\.out" exists.*--overwrite/);
    assertCode(await stage.run(["jobs", "export", id, "-o", "listed.out", "--overwrite"]), 0);
    assert.equal(lines(await readFile(join(stage.folder, "listed.out"), "utf8")).length, 4);
    const unknown = await stage.run(["jobs", "show", "job_nothing"]);
    assert.notEqual(unknown.code, 0);
    assert.match(unknown.stderr, /job_nothing/);
  });
});
