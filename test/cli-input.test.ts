/** What people do to a command: wrong paths, wrong flags, wrong keys, a full disk, Ctrl-C. Each is said clearly and loses nothing. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { localServers } from "../src/setup/endpoints.ts";
import { servedModels } from "../src/models/served-models.ts";
import { code, faults } from "../src/testing/index.ts";
import { questionOf, type Say } from "./ask-stage.ts";
import { openCliStage, type CliStage, type CommandOptions, type Ended } from "./cli-stage.ts";

const manyFiles = Number(process.env["UNABRIDGED_TEST_FILES"] ?? 20_000);
const noText = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0, 1, 2]);
const noUtf8 = Buffer.from([0x61, 0xff, 0xfe, 0x80, 0x0d, 0x0a, 0xe2, 0x82]);

/** What the root LM does for each question. */
const cells: Readonly<Record<string, readonly Say[]>> = {
  "How long is it?": [code`FINAL(str(len(context)))`],
  "Which bytes?": [code`FINAL(context.encode("utf-8", "surrogateescape").hex())`],
  "Which documents?": [code`FINAL([text.path for text in context])`],
  "Quote it.": [code`FINAL("It says so [" + context[0:5].span + "].")`],
  "Repeat it.": [code`FINAL("line of the answer\n" * 250_000)`],
  "Slowly, please.": [
    code`
      answer["content"] = "so far: " + context[:5]
      print("noted")`,
    code`FINAL("the end")`,
  ],
  "Fill the disk.": [
    ...Array.from({ length: 3 }, (_, turn) => code`print(${turn}, len("${noise(60_000)}"))`),
    code`FINAL("whole")`,
  ],
  "Be careful.": [
    code`
      answer["content"] = "read some"
      print([bool(r) for r in llm_query_batched(["a", "b", "c"])])`,
    "never asked",
  ],
};

let stage: CliStage;
/** While it is set, the slow question gets no answer in its second turn. */
let isSlow = true;
before(async () => {
  stage = await openCliStage(
    {
      root: (turn, request) => {
        if (turn === 2 && isSlow && questionOf(request) === "Slowly, please.") return faults.hang();
        return cells[questionOf(request)]?.[turn - 1] ?? faults.serverError();
      },
      leaf: (prompt) => `read ${prompt}`,
    },
    { apiKey: "story" },
  );
  const files: Readonly<Record<string, string | Buffer>> = {
    "notes.txt": "hello\nworld\n",
    "empty.txt": "",
    "odd.txt": noUtf8,
    "picture.png": noText,
    "mixed/one.txt": "one",
    "mixed/two.txt": "two",
    "mixed/picture.png": noText,
  };
  await mkdir(join(stage.folder, "mixed"));
  for (const [name, content] of Object.entries(files)) await writeFile(join(stage.folder, name), content);
  await symlink("circle", join(stage.folder, "circle"));
});
after(() => stage[Symbol.asyncDispose]());

function ask(question: string, args: readonly string[], options?: CommandOptions): Promise<Ended> {
  return stage.run(["ask", question, ...args, ...stage.models], options);
}

interface Refusal {
  readonly args: readonly string[];
  readonly says: RegExp;
  readonly code?: number;
  readonly options?: CommandOptions;
}

const refused: Readonly<Record<string, Refusal>> = {
  "no such path": { args: ["notes.tx"], says: /no file or directory "notes\.tx".*"notes\.txt"/ },
  "a glob that matches nothing": { args: ["*.log"], says: /No file matches "\*\.log"/ },
  "a path that can't be read": { args: ["circle"], says: /"circle" can't be read/ },
  "a named file that is no text": {
    args: ["picture.png"],
    says: /"picture\.png" can't be read as text: binary/,
  },
  "a folder with a file that is no text, refused by flag": {
    args: ["mixed", "--refuse-binary"],
    says: /"mixed\/picture\.png" can't be read as text/,
  },
  "an empty file": { args: ["empty.txt"], says: /The context has no text/ },
  "nothing piped in": { args: [], options: { stdin: "" }, says: /The context has no text/ },
  "an earlier run that there is not": { args: ["run:run_none"], says: /There is no run "run_none"/, code: 1 },
  "a wrong key": {
    args: ["notes.txt"],
    options: { environment: { LLM_API_KEY: "sk-wrong-but-secret" } },
    says: /did not accept the key.*401.*LLM_API_KEY/,
    code: 1,
  },
  "a server that is not there": {
    args: ["notes.txt", "--base-url", "http://127.0.0.1:9/v1"],
    says: /could not be reached.*127\.0\.0\.1:9.*base URL/s,
    code: 1,
  },
  "a base URL that is none": {
    args: ["notes.txt", "--base-url", "localhost"],
    says: /http:\/\/.*"localhost"/,
  },
  "a sandbox that can't start": {
    args: ["notes.txt", "--sandbox", "native"],
    options: { environment: { PATH: "/nowhere" } },
    says: /(bubblewrap.*Install it|needs Linux).*"wasm"/,
    code: 1,
  },
  "an unknown sandbox": { args: ["notes.txt", "--sandbox", "docker"], says: /docker.*wasm, native/ },
  "an unknown flag": { args: ["notes.txt", "--modle", "x"], says: /unknown option '--modle'\n.*--model/ },
  ...Object.fromEntries(
    [
      "--max-cost",
      "--max-calls",
      "--max-tokens",
      "--max-time",
      "--max-iterations",
      "--concurrency",
      "--call-timeout",
    ].map((flag) => [
      `${flag} 0`,
      { args: ["notes.txt", flag, "0"], says: new RegExp(`${flag} .*'0' is invalid`) },
    ]),
  ),
};

describe("a request that can't be carried out", { concurrency: 2 }, () => {
  for (const [name, { args, says, code: exit = 2, options }] of Object.entries(refused))
    test(`${name}: exit code ${exit}, said on standard error, nothing on standard output`, async () => {
      const {
        code: actual,
        stdout,
        stderr,
      } = await stage.run(["ask", "How long is it?", ...stage.models, ...args], options);
      assert.equal(actual, exit, stderr);
      assert.match(stderr, says);
      assert.equal(stdout, "");
      assert.doesNotMatch(stderr, /^\s+at .*\.ts:/m, "a stack is shown");
      assert.doesNotMatch(stderr, /sk-wrong-but-secret/);
      for (const [, runId = ""] of stderr.matchAll(/runs resume (\S+)/g))
        assert.equal(
          (await stage.run(["runs", "show", runId])).code,
          0,
          "what it says to go on with is not there",
        );
    });

  test("a model that the server does not know: exit code 1, and what to check", async () => {
    await using other = await openCliStage({ root: () => faults.unknownModel("root") });
    await writeFile(join(other.folder, "notes.txt"), "hello");
    const { code: exit, stderr } = await other.run(["ask", "How long is it?", "notes.txt", ...other.models]);
    assert.equal(exit, 1);
    assert.match(stderr, /does not know the model \(model "root", 404 .*Check the model's id/);
  });

  test("a configuration that is no JSON: exit code 2, and which file", async () => {
    const cwd = join(stage.folder, "project");
    await mkdir(cwd);
    await writeFile(join(cwd, "unabridged.config.json"), "{");
    const { code: exit, stderr } = await ask("How long is it?", ["../notes.txt"], { cwd });
    assert.equal(exit, 2);
    assert.match(stderr, /project\/unabridged\.config\.json" is no valid JSON/);
  });
});

describe("a request that is unusual", { concurrency: 2 }, () => {
  test("files that are no text are left out of a folder, and named", async () => {
    const { code: exit, stdout, stderr } = await ask("Which documents?", ["mixed"]);
    assert.equal(exit, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), ["mixed/one.txt", "mixed/two.txt"]);
    assert.match(stderr, /Left out of the context: mixed\/picture\.png \(binary\)/);
  });

  test("bytes that are no UTF-8 reach the cell and come back as they were", async () => {
    const { stdout } = await ask("Which bytes?", ["odd.txt"]);
    assert.equal(stdout, `${noUtf8.toString("hex")}\n`);
  });

  test("standard input is a context, with and without a dash", async () => {
    const [plain, dash] = await Promise.all([
      ask("How long is it?", [], { stdin: "piped in" }),
      ask("How long is it?", ["-"], { stdin: "piped in as well" }),
    ]);
    assert.deepEqual([plain.stdout, dash.stdout], ["8\n", "16\n"]);
  });

  test(`a folder of ${manyFiles.toLocaleString("en-US")} files is a context like any other`, async () => {
    const perFolder = 1_000;
    for (let folder = 0; folder * perFolder < manyFiles; folder++) {
      const path = join(stage.folder, "many", `part-${folder}`);
      await mkdir(path, { recursive: true });
      const names = Array.from({ length: Math.min(perFolder, manyFiles - folder * perFolder) }, (_, n) => n);
      await Promise.all(names.map((n) => writeFile(join(path, `${n}.txt`), `file ${folder} ${n}\n`)));
    }
    const { code: exit, stdout, stderr } = await ask("How long is it?", ["many"]);
    assert.equal(exit, 0, stderr);
    assert.equal(stdout, `${manyFiles}\n`);
  });

  test("--json prints one object, with the answer and what it took; citations say where", async () => {
    const { stdout } = await ask("Quote it.", ["notes.txt", "--json", "--no-cache"]);
    const { answer, status, citations, usage, costUsd, runId } = JSON.parse(stdout) as Record<
      string,
      unknown
    >;
    assert.deepEqual([answer, status, costUsd], ["It says so [d1:0-5].", "answered", null]);
    assert.ok(Array.isArray(citations) && typeof usage === "object");
    const [{ id, path, line, text }] = citations;
    assert.deepEqual([id, path, line, text], ["d1:0-5", "notes.txt", 1, "hello"]);
    assert.match(String(runId), /^run_\w+$/);
  });

  test("with --trace, too, standard output holds nothing but the answer, with places to open", async () => {
    const { stdout, stderr } = await ask("Quote it.", ["notes.txt", "--trace", "--no-cache"]);
    assert.equal(stdout, "It says so [notes.txt:1].\n");
    assert.match(stderr, /── turn 1 ──/);
  });

  test("an answer larger than any pipe arrives whole, and one that nobody reads to its end is no failure", async () => {
    const whole = await ask("Repeat it.", ["notes.txt"]);
    assert.equal(whole.stdout.length, 250_000 * "line of the answer\n".length);
    const unread = stage.start(["ask", "Repeat it.", "notes.txt", ...stage.models]);
    unread.process.stdout?.destroy();
    const { code: exit, stderr } = await unread.ended;
    assert.doesNotMatch(stderr, /EPIPE/);
    assert.equal(exit, 0);
  });

  test("a limit that is reached: the draft is the answer, exit code 3, and what to raise", async () => {
    const { code: exit, stdout, stderr } = await ask("Be careful.", ["notes.txt", "--max-calls", "2"]);
    assert.equal(exit, 3, stderr);
    assert.equal(stdout, "read some\n");
    assert.match(stderr, /limit of 2 calls is reached.*--max-calls/);
    assert.match(stderr, /Go on with: unabridged runs resume run_/);
  });

  test("Ctrl-C ends with the draft, exit code 130 and the command that goes on, which it does", async () => {
    const started = stage.start(["ask", "Slowly, please.", "notes.txt", ...stage.models]);
    await started.says(/turn 2/);
    started.interrupt();
    const { code: exit, stdout, stderr } = await started.ended;
    assert.equal(exit, 130, stderr);
    assert.equal(stdout, "so far: hello\n");
    const runId = /Go on with: unabridged runs resume (run_\w+)\n/.exec(stderr)?.[1];
    assert.ok(runId, stderr);
    isSlow = false;
    const resumed = await stage.run(["runs", "resume", runId]);
    assert.deepEqual([resumed.code, resumed.stdout], [0, "the end\n"]);
  });

  const hasLocal = localServers.map((server) => servedModels(server, { timeoutMs: 300 }));
  test("without any model the built-in reader answers, and says that it is none", async (context) => {
    if ((await Promise.all(hasLocal)).some((served) => served !== undefined))
      return context.skip("a local model server answers here");
    const {
      code: exit,
      stdout,
      stderr,
    } = await stage.run(["ask", 'What does "world" follow?', "notes.txt"], {
      environment: { LLM_API_KEY: "" },
    });
    assert.equal(exit, 0, stderr);
    assert.match(stderr, /not a language model.*OPENAI_API_KEY/s);
    assert.match(stdout, /world/);
  });
});

// Disks of their own, in a mount namespace, where the system lets this user have one.
const canMount = spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).status === 0;

describe("a full disk", { skip: !canMount && "no mount namespaces here", concurrency: 2 }, () => {
  const on = (size: string): CommandOptions => ({
    environment: { UNABRIDGED_HOME: "/mnt" },
    launcher: ["unshare", "-rm", "sh", "-c", `mount -t tmpfs -o size=${size} tmpfs /mnt && exec "$0" "$@"`],
  });

  test("that fills up during a run: the answer comes, with a word on what is not kept", async () => {
    const { code: exit, stdout, stderr } = await ask("Fill the disk.", ["notes.txt"], on("400k"));
    assert.equal(exit, 0, stderr);
    assert.equal(stdout, "whole\n");
    assert.match(stderr, /(no longer recorded|can't be kept).*no room left.*Free some space/);
  });

  test("that has no room for the store: said at once", async () => {
    const { code: exit, stdout, stderr } = await ask("How long is it?", ["notes.txt"], on("64k"));
    assert.equal(exit, 1, stderr);
    assert.equal(stdout, "");
    assert.match(stderr, /no room left.*Free some space.*UNABRIDGED_HOME/);
    assert.doesNotMatch(stderr, /runs resume/);
  });
});

/** Text that neither compresses nor repeats. */
function noise(length: number): string {
  let text = "";
  while (text.length < length) text += Math.random().toString(36).slice(2);
  return text.slice(0, length);
}
